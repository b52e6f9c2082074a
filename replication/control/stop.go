package control

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
)

// Leader epochs that are none.
const (
	noEpoch      int32 = -1 // the controller knows none
	deletedEpoch int32 = -2 // the topic is being deleted
)

// ending is one partition of a StopReplica request.
type ending struct {
	p      checkpoint.Partition
	epoch  int32 // the leader's, or noEpoch or deletedEpoch
	delete bool
	code   *int16 // its place in the answer
}

// StopReplica ends the role of replicas here, and deletes those that the request
// says so of, with their data; also data on a disk that this broker has no role
// for. The answer has one code for each partition, in the order of the request.
func (c *Control) StopReplica(ctx context.Context, q *kmsg.StopReplicaRequest) *kmsg.StopReplicaResponse {
	out, all := endings(q)
	out.ErrorCode = c.enter(ctx, q.BrokerEpoch, q.ControllerEpoch)
	defer c.mu.Unlock()
	if out.ErrorCode != 0 {
		for i := range all {
			*all[i].code = out.ErrorCode
		}
		return out
	}
	var list []ending
	var unfetch []checkpoint.Partition
	at := map[checkpoint.Partition]int{}
	for _, e := range all {
		if *e.code = c.mayEnd(&e); *e.code != 0 {
			continue
		}
		if i, twice := at[e.p]; twice { // stopped, then deleted
			list[i].delete = list[i].delete || e.delete
			continue
		}
		at[e.p] = len(list)
		list = append(list, e)
		unfetch = append(unfetch, e.p)
	}
	c.o.Unfetch(unfetch...)
	begun := make([]bool, len(list))
	c.sideBySide(ctx, len(list), func(i int) {
		begun[i] = true
		*list[i].code = c.end(&list[i])
	})
	for i := range list {
		if !begun[i] {
			*list[i].code = kerr.RequestTimedOut.Code
		}
		if *list[i].code == 0 {
			c.ended(&list[i])
		}
	}
	return out
}

// endings are a request's partitions, and the answer in which each has its
// place.
func endings(q *kmsg.StopReplicaRequest) (*kmsg.StopReplicaResponse, []ending) {
	out := kmsg.NewPtrStopReplicaResponse()
	out.Version = q.Version
	var all []ending
	for i := range q.Topics {
		t := &q.Topics[i]
		if q.Version == 0 {
			all = append(all, ending{checkpoint.Partition{Topic: t.Topic, Index: t.Partition}, noEpoch, q.DeletePartitions, nil})
		}
		for _, n := range t.Partitions {
			all = append(all, ending{checkpoint.Partition{Topic: t.Topic, Index: n}, noEpoch, q.DeletePartitions, nil})
		}
		for _, s := range t.PartitionStates {
			all = append(all, ending{checkpoint.Partition{Topic: t.Topic, Index: s.Partition}, s.LeaderEpoch, s.Delete, nil})
		}
	}
	out.Partitions = make([]kmsg.StopReplicaResponsePartition, len(all))
	for i := range all {
		out.Partitions[i] = kmsg.StopReplicaResponsePartition{Topic: all[i].p.Topic, Partition: all[i].p.Index}
		all[i].code = &out.Partitions[i].ErrorCode
	}
	return out, all
}

// mayEnd returns 0, or the code with which an order to stop is refused. An order
// to delete a topic that the controller has not told the end of is one about an
// earlier topic of that name, come late; and so is one of an epoch that the
// controller has not told of. mu is held.
func (c *Control) mayEnd(e *ending) int16 {
	had := c.hosted[e.p]
	switch {
	case c.offline(e.p):
		return kerr.KafkaStorageError.Code
	case e.epoch == deletedEpoch:
		there := c.Image().Topic(e.p.Topic) != nil
		if had != nil && !had.id.IsZero() {
			there = !c.gone.has(had.id) && !had.ended
		}
		if there {
			return kerr.FencedLeaderEpoch.Code
		}
	case had == nil || e.epoch == noEpoch:
	case e.epoch < had.epoch:
		return kerr.FencedLeaderEpoch.Code
	case e.epoch > had.epoch:
		shown := c.Image().Partition(e.p.Topic, e.p.Index)
		if shown != nil && shown.Replicas != nil && e.epoch > shown.LeaderEpoch {
			return kerr.FencedLeaderEpoch.Code
		}
	}
	return 0
}

// end ends a role.
func (c *Control) end(e *ending) int16 {
	if e.delete {
		return c.code("a partition cannot be deleted", e.p, c.o.Partitions.Delete(e.p))
	}
	c.o.Partitions.Stop(e.p)
	return 0
}

// ended keeps what has been done and tells the others. mu is held.
func (c *Control) ended(e *ending) {
	had := c.hosted[e.p]
	mends := !e.delete && c.mending(e.p)
	switch {
	case had == nil:
	case e.delete && e.epoch == deletedEpoch:
		c.gone.add(had.id, c.epoch)
		c.keep(e.p, nil)
	default:
		next := replica{id: had.id, part: stopped, leader: had.leader, epoch: max(had.epoch, e.epoch), version: had.version, ended: had.ended}
		if e.delete || had.part == removed {
			next.part = removed
		}
		next.mends = mends && next.part == stopped
		next.failed, next.tried = had.failed && next.part == stopped, had.tried
		c.keep(e.p, &next)
	}
	if e.delete {
		c.mended(e.p)
		c.o.Left(e.p.Topic, e.p.Index)
		return
	}
	epoch := e.epoch
	if had != nil {
		epoch = max(epoch, had.epoch)
	}
	c.o.Resigned(e.p.Topic, e.p.Index, epoch)
}
