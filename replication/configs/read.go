package configs

import (
	"context"
	"errors"
	"fmt"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// Read returns what the tree holds for an entity, nil if nothing.
func (c *Configs) Read(ctx context.Context, e image.Entity) (map[string]string, error) {
	t, err := c.latest(ctx)
	if err != nil {
		return nil, err
	}
	n, err := t.Get(znode.ConfigPath(e), nil)
	if errors.Is(err, tree.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration of %s: %w", e.Path(), err)
	}
	return znode.DecodeConfig(n.Data)
}

// Load reads the values of topics that this broker sees for the first time, and
// has applied them when it returns. A topic without values is applied too.
func (c *Configs) Load(ctx context.Context, topics []string) error {
	t, err := c.latest(ctx)
	if err != nil {
		return err
	}
	return c.refresh(ctx, t, topicEntities(topics))
}

// latest is the tree with all that has been written before the call: what the
// controller has written before it told this broker of a topic, too.
func (c *Configs) latest(ctx context.Context) (tree.Tree, error) {
	s, err := c.o.Session(ctx)
	if err != nil {
		return nil, err
	}
	t := tree.Within(ctx, s.Tree)
	return t, tree.Sync(t)
}

func topicEntities(names []string) []image.Entity {
	out := make([]image.Entity, len(names))
	for i, name := range names {
		out[i] = image.Entity{Type: image.TopicEntity, Name: name}
	}
	return out
}

// refresh applies what the tree holds for the entities. One that cannot be
// decoded keeps what was applied before.
func (c *Configs) refresh(ctx context.Context, t tree.Tree, entities []image.Entity) error {
	paths := make([]string, len(entities))
	for i, e := range entities {
		paths[i] = znode.ConfigPath(e)
	}
	if err := c.take(ctx); err != nil {
		return fmt.Errorf("read configurations: %w", err)
	}
	defer c.give()
	nodes, err := t.GetAll(paths)
	if err != nil {
		return fmt.Errorf("read configurations: %w", err)
	}
	for i, n := range nodes {
		c.apply(entities[i], n)
	}
	return nil
}

// take waits for the turn to read and apply values; give ends it.
func (c *Configs) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Configs) give() { <-c.turn }

// apply gives an entity what its node holds. It is the caller's turn.
func (c *Configs) apply(e image.Entity, n tree.Node) {
	var values map[string]string
	if n.Stat.Version >= 0 {
		var err error
		if values, err = znode.DecodeConfig(n.Data); err != nil {
			c.o.Logger.Error("a configuration cannot be read; what was before stays", "entity", e.Path(), "error", err)
			return
		}
	}
	if e.Type != image.TopicEntity {
		if values == nil {
			delete(c.applied, e)
		} else {
			c.applied[e] = true
		}
	}
	c.o.Apply(e, values)
}

// readAll applies everything that is configured, and takes back what was and is
// not any more. Of topics only those in use are read.
func (c *Configs) readAll(ctx context.Context, t tree.Tree) error {
	entities := topicEntities(c.o.Topics())
	found := map[image.Entity]bool{}
	for _, kind := range []image.EntityType{image.BrokerEntity, image.ClientEntity, image.UserEntity, image.IPEntity} {
		names, err := children(t, znode.Configs+"/"+string(kind))
		if err != nil {
			return err
		}
		for _, name := range names {
			e := image.Entity{Type: kind, Name: name}
			entities, found[e] = append(entities, e), true
			if kind != image.UserEntity {
				continue
			}
			clients, err := children(t, znode.ConfigPath(e)+"/clients")
			if err != nil {
				return err
			}
			for _, client := range clients {
				e := image.Entity{Type: kind, Name: name + "/clients/" + client}
				entities, found[e] = append(entities, e), true
			}
		}
	}
	if err := c.take(ctx); err != nil {
		return err
	}
	for e := range c.applied {
		if !found[e] {
			entities = append(entities, e)
		}
	}
	c.give()
	return c.refresh(ctx, t, entities)
}

// children lists a node's children; a node that is not there has none.
func children(t tree.Tree, path string) ([]string, error) {
	names, _, err := t.Children(path, nil)
	if err != nil && !errors.Is(err, tree.ErrNoNode) {
		return nil, fmt.Errorf("read configurations: %w", err)
	}
	return names, nil
}
