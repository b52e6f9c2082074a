package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/leatmq/leat/replication/tree"
)

// Get reads a node and arms the watch, if any.
func (t *Tree) Get(path string, w tree.Watch) (tree.Node, error) {
	if w == nil {
		return t.read(path)
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	n, err := t.read(path)
	if err == nil {
		t.watches.onNode(path, w)
	}
	return n, err
}

// Exists reads a node's Stat and arms the watch, if any, also where there is no
// node yet.
func (t *Tree) Exists(path string, w tree.Watch) (tree.Stat, error) {
	if w == nil {
		n, err := t.read(path)
		return n.Stat, err
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	n, err := t.read(path)
	if err == nil || errors.Is(err, tree.ErrNoNode) {
		t.watches.onNode(path, w)
	}
	return n.Stat, err
}

// GetAll reads many nodes of one moment.
func (t *Tree) GetAll(paths []string) ([]tree.Node, error) {
	out := make([]tree.Node, len(paths))
	err := t.view(func(nodes *bolt.Bucket) error {
		for i, path := range paths {
			n, err := load(nodes, path)
			switch {
			case errors.Is(err, tree.ErrNoNode):
				out[i].Stat.Version = -1
			case err != nil:
				return fmt.Errorf("%s: %w", path, err)
			default:
				out[i] = n
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Children lists a node's children, sorted, and arms the watch, if any.
func (t *Tree) Children(path string, w tree.Watch) ([]string, tree.Stat, error) {
	if w == nil {
		return t.list(path)
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	names, stat, err := t.list(path)
	if err == nil {
		t.watches.onChildren(path, w)
	}
	return names, stat, err
}

// Multi does all of the operations in one transaction, or none.
func (t *Tree) Multi(ops ...tree.Op) ([]tree.Result, error) {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if err := t.alive(); err != nil {
		return nil, err
	}
	results := make([]tree.Result, len(ops))
	var events []tree.Event
	err := t.update(func(c *change) error {
		for i, op := range ops {
			r, err := c.do(op)
			if err != nil {
				return &tree.MultiError{Index: i, Path: op.Path, Err: err}
			}
			results[i] = r
		}
		events = c.events
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.f.fire(events)
	return results, nil
}

func (t *Tree) read(path string) (out tree.Node, err error) {
	err = t.view(func(nodes *bolt.Bucket) error {
		out, err = load(nodes, path)
		return err
	})
	if err != nil {
		return tree.Node{}, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

func (t *Tree) list(path string) (names []string, stat tree.Stat, err error) {
	err = t.view(func(nodes *bolt.Bucket) error {
		n, err := load(nodes, path)
		if err != nil {
			return err
		}
		stat = n.Stat
		names = make([]string, 0, stat.NumChildren)
		prefix := childrenPrefix(path)
		cursor := nodes.Cursor()
		for k, _ := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
			names = append(names, string(k[len(prefix):]))
		}
		return nil
	})
	if err != nil {
		return nil, tree.Stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return names, stat, nil
}

// view reads in a transaction of its own.
func (t *Tree) view(f func(nodes *bolt.Bucket) error) error {
	if err := t.alive(); err != nil {
		return err
	}
	tx, err := t.f.db.Begin(false)
	if err != nil {
		return tree.ErrClosed
	}
	defer rollback(tx)
	return f(tx.Bucket(nodesBucket))
}

// rollback ends a read transaction. It can fail only if the transaction has
// already ended, which view does not let happen.
func rollback(tx *bolt.Tx) {
	if err := tx.Rollback(); err != nil {
		panic(err)
	}
}

// load copies a node out of the transaction.
func load(nodes *bolt.Bucket, path string) (tree.Node, error) {
	if err := checkPath(path); err != nil {
		return tree.Node{}, err
	}
	value := nodes.Get(key(path))
	if value == nil {
		return tree.Node{}, tree.ErrNoNode
	}
	n, err := decodeNode(value)
	if err != nil {
		return tree.Node{}, err
	}
	return tree.Node{Data: slices.Clone(n.data), Stat: n.stat}, nil
}
