package channel

import (
	"encoding/binary"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// security are the numbers of the security protocols.
var security = map[string]int16{"PLAINTEXT": 0, "SSL": 1, "SASL_PLAINTEXT": 2, "SASL_SSL": 3}

// typeTag is the number of UpdateMetadata's tagged field Type, of version 8;
// fullType says that the request is all that there is. Kafka's controller sets
// it only in KRaft mode, and Kafka's brokers ignore it otherwise.
const (
	typeTag  uint32 = 0
	fullType byte   = 2
)

// Full says whether a request tells the whole picture: what it does not tell of
// is not.
func Full(q *kmsg.UpdateMetadataRequest) bool {
	full := false
	q.UnknownTags.Each(func(tag uint32, value []byte) {
		full = full || tag == typeTag && len(value) == 1 && value[0] == fullType
	})
	return full
}

// numberTag is the number of a tagged field of leat's own: the place of the
// request among those to one broker. A request that was sent twice, on a
// connection that seemed dead and on the next, can so be told from news. Kafka's
// brokers ignore what they do not know.
const numberTag uint32 = 10_000

// Number numbers a request.
func Number(q *kmsg.UpdateMetadataRequest, n int64) {
	q.UnknownTags.Set(numberTag, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// NumberOf is the number of a request, if its sender has numbered it.
func NumberOf(q *kmsg.UpdateMetadataRequest) (n int64, ok bool) {
	q.UnknownTags.Each(func(tag uint32, value []byte) {
		if tag == numberTag && len(value) == 8 {
			n, ok = int64(binary.BigEndian.Uint64(value)), true
		}
	})
	return n, ok
}

// told is what a list of partitions and topics became, so that brokers that are
// told the same share it.
type told struct {
	partitions []plan.Ref
	gone       []plan.TopicGone
	states     []kmsg.UpdateMetadataRequestTopicState
}

// news composes UpdateMetadata requests.
func (c *composer) news(announcements []plan.Announcement) {
	var made []told
	arrivals := c.arrivals()
	for i := range announcements {
		a := &announcements[i]
		b, epoch := c.batch(a.Broker)
		if b == nil {
			continue
		}
		q := kmsg.NewPtrUpdateMetadataRequest()
		q.Version, q.BrokerEpoch = updateMetadataVersion, epoch
		q.ControllerID, q.ControllerEpoch = c.After.Controller, c.After.ControllerEpoch
		if a.Full {
			q.UnknownTags.Set(typeTag, []byte{fullType})
		}
		k := slices.IndexFunc(made, func(t told) bool { return same(t.partitions, a.Partitions) && same(t.gone, a.Gone) })
		if k < 0 {
			k = len(made)
			made = append(made, told{a.Partitions, a.Gone, c.topicStates(a)})
		}
		q.TopicStates = made[k].states
		q.LiveBrokers = c.liveBrokers()
		b.UpdateMetadata = q
		b.NewsFirst = a.Full || arrivals
	}
}

// arrivals says whether there are brokers that were not there before, or not
// where they are.
func (c *composer) arrivals() bool {
	return slices.ContainsFunc(c.After.Brokers(), func(b image.Broker) bool {
		had, ok := c.Before.Broker(b.ID)
		return !ok || had.Epoch != b.Epoch || !slices.Equal(had.Endpoints, b.Endpoints)
	})
}

// same says whether two lists are one.
func same[E any](a, b []E) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// topicStates is what an announcement says about topics: first those that are
// gone, for a new one may have the name.
func (c *composer) topicStates(a *plan.Announcement) []kmsg.UpdateMetadataRequestTopicState {
	out := make([]kmsg.UpdateMetadataRequestTopicState, 0, len(a.Gone))
	for _, gone := range a.Gone {
		out = append(out, c.goneState(gone))
	}
	at := map[string]int{}
	for _, ref := range a.Partitions {
		t := c.After.Topic(ref.Topic)
		if t == nil || int(ref.Partition) >= len(t.Partitions) {
			continue
		}
		k, ok := at[ref.Topic]
		if !ok {
			k = len(out)
			at[ref.Topic] = k
			out = append(out, kmsg.UpdateMetadataRequestTopicState{Topic: t.Name, TopicID: t.ID})
		}
		p := &t.Partitions[ref.Partition]
		out[k].PartitionStates = append(out[k].PartitionStates, news{
			Partition: ref.Partition, ControllerEpoch: p.ControllerEpoch, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
			ISR: p.ISR, ZKVersion: p.PartitionEpoch, Replicas: p.Replicas, OfflineReplicas: c.offline(p),
		})
	}
	return out
}

// goneState tells of a topic that is deleted, as it was.
func (c *composer) goneState(gone plan.TopicGone) kmsg.UpdateMetadataRequestTopicState {
	out := kmsg.UpdateMetadataRequestTopicState{Topic: gone.Name, TopicID: gone.ID}
	was := c.Before.Topic(gone.Name)
	for n := range gone.Partitions {
		state := news{Partition: n, ControllerEpoch: c.After.ControllerEpoch, Leader: deleted}
		if was != nil && was.ID == gone.ID && int(n) < len(was.Partitions) {
			p := &was.Partitions[n]
			state.ControllerEpoch, state.ISR, state.Replicas, state.OfflineReplicas = p.ControllerEpoch, p.ISR, p.Replicas, c.offline(p)
		}
		out.PartitionStates = append(out.PartitionStates, state)
	}
	return out
}

// offline are the replicas of a partition that cannot serve: their broker is not
// registered or is shutting down, or their disk has failed.
func (c *composer) offline(p *image.Partition) []int32 {
	var out []int32
	for _, id := range p.Replicas {
		_, live := c.After.Broker(id)
		if !live || c.After.ShuttingDown(id) || slices.Contains(p.Offline, id) {
			out = append(out, id)
		}
	}
	return out
}

// liveBrokers are all registered brokers; those that are shutting down too.
func (c *composer) liveBrokers() []kmsg.UpdateMetadataRequestLiveBroker {
	if c.brokers != nil {
		return c.brokers
	}
	for _, b := range c.After.Brokers() {
		row := kmsg.UpdateMetadataRequestLiveBroker{ID: b.ID}
		if b.Rack != "" {
			row.Rack = &b.Rack
		}
		for _, e := range b.Endpoints {
			row.Endpoints = append(row.Endpoints, kmsg.UpdateMetadataRequestLiveBrokerEndpoint{
				Port: e.Port, Host: e.Host, ListenerName: e.Listener, SecurityProtocol: security[e.Protocol],
			})
		}
		c.brokers = append(c.brokers, row)
	}
	return c.brokers
}
