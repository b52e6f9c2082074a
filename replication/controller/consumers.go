package controller

import (
	"errors"
	"fmt"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// ConsumerOffset reads the offset that an OffsetCommit of version 0 stored
// under /consumers; ok is false if there is none.
func (c *Controller) ConsumerOffset(group, topicName string, partition int32) (offset int64, ok bool, err error) {
	n, err := c.o.Tree.Get(znode.ConsumerOffsetPath(group, topicName, partition), nil)
	if errors.Is(err, tree.ErrNoNode) || errors.Is(err, tree.ErrBadPath) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	offset, err = znode.DecodeNumber(n.Data)
	if err != nil {
		return 0, false, fmt.Errorf("offset of group %q: %w", group, err)
	}
	return offset, true, nil
}

// SetConsumerOffset stores an offset under /consumers, for OffsetCommit of
// version 0. A group whose name cannot be part of a path gives tree.ErrBadPath.
func (c *Controller) SetConsumerOffset(group, topicName string, partition int32, offset int64) error {
	path := znode.ConsumerOffsetPath(group, topicName, partition)
	data := znode.EncodeNumber(offset)
	_, err := c.o.Tree.Multi(tree.Set(path, data, tree.AnyVersion))
	if !errors.Is(err, tree.ErrNoNode) {
		return err
	}
	if err := tree.EnsureAll(c.o.Tree, path); err != nil {
		return err
	}
	_, err = c.o.Tree.Multi(tree.Set(path, data, tree.AnyVersion))
	return err
}
