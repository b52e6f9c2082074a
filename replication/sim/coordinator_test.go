package sim

import (
	"time"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/log/record"
)

// coordinator is the groups' part of a leader: one input after another, each
// written before the next.
type coordinator struct {
	r      *replica
	table  *group.Table
	turn   group.Turn
	config group.Config
	queue  []func()
	busy   bool
	dead   bool // another leads, or this broker at another epoch
	last   group.Token
	joins  map[group.Token]func(group.JoinAnswer)
	syncs  map[group.Token]func(group.SyncAnswer)
}

// newCoordinator reads the log of a partition that is led from now on.
func newCoordinator(r *replica) *coordinator {
	w := r.b.w
	c := &coordinator{
		r: r, table: group.NewTable(), config: group.DefaultConfig(),
		joins: map[group.Token]func(group.JoinAnswer){}, syncs: map[group.Token]func(group.SyncAnswer){},
	}
	c.config.MinSession = time.Second
	if w.bug != emptyGroups {
		l := group.NewLoader(1 << 20)
		for _, e := range r.log {
			if err := l.Replay([]byte(e.value)); err != nil {
				w.fail("the log of groups cannot be read: %v", err)
			}
		}
		c.turn.Begin(w.now, &c.config)
		c.turn.Room = 1 << 40
		c.table, _ = l.Finish(&c.turn)
	}
	if r.current() {
		w.checker.loaded(w, c)
	}
	c.tick()
	return c
}

// offset is what a group has committed, -1 for nothing.
func (c *coordinator) offset(id string, partition int32) int64 {
	if g := c.table.Get(id); g != nil {
		if v, ok := g.Offset(group.Partition{Topic: "t", Index: partition}); ok {
			return v.Offset
		}
	}
	return -1
}

// tick does what is due.
func (c *coordinator) tick() {
	if at, ok := c.table.Deadline(); ok && !at.After(c.r.b.w.now) {
		c.input(func(t *group.Turn) { c.table.Tick(t) }, func() {})
	}
	c.r.b.timer(100*time.Millisecond, func() {
		if !c.dead {
			c.tick()
		}
	})
}

// input gives the table an input when those before it are written.
func (c *coordinator) input(do func(*group.Turn), done func()) {
	c.queue = append(c.queue, func() {
		c.turn.Begin(c.r.b.w.now, &c.config)
		c.turn.Room = 1 << 40
		do(&c.turn)
		c.write(done)
	})
	c.next()
}

func (c *coordinator) next() {
	for !c.dead && !c.busy && len(c.queue) > 0 {
		do := c.queue[0]
		c.queue = c.queue[1:]
		c.busy = true
		do()
	}
}

// write has the turn's records committed, and the answers given.
func (c *coordinator) write(done func()) {
	if len(c.turn.Records) == 0 {
		joined, synced := c.turn.Joined, c.turn.Synced
		c.turn.Joined, c.turn.Synced = nil, nil
		c.busy = false
		done()
		for _, a := range joined {
			if answer := c.joins[a.Token]; answer != nil {
				answer(a)
			}
		}
		for _, a := range synced {
			if answer := c.syncs[a.Token]; answer != nil {
				answer(a)
			}
		}
		c.next()
		return
	}
	batch, err := c.batch()
	if err != nil {
		c.r.b.w.fail("a group cannot be written: %v", err)
		return
	}
	c.r.produce(batch, func(ok bool, at int64) {
		if c.dead {
			return
		}
		fault := group.NoFault
		if !ok {
			fault = group.NotLeader
		}
		c.table.Written(&c.turn, group.Appended{Base: at, Fault: fault})
		c.write(done)
	})
}

// batch is what the turn wants written.
func (c *coordinator) batch() (string, error) {
	var b record.Builder
	b.Reset(record.Spec{BaseOffset: int64(len(c.r.log)), LeaderEpoch: c.r.epoch})
	for _, r := range c.turn.Records {
		b.Append(&record.Record{Timestamp: c.r.b.w.now.UnixMilli(), Key: r.Key, Value: r.Value})
	}
	batch, err := b.Finish(nil)
	return string(batch), err
}

// commit is OffsetCommit; a member's, or of a group without members. One that
// others have overtaken is not obeyed: on a connection that does not happen.
func (c *coordinator) commit(id string, q *group.Commit, answer func(group.Code)) {
	o := &q.Offsets[0]
	c.input(func(t *group.Turn) {
		if o.Value.Offset < c.offset(id, o.Partition.Index) {
			o.Code = group.InvalidRequest
			return
		}
		o.Value.LeaderEpoch, o.Value.ExpireMs, o.Value.CommitMs = -1, -1, t.Now.UnixMilli()
		c.table.Commit(t, id, q)
	}, func() { answer(o.Code) })
}

// commitOf is a request for one partition.
func commitOf(partition int32, offset int64) *group.Commit {
	return &group.Commit{Generation: -1, Offsets: []group.CommitOffset{{
		Partition: group.Partition{Topic: "t", Index: partition}, Value: entry.OffsetValue{Offset: offset},
	}}}
}
