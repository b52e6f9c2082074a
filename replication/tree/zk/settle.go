package zk

import (
	"bytes"
	"errors"
	"strings"

	"github.com/leatmq/leat/replication/tree"
)

// settle finds out whether a multi whose answer was lost has been done. It
// first lets the server catch up with all that the session has written (sync):
// after that, on the new connection, what the old one has sent is either done
// or never will be. Then it looks at every node for what the multi would have
// left there:
//
//	created             there, with this data, as often set as the multi sets it;
//	                    an ephemeral one owned by this session
//	created, sequence   a sibling of the name, with this data, newer than anything
//	                    this session knew of when it sent the multi
//	set from version v  this data at version v+1
//	set, any version    this data
//	deleted             not there
//
// A node that speaks against it (not created; still at the version from which
// it was to be set; set to other data; still there) means that it was not done:
// it is sent again. Otherwise one node that speaks for it is enough, for a multi
// is done whole or not at all. Where none does, since others have changed all
// of them since, it is sent again as well, and the server's answer is the one
// the caller gets: at worst a conflict with a write of its own, after which it
// reads and decides again, as after any conflict.
func (t *Tree) settle(ops []tree.Op, floor int64) (results []tree.Result, done bool, err error) {
	if err := t.Sync(); err != nil {
		return nil, false, err
	}
	results = make([]tree.Result, len(ops))
	for _, trace := range traces(ops) {
		full, n, err := t.look(trace, floor)
		if err != nil {
			return nil, false, err
		}
		switch trace.verdict(n, t.Session()) {
		case against:
			return nil, false, nil
		case inFavour:
			done = true
		}
		for _, i := range trace.ops {
			results[i].Path = ops[i].Path
			switch ops[i].Kind {
			case tree.OpCreate:
				results[i] = tree.Result{Path: full, Stat: t.created(ops[i], n.Stat)}
			case tree.OpSet:
				results[i].Stat = n.Stat
			}
		}
	}
	if !done {
		return nil, false, nil
	}
	return results, true, nil
}

// trace is what a multi does to one node in the end.
type trace struct {
	path    string
	ops     []int // of the multi
	create  bool
	flags   tree.Flags
	remove  bool
	sets    int32
	version int32 // the first set demands, AnyVersion if none
	data    []byte
}

// traces folds the operations by node. Checks leave no trace.
func traces(ops []tree.Op) []*trace {
	var all []*trace
	byPath := make(map[string]*trace)
	for i, op := range ops {
		tr := byPath[op.Path]
		if tr == nil || op.Flags&tree.Sequential != 0 {
			tr = &trace{path: op.Path, version: tree.AnyVersion}
			all = append(all, tr)
			if op.Flags&tree.Sequential == 0 {
				byPath[op.Path] = tr
			}
		}
		tr.ops = append(tr.ops, i)
		switch op.Kind {
		case tree.OpCreate:
			tr.create, tr.remove, tr.sets, tr.flags, tr.data = true, false, 0, op.Flags, op.Data
		case tree.OpSet:
			if tr.sets == 0 {
				tr.version = op.Version
			}
			tr.sets++
			tr.data = op.Data
		case tree.OpDelete:
			tr.remove = true
		}
	}
	return all
}

// verdict is what a node says about a multi.
type verdict int8

const (
	silent verdict = iota
	inFavour
	against
)

// verdict judges the node as it is now; a negative version is none.
func (tr *trace) verdict(n tree.Node, session int64) verdict {
	there := n.Stat.Version >= 0
	same := bytes.Equal(n.Data, tr.data)
	switch {
	case tr.remove && tr.create:
		return silent
	case tr.remove:
		return either(!there)
	case tr.create:
		if !there || n.Stat.Version < tr.sets {
			return against
		}
		if tr.flags&tree.Ephemeral != 0 && n.Stat.EphemeralOwner != session {
			return against
		}
		if n.Stat.Version > tr.sets {
			return silent
		}
		return either(same)
	case tr.sets == 0 || !there:
		return silent
	case tr.version == tree.AnyVersion:
		if same {
			return inFavour
		}
		return silent
	case n.Stat.Version > tr.version+tr.sets:
		return silent
	}
	return either(n.Stat.Version == tr.version+tr.sets && same)
}

func either(yes bool) verdict {
	if yes {
		return inFavour
	}
	return against
}

// look reads the node of a trace; one that is not there has version -1.
func (t *Tree) look(tr *trace, floor int64) (string, tree.Node, error) {
	if tr.flags&tree.Sequential != 0 {
		return t.lookForSequence(tr, floor)
	}
	n, err := t.read(tr.path)
	return tr.path, n, err
}

// lookForSequence looks for the node among those of its name.
func (t *Tree) lookForSequence(tr *trace, floor int64) (string, tree.Node, error) {
	var names []string
	parent := tree.Parent(tr.path)
	err := t.ask(func() (err error) { names, _, err = t.conn.Children(parent); return err })
	if err != nil && !errors.Is(err, tree.ErrNoNode) {
		return "", tree.Node{}, err
	}
	prefix := strings.TrimSuffix(parent, "/") + "/"
	for _, name := range names {
		full := prefix + name
		if len(full) != len(tr.path)+10 || !strings.HasPrefix(full, tr.path) {
			continue
		}
		n, err := t.read(full)
		if err != nil {
			return "", tree.Node{}, err
		}
		if n.Stat.Version == 0 && n.Stat.Czxid > floor && tr.verdict(n, t.Session()) == inFavour {
			return full, n, nil
		}
	}
	return "", tree.Node{Stat: tree.Stat{Version: -1}}, nil
}

// read reads a node by its full path; one that is not there has version -1.
func (t *Tree) read(full string) (n tree.Node, err error) {
	err = t.ask(func() error {
		data, stat, err := t.conn.Get(full)
		n = t.node(data, stat, err)
		return err
	})
	if errors.Is(err, tree.ErrNoNode) {
		return tree.Node{Stat: tree.Stat{Version: -1}}, nil
	}
	return n, err
}
