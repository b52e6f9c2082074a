package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/replication/znode"
)

// counts are what happened in the cluster since the start, as far as this broker
// had a part in it.
type counts struct {
	shrinks, expands   atomic.Uint64 // of in-sync sets that it leads
	elections, unclean atomic.Uint64 // that it made as the controller
	failed             atomic.Uint64 // proposals of in-sync sets
	sessions           atomic.Uint64
	ensemble           [zk.Refused + 1]atomic.Uint64 // by zk.News
}

// countSession is a member.Task.
func (b *Broker) countSession(context.Context, member.Session) error {
	b.counts.sessions.Add(1)
	return nil
}

// proposalAnswered tells a leader what the controller says to another in-sync
// set, and counts how sets change.
func (b *Broker) proposalAnswered(p partition.Proposal, a partition.Answer) {
	if a.Verdict == partition.Committed {
		b.countChange(p, len(a.ISR))
		b.state.control.InSync(p.Partition, a.ISR)
	} else {
		b.counts.failed.Add(1)
	}
	b.state.partitions.Answered(p, a)
}

func (b *Broker) countChange(p partition.Proposal, now int) {
	r, err := b.state.partitions.Get(p.Partition)
	if err != nil {
		return // it is gone meanwhile
	}
	l, err := r.Leader(p.LeaderEpoch)
	if err != nil {
		return // others lead by now
	}
	switch had := len(l.ISR()); {
	case now > had:
		b.counts.expands.Add(1)
	case now < had:
		b.counts.shrinks.Add(1)
	}
}

// countElections counts the new leaders among a controller's orders before they
// are sent.
func (b *Broker) countElections(send func(controller.Dispatch) func(context.Context) error) func(controller.Dispatch) func(context.Context) error {
	return func(d controller.Dispatch) func(context.Context) error {
		for i := range d.Orders {
			o := &d.Orders[i]
			if o.Kind != plan.Assign || o.New || o.Broker != o.State.Leader {
				continue
			}
			if was := d.Before.Partition(o.Topic, o.Partition); was == nil || was.Leader == o.State.Leader {
				continue
			}
			b.counts.elections.Add(1)
			if o.State.Recovering {
				b.counts.unclean.Add(1)
			}
		}
		return send(d)
	}
}

// damaged has a follower fetch again what its disk has lost or changed, and a
// leader give way to another replica.
func (b *Broker) damaged(p checkpoint.Partition, epoch int32, _ int64) {
	r, err := b.state.partitions.Get(p)
	if err != nil {
		return // it is gone meanwhile
	}
	if _, err := r.Leader(epoch); err == nil {
		b.state.control.Damaged(p, epoch)
		return
	}
	b.state.between.fetcher.Again(p)
}

// tellOffline tells the controller of a data directory that has failed, or of a
// leader whose records have, so that others lead what was in it. It is a
// member.Task.
func (b *Broker) tellOffline(ctx context.Context, s member.Session) error {
	for {
		select {
		case <-b.offline:
		case <-ctx.Done():
			return nil
		}
		if !announceLoss(ctx, s.Tree, b.state.dirs.BrokerID(), b.logger) {
			b.noteOffline() // in the next session
			return nil
		}
	}
}

// announceLossAgain is the pause between attempts to tell the controller of a
// loss.
const announceLossAgain = time.Second

// announceLoss writes that a broker has lost replicas, and tries until it is
// written: as long as it is not, others wait for a leader that is none. False:
// ctx or the session has ended first.
func announceLoss(ctx context.Context, t tree.Tree, broker int32, logger *slog.Logger) bool {
	event := tree.Create(znode.LogDirEventPrefix, znode.EncodeLogDirEvent(znode.LogDirEvent{Broker: broker}), tree.Sequential)
	for {
		_, err := t.Multi(event)
		if errors.Is(err, tree.ErrNoNode) {
			if err = tree.EnsureAll(t, znode.LogDirEvents); err == nil {
				_, err = t.Multi(event)
			}
		}
		switch {
		case err == nil:
			return true
		case errors.Is(err, tree.ErrExpired), errors.Is(err, tree.ErrClosed):
			return false
		}
		logger.Error("the controller could not be told of replicas that are lost; trying again", "error", err)
		if !pause(ctx, announceLossAgain) {
			return false
		}
	}
}

// noteOffline has the controller told.
func (b *Broker) noteOffline() {
	select {
	case b.offline <- struct{}{}:
	default: // it will be told already
	}
}
