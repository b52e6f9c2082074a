package control

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
)

// part is what a replica on this broker is to do.
type part int8

const (
	leads part = iota
	follows
	stopped // the log is there
	removed // the log is gone; a later epoch may bring the replica back
)

// replica is what this broker was last ordered to do with a replica.
//
// Invariants: epoch never goes down while id stays; idle only if part is
// follows.
type replica struct {
	id      topic.ID
	part    part
	leader  int32
	epoch   int32 // the leader's
	version int32 // partition epoch
	idle    bool  // follows, but the leader is not alive as far as is known
	ended   bool  // its topic was not in a whole picture that came since
	mends   bool  // stopped for its damage: the same epoch brings it back as a follower
	failed  bool  // its last order could not be obeyed: the same epoch may be ordered again
	tried   int32 // epoch of the order that failed; what is older comes late
}

// maxGraves is how many deleted topics are remembered.
const maxGraves = 10000

// graves are the ids of deleted topics, the latest ones, each with the epoch of
// the controller that had it deleted: ids are never given twice, so an order of
// that controller about one of these is an old one that comes late. A later
// controller may find that the topic is there after all: somebody has taken its
// deletion back before it was done everywhere, or has restored it.
type graves struct {
	ids   map[topic.ID]int32
	order []topic.ID
}

func (g *graves) add(id topic.ID, epoch int32) {
	if id.IsZero() {
		return
	}
	if g.has(id) {
		g.ids[id] = max(g.ids[id], epoch)
		return
	}
	if g.ids == nil {
		g.ids = map[topic.ID]int32{}
	}
	if len(g.order) == maxGraves {
		delete(g.ids, g.order[0])
		g.order = g.order[1:]
	}
	g.ids[id] = epoch
	g.order = append(g.order, id)
}

func (g *graves) has(id topic.ID) bool {
	_, dead := g.ids[id]
	return dead
}

// keeps says whether a topic is deleted as far as a controller of an epoch can
// say.
func (g *graves) keeps(id topic.ID, epoch int32) bool {
	buried, dead := g.ids[id]
	return dead && epoch <= buried
}

// lift forgets that a topic was deleted: it lives again.
func (g *graves) lift(id topic.ID) {
	if g.has(id) {
		delete(g.ids, id)
		g.order = slices.DeleteFunc(g.order, func(other topic.ID) bool { return other == id })
	}
}

// enter takes mu, and returns the code for a request as a whole, as stale does.
// The caller gives mu back.
func (c *Control) enter(ctx context.Context, brokerEpoch int64, controllerEpoch int32) int16 {
	err := c.o.Registered(ctx)
	c.mu.Lock()
	if err != nil {
		return kerr.StaleBrokerEpoch.Code
	}
	return c.stale(brokerEpoch, controllerEpoch)
}

// stale returns the code for a request as a whole: 0, or that it was meant for
// an earlier registration of this broker, or comes from a controller that has
// been replaced. mu is held.
func (c *Control) stale(brokerEpoch int64, controllerEpoch int32) int16 {
	switch {
	case brokerEpoch != -1 && brokerEpoch < c.o.BrokerEpoch():
		return kerr.StaleBrokerEpoch.Code
	case controllerEpoch < c.epoch:
		return kerr.StaleControllerEpoch.Code
	}
	c.epoch = controllerEpoch
	return 0
}

// offline says whether the disk with this broker's replica has failed.
func (c *Control) offline(p checkpoint.Partition) bool {
	r, err := c.o.Partitions.Get(p)
	return err == nil && r.Dir().Err() != nil
}

// code is what Kafka calls an error. Those that no code tells are logged.
func (c *Control) code(what string, p checkpoint.Partition, err error) int16 {
	if err == nil {
		return 0
	}
	var io *log.IOError
	switch {
	case errors.Is(err, partition.ErrStaleEpoch):
		return kerr.StaleControllerEpoch.Code
	case errors.Is(err, partition.ErrInconsistentID):
		return kerr.InconsistentTopicID.Code
	}
	c.o.Logger.Error(what, "topic", p.Topic, "partition", p.Index, "error", err)
	if errors.Is(err, partition.ErrOffline) || errors.Is(err, dir.ErrOffline) || errors.Is(err, log.ErrNoSpace) || errors.As(err, &io) {
		return kerr.KafkaStorageError.Code
	}
	return kerr.UnknownServerError.Code
}

// sideBySide does n things, several at a time, and returns when they are done;
// those that ctx's end forestalls are not.
func (c *Control) sideBySide(ctx context.Context, n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(c.o.Workers, n) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	workers.Wait()
}
