package sim

import (
	"fmt"
	"time"

	"github.com/leatmq/leat/coordinator/group"
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
		r.group.commit("g", commitOf(0, offset), func(code group.Code) {
			w.send(r.b.id, clientID, func() {
				if code == group.None {
					w.checker.offset = max(w.checker.offset, offset)
				}
				if code == group.None && c.attempt == attempt {
					c.next++
				}
			})
		})
	})
	w.after(w.between(100*time.Millisecond, 500*time.Millisecond), c.try)
}
