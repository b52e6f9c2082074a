package configs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// notificationLife is how long a notification stays, so that every broker sees
// it.
const notificationLife = 15 * time.Minute

// reader is what a session has seen of the notifications.
type reader struct {
	tree tree.Tree
	last int64            // highest sequence number handled
	made map[string]int64 // when each was created, in milliseconds
}

// Watch reads all configurations and then follows their changes, until ctx or
// the session ends. It is a member.Task.
func (c *Configs) Watch(ctx context.Context, s member.Session) error {
	r := reader{tree: s.Tree, last: -1, made: map[string]int64{}}
	wake := make(chan struct{}, 1)
	watch := func(tree.Event) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	for first := true; ; first = false {
		fresh, missed, err := r.list(watch)
		if err == nil && (first || missed) {
			err = c.readAll(ctx, s.Tree) // covers all of fresh: it was listed before
		} else if err == nil {
			err = c.handle(ctx, fresh, s.Tree)
		}
		if err == nil {
			err = r.purge(c.o.Now())
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // ctx has ended, which is no failure of a task
		case err != nil:
			return fmt.Errorf("configurations: %w", err)
		}
		c.once.Do(func() { close(c.loaded) })
		select {
		case <-wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// list returns the notifications that were not there before, in order. Missed says
// that there were others, which are gone: a broker whose clock is ahead removes
// them at once.
func (r *reader) list(w tree.Watch) (fresh []tree.Node, missed bool, err error) {
	names, _, err := r.tree.Children(znode.ConfigChanges, w)
	if err != nil {
		return nil, false, err
	}
	there := make(map[string]bool, len(names))
	var paths []string
	for _, name := range names {
		there[name] = true
		if _, known := r.made[name]; !known {
			paths = append(paths, znode.ConfigChanges+"/"+name)
		}
	}
	for name := range r.made {
		if !there[name] {
			delete(r.made, name)
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return int(sequence(a) - sequence(b)) })
	nodes, err := r.tree.GetAll(paths)
	if err != nil {
		return nil, false, err
	}
	for i, n := range nodes {
		if n.Stat.Version < 0 {
			missed = missed || sequence(paths[i]) > r.last // purged by another broker meanwhile
			continue
		}
		r.made[strings.TrimPrefix(paths[i], znode.ConfigChanges+"/")] = n.Stat.Ctime
		if seq := sequence(paths[i]); seq > r.last {
			missed = missed || seq > r.last+1
			r.last = seq
			fresh = append(fresh, n)
		}
	}
	return fresh, missed, nil
}

// sequence is the number at the end of a notification's name, -1 without one.
func sequence(path string) int64 {
	text, ok := strings.CutPrefix(path, znode.ConfigChangePrefix)
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return -1
	}
	return n
}

// handle applies the entities that notifications name.
func (c *Configs) handle(ctx context.Context, fresh []tree.Node, t tree.Tree) error {
	var entities []image.Entity
	for _, n := range fresh {
		e, err := znode.DecodeConfigChange(n.Data)
		if err != nil {
			c.o.Logger.Warn("a notification of a changed configuration cannot be read; it is left aside", "error", err)
			continue
		}
		if !slices.Contains(entities, e) {
			entities = append(entities, e)
		}
	}
	if len(entities) == 0 {
		return nil
	}
	return c.refresh(ctx, t, entities)
}

// purge removes notifications that every broker has had the time to see. Every
// broker does it.
func (r *reader) purge(now time.Time) error {
	for name, made := range r.made {
		if now.UnixMilli()-made <= notificationLife.Milliseconds() {
			continue
		}
		_, err := r.tree.Multi(tree.Delete(znode.ConfigChanges+"/"+name, tree.AnyVersion))
		if err != nil && !errors.Is(err, tree.ErrNoNode) {
			return err
		}
		delete(r.made, name)
	}
	return nil
}
