package configs

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// Alter replaces what an entity is configured with by what change makes of it,
// which must not modify what it is given, and may be called several times. Two
// changes of one entity never lose one another, wherever they are made: change
// sees the outcome of the one before. When Alter returns, this broker has
// applied the change; others follow. Without a controller it waits for one: it
// may be a KRaft controller that is about to take over.
//
// Errors: change's, and then nothing was done; plan.ErrUnknownTopic; ctx's.
func (c *Configs) Alter(ctx context.Context, e image.Entity, change func(map[string]string) (map[string]string, error)) error {
	for {
		done := false
		t, err := c.latest(ctx)
		if err == nil {
			done, err = c.try(ctx, t, alteration{e, change})
		}
		switch {
		case err != nil && !errors.Is(err, tree.ErrExpired):
			return err
		case done && err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// alteration is one call of Alter.
type alteration struct {
	entity image.Entity
	change func(map[string]string) (map[string]string, error)
}

// try makes the change once; not done means that someone was faster.
func (c *Configs) try(ctx context.Context, t tree.Tree, a alteration) (done bool, err error) {
	controller, err := awaitController(ctx, t)
	if err != nil {
		return false, err
	}
	path := znode.ConfigPath(a.entity)
	n, err := t.Get(path, nil)
	missing := errors.Is(err, tree.ErrNoNode)
	if err != nil && !missing {
		return false, err
	}
	was, err := znode.DecodeConfig(n.Data)
	if err != nil {
		return false, fmt.Errorf("configuration of %s: %w", a.entity.Path(), err)
	}
	if missing && a.entity.Type == image.TopicEntity {
		if err := known(t, a.entity.Name); err != nil {
			return false, err
		}
	}
	next, err := a.change(was)
	if err != nil {
		return false, err
	}
	if maps.Equal(was, next) {
		return true, known(t, a.topic())
	}
	ops := []tree.Op{tree.Check(znode.ControllerPath, controller)}
	if a.topic() != "" {
		ops = append(ops, tree.Check(znode.TopicPath(a.topic()), tree.AnyVersion))
	}
	write := tree.Set(path, znode.EncodeConfig(next), n.Stat.Version)
	if missing {
		write = tree.Create(path, znode.EncodeConfig(next), 0)
	}
	ops = append(ops, write, tree.Create(znode.ConfigChangePrefix, znode.EncodeConfigChange(a.entity), tree.Sequential))
	if _, err = t.Multi(ops...); err != nil {
		return false, a.judge(t, err)
	}
	return true, c.refresh(ctx, t, []image.Entity{a.entity})
}

// topic is the name of the topic, empty if it is another entity.
func (a *alteration) topic() string {
	if a.entity.Type != image.TopicEntity {
		return ""
	}
	return a.entity.Name
}

// judge returns nil if the change should be tried again.
func (a *alteration) judge(t tree.Tree, cause error) error {
	var multi *tree.MultiError
	switch {
	case !errors.As(cause, &multi):
		return cause
	case multi.Path == znode.ControllerPath:
		return nil
	case a.topic() != "" && multi.Path == znode.TopicPath(a.topic()):
		return plan.NoSuchTopic(a.topic())
	case multi.Path != znode.ConfigPath(a.entity):
		return cause
	case errors.Is(cause, tree.ErrBadVersion), errors.Is(cause, tree.ErrNodeExists):
		return nil
	case errors.Is(cause, tree.ErrNoNode):
		return tree.EnsureAll(t, tree.Parent(multi.Path))
	}
	return cause
}

// known returns plan.ErrUnknownTopic for a topic that is not in the tree. The
// empty name is no topic.
func known(t tree.Tree, topic string) error {
	if topic == "" {
		return nil
	}
	_, err := t.Exists(znode.TopicPath(topic), nil)
	if errors.Is(err, tree.ErrNoNode) {
		return plan.NoSuchTopic(topic)
	}
	return err
}

// awaitController waits until there is a controller and returns the version of
// its node, which goes with it.
func awaitController(ctx context.Context, t tree.Tree) (version int32, err error) {
	stat, err := t.Exists(znode.ControllerPath, nil)
	for errors.Is(err, tree.ErrNoNode) {
		changed := make(chan struct{})
		stat, err = t.Exists(znode.ControllerPath, func(tree.Event) { close(changed) })
		if !errors.Is(err, tree.ErrNoNode) {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, fmt.Errorf("no controller: %w", ctx.Err())
		}
	}
	return stat.Version, err
}
