package broker

import (
	"context"
	"slices"
	"time"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
)

// settle finds out when the broker knows its part: the controller has told it
// everything, it has its configuration, and its replicas have their roles. It
// is a member.Task.
func (b *Broker) settle(ctx context.Context, _ member.Session) error {
	told := b.state.control.Informed()
	if !b.clustered() {
		told = b.state.controller.Ready()
	}
	for _, known := range []<-chan struct{}{told, b.state.configs.Loaded()} {
		select {
		case <-known:
		case <-ctx.Done():
			return nil
		}
	}
	if !b.clustered() && b.state.control.Await(ctx, b.shows(b.state.controller.Image())) != nil {
		return nil //nolint:nilerr // ctx has ended, which is no failure of a task
	}
	if b.awaitRoles(ctx) != nil {
		return nil //nolint:nilerr // likewise
	}
	b.settled.Do(func() { close(b.informed) })
	return nil
}

// shows says whether a picture has this broker, and all partitions of another.
func (b *Broker) shows(all *image.Image) func(*image.Image) bool {
	return func(im *image.Image) bool {
		if _, here := im.Broker(b.self()); !here {
			return false
		}
		for _, t := range all.Topics() {
			mine := im.Topic(t.Name)
			if mine == nil || len(mine.Partitions) < len(t.Partitions) {
				return false
			}
		}
		return true
	}
}

// lookForRoles is the pause between two looks at the roles.
const lookForRoles = 5 * time.Millisecond

// awaitRoles waits until every replica here has the role that the picture gives
// it, or until none has taken one for leat.metadata.wait.ms: what cannot be
// opened must not keep the others from their clients. The error is ctx's.
func (b *Broker) awaitRoles(ctx context.Context) error {
	tick := time.NewTicker(lookForRoles)
	defer tick.Stop()
	patience := b.config.Duration("leat.metadata.wait.ms")
	least, since := -1, time.Now()
	for {
		missing := b.withoutRole()
		switch {
		case missing == 0:
			return nil
		case least < 0 || missing < least:
			least, since = missing, time.Now()
		case time.Since(since) > patience:
			b.logger.Warn("ready without the roles of some replicas; why stands above", "replicas", missing)
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// withoutRole counts the replicas that do not have yet the role that they have
// in the picture.
func (b *Broker) withoutRole() int {
	self, n := b.state.dirs.BrokerID(), 0
	for _, t := range b.state.control.Image().Topics() {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if !slices.Contains(p.Replicas, self) || slices.Contains(p.Offline, self) || p.Leader == image.NoBroker {
				continue
			}
			r, err := b.state.partitions.Get(checkpoint.Partition{Topic: t.Name, Index: int32(i)})
			if err != nil || p.Leader == self && r.Epoch() < p.LeaderEpoch && r.Dir().Err() == nil {
				n++
			}
		}
	}
	return n
}
