package control

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/replication/channel"
)

// repeats says whether news has been heard before: the first sending comes
// through when the second, and perhaps what followed, has been obeyed. mu is
// held.
func (c *Control) repeats(q *kmsg.UpdateMetadataRequest) bool {
	n, numbered := channel.NumberOf(q)
	if !numbered {
		return false
	}
	now := [3]int64{int64(q.ControllerEpoch), q.BrokerEpoch, n}
	if now[0] == c.last[0] && now[1] == c.last[1] && now[2] <= c.last[2] {
		return true
	}
	c.last = now
	return false
}

// endOthers notes which replicas are of topics that a whole picture does not
// have: they were deleted while this broker was away. mu is held.
func (c *Control) endOthers(states []kmsg.UpdateMetadataRequestTopicState) {
	named := seen(states)
	for p, r := range c.hosted {
		if id, ok := named[p.Topic]; !ok || differ(id, r.id) {
			r.ended = true
		}
	}
}

// yield gives up the roles whose replicas others have by now: this broker was
// away when they were moved, and is not told of what it has no part in. mu is
// held.
func (c *Control) yield(states []kmsg.UpdateMetadataRequestTopicState) {
	for i := range states {
		t := &states[i]
		for k := range t.PartitionStates {
			q := &t.PartitionStates[k]
			p := checkpoint.Partition{Topic: t.Topic, Index: q.Partition}
			had := c.hosted[p]
			if had == nil || had.part > follows || differ(had.id, t.TopicID) ||
				q.Leader == leaderGone || q.LeaderEpoch <= had.epoch || slices.Contains(q.Replicas, c.o.BrokerID) {
				continue
			}
			c.o.Unfetch(p)
			c.o.Partitions.Stop(p)
			c.keep(p, &replica{id: had.id, part: stopped, leader: q.Leader, epoch: q.LeaderEpoch, version: had.version})
			c.o.Resigned(p.Topic, p.Index, q.LeaderEpoch)
		}
	}
}

// Damaged is told that a leader at an epoch has lost records, or that its disk
// has changed them. It has the controller ask for the replica, which this broker
// then has not, so that another one leads that is in sync:
//
//	Damaged ──→ Probe ──→ LeaderAndIsr ──→ KAFKA_STORAGE_ERROR ──→ another leads
//	            Probe ←── StopReplica  ←─────────────────────────────┘
//	              └─────→ LeaderAndIsr ──→ follower, which fetches them again
//
// It does not block, and may be called while a request is obeyed.
func (c *Control) Damaged(p checkpoint.Partition, epoch int32) {
	c.hurt.Lock()
	if c.hurt.at == nil {
		c.hurt.at = map[checkpoint.Partition]int32{}
	}
	c.hurt.at[p] = epoch
	c.hurt.Unlock()
	c.o.Probe()
}

// InSync is told of another in-sync set that a leader here has: if what it has is
// damaged, another one may be able to lead by now.
func (c *Control) InSync(p checkpoint.Partition, isr []int32) {
	c.hurt.Lock()
	_, damaged := c.hurt.at[p]
	c.hurt.Unlock()
	if damaged && len(isr) > 1 {
		c.o.Probe()
	}
}

// mended notes that a replica follows: it fetches again what was damaged.
func (c *Control) mended(p checkpoint.Partition) {
	c.hurt.Lock()
	defer c.hurt.Unlock()
	delete(c.hurt.at, p)
}

// unfit says whether this broker should not lead as it is ordered to: what it has
// is damaged, and another replica is in sync. mu is held.
func (c *Control) unfit(a *assignment) bool {
	c.hurt.Lock()
	defer c.hurt.Unlock()
	epoch, damaged := c.hurt.at[a.p]
	others := slices.ContainsFunc(a.to.ISR, func(id int32) bool { return id != c.o.BrokerID })
	return damaged && epoch <= a.to.LeaderEpoch && others
}

// mending says whether a replica that is stopped was damaged, and has the
// controller give it back. mu is held.
func (c *Control) mending(p checkpoint.Partition) bool {
	c.hurt.Lock()
	_, damaged := c.hurt.at[p]
	delete(c.hurt.at, p)
	c.hurt.Unlock()
	if damaged {
		c.o.Probe()
	}
	return damaged
}
