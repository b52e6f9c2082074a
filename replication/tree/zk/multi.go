package zk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/leatmq/leat/replication/tree"
)

// serverBuffer is about what a server with its own defaults takes in one
// request (jute.maxbuffer). It drops the connection at more, without a word; so
// a larger request that was lost largeLosses times counts as too large.
const (
	serverBuffer = 1_000_000
	largeLosses  = 3
)

// opOverhead is about what an operation takes in a request besides its path and
// data, access list included.
const opOverhead = 96

// Multi does all of the operations or none. A write whose answer is lost is
// settled before it is sent again; see settle.
func (t *Tree) Multi(ops ...tree.Op) ([]tree.Result, error) {
	full := make([]tree.Op, len(ops))
	size := 0
	for i, op := range ops {
		if err := valid(op.Path); err != nil {
			return nil, &tree.MultiError{Index: i, Path: op.Path, Err: err}
		}
		size += len(op.Path) + len(t.chroot) + len(op.Data) + opOverhead
		if len(op.Data) > tree.MaxData || size > buffer {
			return nil, &tree.MultiError{Index: i, Path: op.Path, Err: tree.ErrTooLarge}
		}
		full[i] = op
		full[i].Path = t.full(op.Path)
	}
	results, err := t.multi(full)
	var failed *tree.MultiError
	if errors.As(err, &failed) {
		failed.Path = ops[failed.Index].Path
	}
	for i := range results {
		results[i].Path = strings.TrimPrefix(results[i].Path, t.chroot)
	}
	return results, err
}

// multi is Multi with full paths.
func (t *Tree) multi(ops []tree.Op) ([]tree.Result, error) {
	if err := t.state.err(); err != nil || len(ops) == 0 {
		return nil, err
	}
	requests, size, err := t.requests(ops)
	if err != nil {
		return nil, err
	}
	for losses := 1; ; losses++ {
		floor := t.zxid.Load()
		var answers []zk.MultiResponse
		err := t.once(func() (err error) {
			answers, err = t.conn.Multi(requests...)
			return err
		})
		if final(err) {
			return nil, err
		}
		if !lost(err) {
			return t.results(ops, answers, err)
		}
		if err := t.recover(err); err != nil {
			return nil, err
		}
		results, done, err := t.settle(ops, floor)
		if err != nil || done {
			return results, err
		}
		if size > serverBuffer && losses >= largeLosses {
			return nil, &tree.MultiError{Path: ops[0].Path, Err: fmt.Errorf("%w: %d bytes lost the connection %d times", tree.ErrTooLarge, size, losses)}
		}
	}
}

// requests gives the operations the library's shape.
func (t *Tree) requests(ops []tree.Op) (requests []any, size int, err error) {
	requests = make([]any, len(ops))
	for i, op := range ops {
		size += len(op.Path) + len(op.Data) + opOverhead
		switch op.Kind {
		case tree.OpCreate:
			requests[i] = &zk.CreateRequest{Path: op.Path, Data: op.Data, Acl: t.acl(op.Path), Flags: int32(op.Flags)}
		case tree.OpSet:
			requests[i] = &zk.SetDataRequest{Path: op.Path, Data: op.Data, Version: op.Version}
		case tree.OpDelete:
			requests[i] = &zk.DeleteRequest{Path: op.Path, Version: op.Version}
		case tree.OpCheck:
			requests[i] = &zk.CheckVersionRequest{Path: op.Path, Version: op.Version}
		default:
			return nil, 0, &tree.MultiError{Index: i, Path: op.Path, Err: fmt.Errorf("%w: operation %d", tree.ErrBadPath, op.Kind)}
		}
	}
	return requests, size, nil
}

// results makes the answer of what the server said.
func (t *Tree) results(ops []tree.Op, answers []zk.MultiResponse, err error) ([]tree.Result, error) {
	for i, a := range answers {
		if a.Error != nil && i < len(ops) {
			return nil, &tree.MultiError{Index: i, Path: ops[i].Path, Err: translate(a.Error)}
		}
	}
	if err != nil {
		return nil, &tree.MultiError{Path: ops[0].Path, Err: translate(err)}
	}
	if len(answers) != len(ops) {
		return nil, fmt.Errorf("zookeeper: %d answers to %d operations", len(answers), len(ops))
	}
	results := make([]tree.Result, len(ops))
	var change tree.Stat // of any node that the multi wrote
	var made []string
	for i, op := range ops {
		results[i].Path = op.Path
		switch op.Kind {
		case tree.OpCreate:
			results[i].Path = answers[i].String
			made = append(made, answers[i].String)
		case tree.OpSet:
			results[i].Stat = statOf(answers[i].Stat)
			change.Czxid, change.Ctime = results[i].Stat.Mzxid, results[i].Stat.Mtime
		}
	}
	if change.Czxid == 0 && len(made) > 0 {
		if change, err = t.creation(made); err != nil {
			return nil, err
		}
	}
	t.note(change.Czxid)
	for i, op := range ops {
		if op.Kind == tree.OpCreate {
			results[i].Stat = t.created(op, change)
		}
	}
	return results, nil
}

// creation reads the number and time of the change that made the nodes: the
// server does not answer a creation with them. Nodes that are gone again leave
// it unknown, 0.
func (t *Tree) creation(made []string) (tree.Stat, error) {
	for _, full := range made {
		var n tree.Node
		err := t.ask(func() error {
			there, stat, err := t.conn.Exists(full)
			return t.found(&n, there, stat, err)
		})
		if err == nil {
			return n.Stat, nil
		}
		if !errors.Is(err, tree.ErrNoNode) {
			return tree.Stat{}, err
		}
	}
	return tree.Stat{}, nil
}

// created is the Stat of a node as it was made by a change.
func (t *Tree) created(op tree.Op, change tree.Stat) tree.Stat {
	s := tree.Stat{
		Czxid: change.Czxid, Mzxid: change.Czxid, Pzxid: change.Czxid,
		Ctime: change.Ctime, Mtime: change.Ctime, DataLength: int32(len(op.Data)),
	}
	if op.Flags&tree.Ephemeral != 0 {
		s.EphemeralOwner = t.Session()
	}
	return s
}
