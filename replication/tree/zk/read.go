package zk

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-zookeeper/zk"

	"github.com/leatmq/leat/replication/tree"
)

// full is a path on the servers.
func (t *Tree) full(path string) string {
	if path == "/" && t.chroot != "" {
		return t.chroot
	}
	return t.chroot + path
}

// valid refuses a malformed path.
func valid(path string) error {
	return tree.ValidatePath(path)
}

// Get reads a node and arms the watch, if any.
func (t *Tree) Get(path string, w tree.Watch) (tree.Node, error) {
	if err := valid(path); err != nil {
		return tree.Node{}, err
	}
	full := t.full(path)
	var n tree.Node
	err := t.ask(func() error {
		if w == nil {
			data, stat, err := t.conn.Get(full)
			n = t.node(data, stat, err)
			return err
		}
		data, stat, hit, err := t.conn.GetW(full)
		n = t.node(data, stat, err)
		if err == nil {
			t.watches.onNode(full, armed{hit: hit, watch: w, path: path})
		}
		return err
	})
	return n, at(path, err)
}

// Exists reads a node's Stat and arms the watch, if any, also where there is no
// node yet.
func (t *Tree) Exists(path string, w tree.Watch) (tree.Stat, error) {
	if err := valid(path); err != nil {
		return tree.Stat{}, err
	}
	full := t.full(path)
	var n tree.Node
	err := t.ask(func() error {
		if w == nil {
			there, stat, err := t.conn.Exists(full)
			return t.found(&n, there, stat, err)
		}
		there, stat, hit, err := t.conn.ExistsW(full)
		if err == nil {
			t.watches.onNode(full, armed{hit: hit, watch: w, path: path})
		}
		return t.found(&n, there, stat, err)
	})
	return n.Stat, at(path, err)
}

// found makes an error of a node that is not there.
func (t *Tree) found(n *tree.Node, there bool, stat *zk.Stat, err error) error {
	if err == nil && !there {
		err = zk.ErrNoNode
	}
	*n = t.node(nil, stat, err)
	return err
}

// Children lists a node's children, sorted, and arms the watch, if any.
func (t *Tree) Children(path string, w tree.Watch) ([]string, tree.Stat, error) {
	if err := valid(path); err != nil {
		return nil, tree.Stat{}, err
	}
	full := t.full(path)
	var names []string
	var n tree.Node
	err := t.ask(func() (err error) {
		var stat *zk.Stat
		if w == nil {
			names, stat, err = t.conn.Children(full)
		} else {
			var hit <-chan zk.Event
			names, stat, hit, err = t.conn.ChildrenW(full)
			if err == nil {
				t.watches.onChildren(full, armed{hit: hit, watch: w, path: path})
			}
		}
		n = t.node(nil, stat, err)
		return err
	})
	if err != nil {
		return nil, tree.Stat{}, at(path, err)
	}
	slices.Sort(names)
	return names, n.Stat, nil
}

// Sync has this session's server catch up with the ensemble's leader, so that
// what is read next is not older than the call.
func (t *Tree) Sync() error {
	return t.ask(func() error { _, err := t.conn.Sync("/"); return err })
}

// GetAll reads many nodes, as many at a time as may be in flight. They need not
// be of one moment.
func (t *Tree) GetAll(paths []string) ([]tree.Node, error) {
	for _, path := range paths {
		if err := valid(path); err != nil {
			return nil, err
		}
	}
	if err := t.state.err(); err != nil {
		return nil, err
	}
	out := make([]tree.Node, len(paths))
	errs := make([]error, min(len(paths), t.o.MaxInFlight))
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			for errs[worker] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				n, err := t.Get(paths[i], nil)
				if errors.Is(err, tree.ErrNoNode) {
					n, err = tree.Node{Stat: tree.Stat{Version: -1}}, nil
				}
				out[i], errs[worker] = n, err
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// node takes over what a read answered, nothing where it failed.
func (t *Tree) node(data []byte, s *zk.Stat, err error) tree.Node {
	if err != nil || s == nil {
		return tree.Node{}
	}
	stat := statOf(s)
	t.note(max(stat.Mzxid, stat.Pzxid))
	return tree.Node{Data: data, Stat: stat}
}

// note remembers the latest change that this session knows of.
func (t *Tree) note(zxid int64) {
	for {
		known := t.zxid.Load()
		if zxid <= known || t.zxid.CompareAndSwap(known, zxid) {
			return
		}
	}
}

func statOf(s *zk.Stat) tree.Stat {
	return tree.Stat{
		Czxid: s.Czxid, Mzxid: s.Mzxid, Pzxid: s.Pzxid, Ctime: s.Ctime, Mtime: s.Mtime,
		Version: s.Version, Cversion: s.Cversion, EphemeralOwner: s.EphemeralOwner,
		DataLength: s.DataLength, NumChildren: s.NumChildren,
	}
}

// at puts the path to an error.
func at(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}
