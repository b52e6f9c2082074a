package control

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// tuning is what a topic that this broker has seen is configured with.
type tuning struct {
	id        topic.ID
	known     bool              // the tree was read
	overrides map[string]string // never nil
}

// Topics returns the names of the topics that this broker has seen, sorted:
// those whose configuration it must follow.
func (c *Control) Topics() []string {
	c.show.Lock()
	defer c.show.Unlock()
	return slices.Sorted(maps.Keys(c.show.topics))
}

// SetConfig shows what an entity is configured with, nil: nothing, and has a
// topic's replicas obey it. A topic that this broker has not seen is left aside:
// it is asked for, with Options.Configs, when it comes.
func (c *Control) SetConfig(e image.Entity, values map[string]string) {
	c.show.Lock()
	defer c.show.Unlock()
	if e.Type != image.TopicEntity {
		c.put(c.Image().With(image.Changes{Configs: map[image.Entity]map[string]string{e: values}}))
		return
	}
	seen := c.show.topics[e.Name]
	if seen == nil {
		return
	}
	seen.known = true
	if values == nil {
		values = map[string]string{}
	}
	if maps.Equal(seen.overrides, values) {
		return
	}
	seen.overrides = values
	c.show.tuned++
	c.o.Partitions.Configure(e.Name, c.o.TopicConfig(values))
	if t := c.Image().Topic(e.Name); t != nil {
		next := *t
		next.Config = values
		c.put(c.Image().With(image.Changes{Topics: map[string]*image.Topic{e.Name: &next}}))
	}
}

// Retune has all replicas obey their topics' configurations as Options.TopicConfig
// makes them now: the broker's own, which counts where a topic says nothing, has
// changed.
func (c *Control) Retune() {
	c.show.Lock()
	defer c.show.Unlock()
	c.show.tuned++
	for name, seen := range c.show.topics {
		c.o.Partitions.Configure(name, c.o.TopicConfig(seen.overrides))
	}
}

// see makes sure that the configurations of topics are known. A name that has
// come to mean another topic is read anew.
func (c *Control) see(ctx context.Context, topics map[string]topic.ID) error {
	var unread []string
	c.show.Lock()
	for name, id := range topics {
		seen := c.show.topics[name]
		switch {
		case seen == nil || !seen.id.IsZero() && !id.IsZero() && seen.id != id:
			c.show.topics[name] = &tuning{id: id, overrides: map[string]string{}}
			unread = append(unread, name)
		case seen.id.IsZero():
			seen.id = id
			fallthrough
		default:
			if !seen.known {
				unread = append(unread, name)
			}
		}
	}
	c.show.Unlock()
	if len(unread) == 0 {
		return nil
	}
	slices.Sort(unread)
	if err := c.o.Configs(ctx, unread); err != nil {
		return fmt.Errorf("read the configurations of %d topics: %w", len(unread), err)
	}
	return nil
}

// tuned are topics' configurations as they were at one time.
type tuned struct {
	at      int // value of show.tuned
	configs map[string]*log.Config
}

// tunings are the configurations of topics that were seen.
func (c *Control) tunings(topics map[string]topic.ID) tuned {
	out := tuned{configs: map[string]*log.Config{}}
	c.show.Lock()
	defer c.show.Unlock()
	out.at = c.show.tuned
	var plain *log.Config // of all topics without overrides
	for name := range topics {
		own := c.show.topics[name].overrides
		if len(own) > 0 || plain == nil {
			config := c.o.TopicConfig(own)
			out.configs[name] = &config
			if len(own) == 0 {
				plain = &config
			}
			continue
		}
		out.configs[name] = plain
	}
	return out
}

// retune gives replicas what their topic, or the broker, was configured with
// meanwhile: they have got what was true when their roles began to change.
func (c *Control) retune(old tuned) {
	c.show.Lock()
	defer c.show.Unlock()
	if c.show.tuned == old.at {
		return
	}
	for name := range old.configs {
		if now := c.show.topics[name]; now != nil {
			c.o.Partitions.Configure(name, c.o.TopicConfig(now.overrides))
		}
	}
}
