package sim

import (
	"fmt"
	"time"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// createTopics makes what the clients use: a topic, and that of the group.
func (w *world) createTopics(im *image.Image, s plan.Settings) plan.Step {
	step, results := plan.CreateTopics(im, []plan.TopicSpec{
		{Name: "t", Partitions: int32(len(w.parts) - 1), Replication: 3},
		{Name: topic.ConsumerOffsets, Partitions: 1, Replication: 3},
	}, s)
	for _, r := range results {
		if r.Err != nil {
			w.fail("topic %s: %v", r.Name, r.Err)
		}
	}
	return step
}

func (w *world) index(name string, partition int32) int {
	for n, ref := range w.parts {
		if ref.Topic == name && ref.Partition == partition {
			return n
		}
	}
	return -1
}

// guess is who a client thinks leads a partition.
func (w *world) guess(n int) *replica {
	s, _, ok := w.zk.state(w.parts[n])
	if !ok || s.Leader == image.NoBroker || w.chance(0.1) {
		return w.brokers[w.rng.IntN(len(w.brokers))].parts[n]
	}
	return w.brokers[s.Leader].parts[n]
}

// writer writes values one after another, each until it is acknowledged.
type writer struct {
	w       *world
	n       int
	next    int
	attempt int
}

func (c *writer) try() {
	c.attempt++
	attempt, value := c.attempt, fmt.Sprintf("%d/%d", c.n, c.next)
	r, w := c.w.guess(c.n), c.w
	w.send(clientID, r.b.id, func() {
		r.produce(value, func(ok bool, offset int64) {
			w.send(r.b.id, clientID, func() {
				if ok {
					w.checker.wrote(w, c.n, value, offset)
				}
				if c.attempt != attempt {
					return
				}
				if ok {
					c.next++
				}
				c.attempt++
				w.after(w.between(10*time.Millisecond, 150*time.Millisecond), c.try)
			})
		})
	})
	w.after(700*time.Millisecond, func() {
		if c.attempt == attempt {
			c.try()
		}
	})
}

// committer commits a group's offsets, higher and higher, and asks for them.
type committer struct {
	w       *world
	next    int64
	attempt int
}

func (c *committer) try() {
	c.attempt++
	attempt, offset, w := c.attempt, c.next, c.w
	r := w.guess(len(w.parts) - 1)
	w.send(clientID, r.b.id, func() {
		if r.group == nil {
			return
		}
		r.group.commit(offset, func(ok bool) {
			w.send(r.b.id, clientID, func() {
				if ok {
					w.checker.offset = max(w.checker.offset, offset)
				}
				if ok && c.attempt == attempt {
					c.next++
				}
			})
		})
	})
	w.after(w.between(100*time.Millisecond, 500*time.Millisecond), c.try)
}

// coordinator is the groups' part of a leader.
type coordinator struct {
	r      *replica
	table  *group.Table
	turn   group.Turn
	config group.Config
	busy   bool
}

var committedPartition = group.Partition{Topic: "t", Index: 0}

// newCoordinator reads the log of a partition that is led from now on.
func newCoordinator(r *replica) *coordinator {
	w := r.b.w
	c := &coordinator{r: r, table: group.NewTable(), config: group.DefaultConfig()}
	if w.bug != emptyGroups {
		l := group.NewLoader(1 << 20)
		for _, e := range r.log {
			if err := l.Replay([]byte(e.value)); err != nil {
				w.fail("the log of groups cannot be read: %v", err)
			}
		}
		c.turn.Begin(w.now, &c.config)
		c.table, _ = l.Finish(&c.turn)
	}
	if r.current() {
		w.checker.fetched(w, c.offset())
	}
	return c
}

// offset is what the group has committed, -1 for nothing.
func (c *coordinator) offset() int64 {
	if g := c.table.Get("g"); g != nil {
		if v, ok := g.Offset(committedPartition); ok {
			return v.Offset
		}
	}
	return -1
}

// commit is OffsetCommit of a group without members.
func (c *coordinator) commit(offset int64, answer func(ok bool)) {
	w := c.r.b.w
	if c.r.current() {
		w.checker.fetched(w, c.offset())
	}
	if c.busy || offset < c.offset() { // an earlier one is under way, or this one comes too late
		answer(false)
		return
	}
	request := &group.Commit{Generation: -1, Offsets: []group.CommitOffset{{
		Partition: committedPartition, Value: entry.OffsetValue{Offset: offset, LeaderEpoch: -1, ExpireMs: -1, CommitMs: w.now.UnixMilli()},
	}}}
	c.turn.Begin(w.now, &c.config)
	c.turn.Room = 1 << 40
	c.table.Commit(&c.turn, "g", request)
	if len(c.turn.Records) == 0 {
		answer(false)
		return
	}
	batch, err := c.batch()
	if err != nil {
		w.fail("a commit cannot be written: %v", err)
		return
	}
	c.busy = true
	c.r.produce(batch, func(ok bool, at int64) {
		fault := group.NoFault
		if !ok {
			fault = group.NotLeader
		}
		c.busy = false
		c.table.Written(&c.turn, group.Appended{Base: at, Fault: fault})
		answer(ok && request.Offsets[0].Code == group.None)
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
