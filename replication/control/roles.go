package control

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/fetcher"
)

// assignment is one partition of a LeaderAndIsr request.
type assignment struct {
	p    checkpoint.Partition
	id   topic.ID
	to   *kmsg.LeaderAndISRRequestTopicPartition
	code *int16 // its place in the answer
}

// LeaderAndISR gives this broker's replicas their roles. The answer has one code
// for each partition, in the order of the request; a request that is too old as
// a whole has the same one for all. What ctx's end forestalls has
// REQUEST_TIMED_OUT.
func (c *Control) LeaderAndISR(ctx context.Context, q *kmsg.LeaderAndISRRequest) *kmsg.LeaderAndISRResponse {
	out, all := assignments(q)
	out.ErrorCode = c.enter(ctx, q.BrokerEpoch, q.ControllerEpoch)
	defer c.mu.Unlock()
	if out.ErrorCode != 0 {
		for i := range all {
			*all[i].code = out.ErrorCode
		}
		return out
	}
	c.assign(ctx, c.accepted(all))
	return out
}

// assignments are a request's partitions, and the answer in which each has its
// place.
func assignments(q *kmsg.LeaderAndISRRequest) (*kmsg.LeaderAndISRResponse, []assignment) {
	out := kmsg.NewPtrLeaderAndISRResponse()
	out.Version = q.Version
	n := len(q.PartitionStates)
	for i := range q.TopicStates {
		n += len(q.TopicStates[i].PartitionStates)
	}
	all := make([]assignment, 0, n)
	rows := make([]kmsg.LeaderAndISRResponseTopicPartition, n)
	add := func(name string, id topic.ID, to *kmsg.LeaderAndISRRequestTopicPartition) {
		row := &rows[len(all)]
		row.Partition = to.Partition
		if q.Version < 5 {
			row.Topic = name
		}
		all = append(all, assignment{checkpoint.Partition{Topic: name, Index: to.Partition}, id, to, &row.ErrorCode})
	}
	for i := range q.PartitionStates {
		add(q.PartitionStates[i].Topic, topic.ID{}, &q.PartitionStates[i])
	}
	for i := range q.TopicStates {
		t := &q.TopicStates[i]
		first := len(all)
		for k := range t.PartitionStates {
			add(t.Topic, t.TopicID, &t.PartitionStates[k])
		}
		if q.Version >= 5 {
			out.Topics = append(out.Topics, kmsg.LeaderAndISRResponseTopic{TopicID: t.TopicID, Partitions: rows[first:len(all):len(all)]})
		}
	}
	if q.Version < 5 {
		out.Partitions = rows
	}
	return out, all
}

// accepted are the assignments that change something; the others get their code.
// mu is held.
func (c *Control) accepted(all []assignment) []assignment {
	out := make([]assignment, 0, len(all))
	taken := make(map[checkpoint.Partition]bool, len(all))
	for _, a := range all {
		if taken[a.p] {
			*a.code = kerr.StaleControllerEpoch.Code
			continue
		}
		accept, code := c.judge(&a)
		if *a.code = code; accept {
			taken[a.p] = true
			out = append(out, a)
		}
	}
	return out
}

// judge says whether an assignment is to be carried out, and if not, with which
// code it is answered. mu is held.
func (c *Control) judge(a *assignment) (accept bool, code int16) {
	had := c.hosted[a.p]
	switch {
	case c.gone.keeps(a.id, c.epoch):
		return false, kerr.StaleControllerEpoch.Code
	case c.offline(a.p):
		return false, kerr.KafkaStorageError.Code
	case had == nil:
	case had.part == removed && differ(had.id, a.id): // another topic has the name
	case differ(had.id, a.id):
		return false, kerr.InconsistentTopicID.Code
	case a.to.LeaderEpoch < had.epoch:
		return false, kerr.StaleControllerEpoch.Code
	case a.to.LeaderEpoch == had.epoch && had.id.IsZero() && !a.id.IsZero() && had.part != removed:
		return true, 0 // the topic has got its id
	case a.to.LeaderEpoch == had.epoch && had.part == leads && c.unfit(a):
		return false, kerr.KafkaStorageError.Code
	case a.to.LeaderEpoch == had.epoch && (had.failed && a.to.LeaderEpoch >= had.tried || had.mends && a.to.Leader != c.o.BrokerID):
		return true, 0
	case a.to.LeaderEpoch == had.epoch:
		return false, kerr.StaleControllerEpoch.Code
	case a.to.ZKVersion < had.version:
		return false, 0
	}
	if !slices.Contains(a.to.Replicas, c.o.BrokerID) {
		return false, kerr.UnknownTopicOrPartition.Code
	}
	return true, 0
}

// differ says whether two ids are of different topics; a topic of an old cluster
// has none.
func differ(a, b topic.ID) bool { return a != b && !a.IsZero() && !b.IsZero() }

// assign carries assignments out. mu is held.
func (c *Control) assign(ctx context.Context, list []assignment) {
	topics := make(map[string]topic.ID, len(list))
	var leading []checkpoint.Partition
	for i := range list {
		topics[list[i].p.Topic] = list[i].id
		if list[i].to.Leader == c.o.BrokerID {
			leading = append(leading, list[i].p)
		}
	}
	if err := c.see(ctx, topics); err != nil {
		c.o.Logger.Error("roles cannot be taken", "partitions", len(list), "error", err)
		for i := range list {
			*list[i].code = kerr.UnknownServerError.Code
		}
		c.settle(list)
		return
	}
	c.o.Unfetch(leading...)
	configs := c.tunings(topics)
	begun := make([]bool, len(list))
	c.sideBySide(ctx, len(list), func(i int) {
		begun[i] = true
		*list[i].code = c.take(&list[i], configs)
	})
	for i := range list {
		if !begun[i] {
			*list[i].code = kerr.RequestTimedOut.Code
		}
	}
	c.retune(configs)
	c.settle(list)
}

// take has a replica begin its role.
func (c *Control) take(a *assignment, configs tuned) int16 {
	st := partition.State{
		TopicID: a.id, Leader: a.to.Leader, LeaderEpoch: a.to.LeaderEpoch, ISR: a.to.ISR, Replicas: a.to.Replicas,
		Adding: a.to.AddingReplicas, Removing: a.to.RemovingReplicas,
		PartitionEpoch: a.to.ZKVersion, LeaderRecovery: a.to.LeaderRecoveryState,
		Config: *configs.configs[a.p.Topic], New: a.to.IsNew,
		// What this broker is not said to have it cannot lose.
		Aside: a.to.IsNew || !slices.Contains(a.to.ISR, c.o.BrokerID),
	}
	if a.to.Leader == c.o.BrokerID {
		var code int16
		if !c.unfit(a) {
			code = c.code("a partition cannot be led", a.p, c.o.Partitions.Lead(a.p, st))
		}
		if code == 0 && c.unfit(a) { // before, or found out by leading
			c.o.Partitions.Stop(a.p)
			return kerr.KafkaStorageError.Code
		}
		return code
	}
	return c.code("a partition cannot be followed", a.p, c.o.Partitions.Follow(a.p, st))
}

// settle keeps what has been taken, starts the fetching and tells the others.
// mu is held.
func (c *Control) settle(list []assignment) {
	var fetch []fetcher.Following
	var idle []checkpoint.Partition
	im := c.Image()
	for i := range list {
		a := &list[i]
		if *a.code != 0 {
			if had := c.hosted[a.p]; had != nil {
				had.failed, had.tried = true, a.to.LeaderEpoch
			}
			continue
		}
		c.gone.lift(a.id)
		r := &replica{id: a.id, part: leads, leader: a.to.Leader, epoch: a.to.LeaderEpoch, version: a.to.ZKVersion}
		if r.leader != c.o.BrokerID {
			r.part = follows
			c.mended(a.p)
			_, alive := im.Broker(r.leader)
			r.idle = !alive
		}
		c.keep(a.p, r)
		switch {
		case r.part == leads:
			c.o.Led(a.p.Topic, a.p.Index, r.epoch)
			continue
		case r.idle:
			idle = append(idle, a.p)
		default:
			fetch = append(fetch, r.following(a.p))
		}
		c.o.Resigned(a.p.Topic, a.p.Index, r.epoch)
	}
	c.o.Unfetch(idle...)
	c.o.Fetch(fetch...)
}

// keep notes what a replica does from now on; nil: nothing any more. mu is held.
func (c *Control) keep(p checkpoint.Partition, r *replica) {
	if old := c.hosted[p]; old != nil && old.idle {
		c.idle--
	}
	if r == nil {
		delete(c.hosted, p)
		return
	}
	if r.idle {
		c.idle++
	}
	c.hosted[p] = r
}

func (r *replica) following(p checkpoint.Partition) fetcher.Following {
	return fetcher.Following{Partition: p, TopicID: r.id, Leader: r.leader, Epoch: r.epoch}
}

// rouse has the followers fetch whose leader has come. mu is held.
func (c *Control) rouse() {
	if c.idle == 0 {
		return
	}
	im := c.Image()
	var fetch []fetcher.Following
	for p, r := range c.hosted {
		if !r.idle {
			continue
		}
		if _, alive := im.Broker(r.leader); alive {
			r.idle = false
			c.idle--
			fetch = append(fetch, r.following(p))
		}
	}
	c.o.Fetch(fetch...)
}
