package embedded

import (
	"bytes"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/leatmq/leat/replication/tree"
)

// change is one transaction on the tree: the operations of a Multi, all under
// one zxid, and the events they will cause.
type change struct {
	nodes   *bolt.Bucket
	zxid    int64
	session int64
	now     int64 // milliseconds
	events  []tree.Event
}

func (c *change) nextZxid(meta *bolt.Bucket) error {
	c.zxid = number(meta.Get(zxidKey)) + 1
	return meta.Put(zxidKey, numberBytes(c.zxid))
}

func (c *change) get(path string) (node, error) {
	value := c.nodes.Get(key(path))
	if value == nil {
		return node{}, tree.ErrNoNode
	}
	return decodeNode(value)
}

func (c *change) put(path string, n *node) error { return c.nodes.Put(key(path), n.encode()) }

func (c *change) ensureRoot() error {
	if c.nodes.Get(key("/")) != nil {
		return nil
	}
	return c.put("/", &node{})
}

// do carries out one operation.
func (c *change) do(op tree.Op) (tree.Result, error) {
	if err := checkPath(op.Path); err != nil {
		return tree.Result{}, err
	}
	if len(op.Data) > tree.MaxData {
		return tree.Result{}, tree.ErrTooLarge
	}
	switch op.Kind {
	case tree.OpCreate:
		return c.create(op)
	case tree.OpSet:
		return c.set(op)
	case tree.OpDelete:
		return tree.Result{Path: op.Path}, c.delete(op)
	case tree.OpCheck:
		n, err := c.get(op.Path)
		if err != nil {
			return tree.Result{}, err
		}
		return tree.Result{Path: op.Path, Stat: n.view()}, demand(&n, op.Version)
	}
	return tree.Result{}, fmt.Errorf("%w: operation %d", tree.ErrBadPath, op.Kind)
}

func demand(n *node, version int32) error {
	if version != tree.AnyVersion && version != n.stat.Version {
		return tree.ErrBadVersion
	}
	return nil
}

func (c *change) create(op tree.Op) (tree.Result, error) {
	path := op.Path
	if path == "/" {
		return tree.Result{}, tree.ErrNodeExists
	}
	up := tree.Parent(path)
	parent, err := c.get(up)
	if err != nil {
		return tree.Result{}, err
	}
	if parent.stat.EphemeralOwner != 0 {
		return tree.Result{}, tree.ErrNoChildren
	}
	if op.Flags&tree.Sequential != 0 {
		path = fmt.Sprintf("%s%010d", path, parent.creations)
	}
	if c.nodes.Get(key(path)) != nil {
		return tree.Result{}, tree.ErrNodeExists
	}
	n := node{data: op.Data, stat: tree.Stat{
		Czxid: c.zxid, Mzxid: c.zxid, Pzxid: c.zxid, Ctime: c.now, Mtime: c.now,
	}}
	if op.Flags&tree.Ephemeral != 0 {
		n.stat.EphemeralOwner = c.session
	}
	parent.creations++
	parent.stat.NumChildren++
	parent.stat.Pzxid = c.zxid
	if err := c.put(up, &parent); err != nil {
		return tree.Result{}, err
	}
	if err := c.put(path, &n); err != nil {
		return tree.Result{}, err
	}
	c.event(tree.NodeCreated, path)
	c.event(tree.NodeChildrenChanged, up)
	return tree.Result{Path: path, Stat: n.view()}, nil
}

func (c *change) set(op tree.Op) (tree.Result, error) {
	n, err := c.get(op.Path)
	if err != nil {
		return tree.Result{}, err
	}
	if err := demand(&n, op.Version); err != nil {
		return tree.Result{}, err
	}
	n.data = op.Data
	n.stat.Version++
	n.stat.Mzxid, n.stat.Mtime = c.zxid, c.now
	if err := c.put(op.Path, &n); err != nil {
		return tree.Result{}, err
	}
	c.event(tree.NodeDataChanged, op.Path)
	return tree.Result{Path: op.Path, Stat: n.view()}, nil
}

func (c *change) delete(op tree.Op) error {
	if op.Path == "/" {
		return tree.ErrBadPath
	}
	n, err := c.get(op.Path)
	if err != nil {
		return err
	}
	if err := demand(&n, op.Version); err != nil {
		return err
	}
	if n.stat.NumChildren > 0 {
		return tree.ErrNotEmpty
	}
	up := tree.Parent(op.Path)
	parent, err := c.get(up)
	if err != nil {
		return err
	}
	parent.stat.NumChildren--
	parent.stat.Pzxid = c.zxid
	if err := c.put(up, &parent); err != nil {
		return err
	}
	if err := c.nodes.Delete(key(op.Path)); err != nil {
		return err
	}
	c.event(tree.NodeDeleted, op.Path)
	c.event(tree.NodeChildrenChanged, up)
	return nil
}

// anyone stands for all sessions.
const anyone int64 = 0

// dropEphemerals removes the ephemeral nodes of a session that has ended.
func (c *change) dropEphemerals(owner int64) error {
	var paths []string
	cursor := c.nodes.Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		n, err := decodeNode(v)
		if err != nil {
			return fmt.Errorf("%q: %w", bytes.TrimLeft(k, "\x00"), err)
		}
		if n.stat.EphemeralOwner != 0 && (owner == anyone || owner == n.stat.EphemeralOwner) {
			paths = append(paths, string(k[1:]))
		}
	}
	for _, path := range slices.Backward(paths) {
		if err := c.delete(tree.Delete(path, tree.AnyVersion)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (c *change) event(t tree.EventType, path string) {
	c.events = append(c.events, tree.Event{Type: t, Path: path})
}
