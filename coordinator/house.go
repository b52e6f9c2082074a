package coordinator

import (
	"context"
	"time"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/shard"
)

// TopicsDeleted makes the groups forget the offsets of topics that are gone, soon.
func (g *Groups) TopicsDeleted(topics []string) {
	g.mu.Lock()
	for _, name := range topics {
		g.deleted = append(g.deleted, group.DeletedTopic{Name: name, AtMs: g.now().UnixMilli()})
	}
	g.mu.Unlock()
	select {
	case g.forget <- struct{}{}:
	default:
	}
}

// keepHouse expires offsets now and then, and forgets those of deleted topics, until ctx ends.
func (g *Groups) keepHouse(ctx context.Context) {
	check := time.NewTimer(g.config().CheckInterval)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-check.C:
			g.each(ctx, func(l *local, id string) { l.table.Expire(&l.turn, id) })
			check.Reset(g.config().CheckInterval)
		case <-g.forget:
			g.mu.Lock()
			topics := g.deleted
			g.deleted = nil
			g.mu.Unlock()
			g.each(ctx, func(l *local, id string) { l.table.ForgetTopics(&l.turn, id, topics) })
		}
	}
}

// each gives every group an input, one after another. A shard whose log takes nothing is left
// until the next time.
func (g *Groups) each(ctx context.Context, input func(l *local, id string)) {
	for _, sh := range g.shards.All() {
		for _, id := range ids(sh) {
			if ctx.Err() != nil || !g.one(sh, id, input) {
				break
			}
		}
	}
}

// one gives one group an input, and tells whether it could be written.
func (g *Groups) one(sh *shard.Shard[*local], id string, input func(l *local, id string)) bool {
	if sh.Again() != nil {
		return false
	}
	defer sh.Leave()
	sh.Machine.begin()
	input(sh.Machine, id)
	return sh.Machine.settle(&sh.Writer) == group.NoFault
}

func ids(sh *shard.Shard[*local]) (ids []string) {
	if sh.Again() != nil {
		return nil
	}
	defer sh.Leave()
	for of := range sh.Machine.table.All() {
		ids = append(ids, of.ID())
	}
	return ids
}
