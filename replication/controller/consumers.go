package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// ConsumerPartition says whose offset of what is stored under /consumers.
type ConsumerPartition struct {
	Group, Topic string
	Partition    int32
}

func (p ConsumerPartition) path() string {
	return znode.ConsumerOffsetPath(p.Group, p.Topic, p.Partition)
}

// ConsumerOffset reads the offset that an OffsetCommit of version 0 stored
// under /consumers; ok is false if there is none.
func (c *Controller) ConsumerOffset(ctx context.Context, of ConsumerPartition) (offset int64, ok bool, err error) {
	store, err := c.tree(ctx)
	if err != nil {
		return 0, false, err
	}
	n, err := store.Get(of.path(), nil)
	if errors.Is(err, tree.ErrNoNode) || errors.Is(err, tree.ErrBadPath) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	offset, err = znode.DecodeNumber(n.Data)
	if err != nil {
		return 0, false, fmt.Errorf("offset of group %q: %w", of.Group, err)
	}
	return offset, true, nil
}

// SetConsumerOffset stores an offset under /consumers, for OffsetCommit of
// version 0. A group whose name cannot be part of a path gives tree.ErrBadPath.
func (c *Controller) SetConsumerOffset(ctx context.Context, of ConsumerPartition, offset int64) error {
	store, err := c.tree(ctx)
	if err != nil {
		return err
	}
	path := of.path()
	data := znode.EncodeNumber(offset)
	_, err = store.Multi(tree.Set(path, data, tree.AnyVersion))
	if !errors.Is(err, tree.ErrNoNode) {
		return err
	}
	if err := tree.EnsureAll(store, path); err != nil {
		return err
	}
	_, err = store.Multi(tree.Set(path, data, tree.AnyVersion))
	return err
}

// tree is this broker's session on the tree, which it has whether or not it is
// the active controller; calls on it end with ctx.
func (c *Controller) tree(ctx context.Context) (tree.Tree, error) {
	s := c.session.Load()
	if s == nil {
		return nil, tree.ErrClosed
	}
	return tree.Within(ctx, s.Tree), nil
}
