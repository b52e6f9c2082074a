package channel

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// The versions that Kafka's controller sends at inter.broker.protocol.version
// 3.4 and later.
const (
	leaderAndISRVersion   = 7
	updateMetadataVersion = 8
	stopReplicaVersion    = 4
)

// What stands in place of a leader and of an epoch where a topic is deleted.
const (
	deleted      int32 = -2
	deletedEpoch int32 = -2
)

// Situation is what orders and announcements were decided in.
type Situation struct {
	Before, After *image.Image
	// Listener is the listener that brokers reach each other by.
	Listener string
}

// Compose makes of one decision what each broker is to be told, sorted by
// broker. Orders to brokers that do not live are left out. The requests share
// parts with each other and with the pictures; nobody may change them.
func Compose(s Situation, orders []plan.Order, announcements []plan.Announcement) []Batch {
	c := composer{Situation: s, batches: map[int32]*Batch{}}
	c.roles(orders)
	c.news(announcements)
	c.stops(orders)
	out := make([]Batch, 0, len(c.batches))
	for _, id := range slices.Sorted(maps.Keys(c.batches)) {
		out = append(out, *c.batches[id])
	}
	return out
}

// composer makes the batches of one decision.
type composer struct {
	Situation
	batches map[int32]*Batch
	brokers []kmsg.UpdateMetadataRequestLiveBroker // nil: not made yet
}

// batch is the one for a broker, nil if the broker does not live.
func (c *composer) batch(id int32) (*Batch, int64) {
	broker, ok := c.After.Broker(id)
	if !ok {
		return nil, 0
	}
	b := c.batches[id]
	if b == nil {
		b = &Batch{Broker: id}
		c.batches[id] = b
	}
	return b, broker.Epoch
}

// place finds a topic's place in a request that is being made. Orders about one
// topic mostly stand together.
type place struct {
	broker int32
	topic  string
}

// slot finds a partition's.
type slot struct {
	place
	partition int32
}

// roles composes LeaderAndIsr requests. Where what was decided one after the other is
// told at once, the later counts: a broker takes only the first that a request says of
// a partition.
func (c *composer) roles(orders []plan.Order) {
	at, rows := map[place]int{}, make(map[slot]int, len(orders))
	for i := range orders {
		o := &orders[i]
		if o.Kind != plan.Assign {
			continue
		}
		b, epoch := c.batch(o.Broker)
		if b == nil {
			continue
		}
		q := b.LeaderAndISR
		if q == nil {
			q = kmsg.NewPtrLeaderAndISRRequest()
			q.Version, q.BrokerEpoch = leaderAndISRVersion, epoch
			q.ControllerID, q.ControllerEpoch = c.After.Controller, c.After.ControllerEpoch
			b.LeaderAndISR = q
		}
		key := place{o.Broker, o.Topic}
		k, ok := at[key]
		if !ok {
			k = len(q.TopicStates)
			at[key] = k
			q.TopicStates = append(q.TopicStates, kmsg.LeaderAndISRRequestTopicState{Topic: o.Topic, TopicID: o.TopicID})
		}
		t, r := &q.TopicStates[k], roleOf(o)
		slot := slot{key, o.Partition}
		if i, twice := rows[slot]; twice {
			t.PartitionStates[i] = joinRoles(&t.PartitionStates[i], &r)
			continue
		}
		rows[slot] = len(t.PartitionStates)
		t.PartitionStates = append(t.PartitionStates, r)
	}
	for _, b := range c.batches {
		b.LeaderAndISR.LiveLeaders = c.liveLeaders(b.LeaderAndISR)
	}
}

func roleOf(o *plan.Order) role {
	p := role{
		Partition: o.Partition, ControllerEpoch: o.State.ControllerEpoch,
		Leader: o.State.Leader, LeaderEpoch: o.State.LeaderEpoch, ISR: o.State.ISR, ZKVersion: o.State.PartitionEpoch,
		Replicas: o.State.Replicas, AddingReplicas: o.State.Adding, RemovingReplicas: o.State.Removing, IsNew: o.New,
	}
	if o.State.Recovering {
		p.LeaderRecoveryState = 1
	}
	return p
}

// liveLeaders are the brokers that lead any of the request's partitions.
func (c *composer) liveLeaders(q *kmsg.LeaderAndISRRequest) []kmsg.LeaderAndISRRequestLiveLeader {
	leading := map[int32]bool{}
	for i := range q.TopicStates {
		for k := range q.TopicStates[i].PartitionStates {
			leading[q.TopicStates[i].PartitionStates[k].Leader] = true
		}
	}
	var out []kmsg.LeaderAndISRRequestLiveLeader
	for _, b := range c.After.Brokers() {
		if e, ok := b.Endpoint(c.Listener); ok && leading[b.ID] {
			out = append(out, kmsg.LeaderAndISRRequestLiveLeader{BrokerID: b.ID, Host: e.Host, Port: e.Port})
		}
	}
	return out
}

// stops composes StopReplica requests. A replica that is to be stopped and then
// deleted is deleted.
func (c *composer) stops(orders []plan.Order) {
	made := map[int32]*table[stop]{}
	for i := range orders {
		o := &orders[i]
		if o.Kind != plan.Stop && o.Kind != plan.Delete {
			continue
		}
		b, epoch := c.batch(o.Broker)
		if b == nil {
			continue
		}
		if b.StopReplica == nil {
			q := kmsg.NewPtrStopReplicaRequest()
			q.Version, q.BrokerEpoch = stopReplicaVersion, epoch
			q.ControllerID, q.ControllerEpoch = c.After.Controller, c.After.ControllerEpoch
			b.StopReplica, made[o.Broker] = q, newStops()
		}
		p := stop{Partition: o.Partition, LeaderEpoch: o.State.LeaderEpoch, Delete: o.Kind == plan.Delete}
		if t := c.After.Topic(o.Topic); t == nil || t.ID != o.TopicID {
			p.LeaderEpoch = deletedEpoch
		}
		made[o.Broker].add(o.Topic, [16]byte{}, []stop{p})
	}
	for id, t := range made {
		c.batches[id].StopReplica.Topics = stopTopics(t)
	}
}
