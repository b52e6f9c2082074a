package channel_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// recorded is a request of Kafka 3.9's controller, as it was on the wire.
type recorded struct {
	N       int    `json:"n"`
	Step    string `json:"step"`
	To      int32  `json:"to"`
	Key     int16  `json:"key"`
	Version int16  `json:"version"`
	Request string `json:"request"`

	body []byte
	req  kmsg.Request
}

// onWire is a request in the form in which it is written and read.
func onWire(req kmsg.Request) kmsg.Request {
	if q, ok := req.(*kmsg.StopReplicaRequest); ok {
		return channel.StopReplica{StopReplicaRequest: q}
	}
	return req
}

func recordings(t *testing.T) []recorded {
	f, err := os.Open("testdata/controller-requests.jsonl")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var all []recorded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		raw, err := hex.DecodeString(r.Request)
		require.NoError(t, err)
		// key, version, correlation id, client id of one character, no tags
		require.Equal(t, []byte{0, 1}, raw[8:10])
		r.body = raw[12:]
		r.req = kmsg.RequestForKey(r.Key)
		r.req.SetVersion(r.Version)
		require.NoError(t, onWire(r.req).ReadFrom(r.body), "request %d", r.N)
		all = append(all, r)
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, all)
	return all
}

// TestGoldenRequests: what Kafka's controller sent is read and written again
// byte for byte, and Compose makes the same request, field by field, of the
// situation it was sent in. Only the order of topics, partitions and brokers is
// our own.
func TestGoldenRequests(t *testing.T) {
	all := recordings(t)
	for i := range all {
		r := &all[i]
		require.Equal(t, r.body, onWire(r.req).AppendTo(nil), "request %d", r.N)
		s, orders, announcements := situation(t, all, r)
		batches := channel.Compose(s, orders, announcements)
		require.Len(t, batches, 1, "request %d", r.N)
		require.Equal(t, r.To, batches[0].Broker)
		requireSame(t, r, &batches[0])
	}
}

func requireSame(t *testing.T, r *recorded, b *channel.Batch) {
	t.Helper()
	switch want := r.req.(type) {
	case *kmsg.LeaderAndISRRequest:
		require.Equal(t, sorted(t, want), sorted(t, b.LeaderAndISR), "request %d: %s", r.N, r.Step)
	case *kmsg.UpdateMetadataRequest:
		require.Equal(t, sorted(t, want), sorted(t, b.UpdateMetadata), "request %d: %s", r.N, r.Step)
	case *kmsg.StopReplicaRequest:
		require.Equal(t, sorted(t, want), sorted(t, b.StopReplica), "request %d: %s", r.N, r.Step)
	}
}

// sorted is a request as JSON, with its lists in a fixed order.
func sorted(t *testing.T, req kmsg.Request) string {
	t.Helper()
	again := kmsg.RequestForKey(req.Key())
	again.SetVersion(req.GetVersion())
	require.NoError(t, again.ReadFrom(req.AppendTo(nil)))
	switch q := again.(type) {
	case *kmsg.LeaderAndISRRequest:
		slices.SortFunc(q.TopicStates, func(a, b kmsg.LeaderAndISRRequestTopicState) int { return strings.Compare(a.Topic, b.Topic) })
		for _, s := range q.TopicStates {
			slices.SortFunc(s.PartitionStates, func(a, b kmsg.LeaderAndISRRequestTopicPartition) int { return int(a.Partition - b.Partition) })
		}
		slices.SortFunc(q.LiveLeaders, func(a, b kmsg.LeaderAndISRRequestLiveLeader) int { return int(a.BrokerID - b.BrokerID) })
	case *kmsg.UpdateMetadataRequest:
		slices.SortFunc(q.TopicStates, func(a, b kmsg.UpdateMetadataRequestTopicState) int { return strings.Compare(a.Topic, b.Topic) })
		for _, s := range q.TopicStates {
			slices.SortFunc(s.PartitionStates, func(a, b kmsg.UpdateMetadataRequestTopicPartition) int { return int(a.Partition - b.Partition) })
		}
		slices.SortFunc(q.LiveBrokers, func(a, b kmsg.UpdateMetadataRequestLiveBroker) int { return int(a.ID - b.ID) })
	case *kmsg.StopReplicaRequest:
		slices.SortFunc(q.Topics, func(a, b kmsg.StopReplicaRequestTopic) int { return strings.Compare(a.Topic, b.Topic) })
		for _, s := range q.Topics {
			slices.SortFunc(s.PartitionStates, func(a, b kmsg.StopReplicaRequestTopicPartitionState) int { return int(a.Partition - b.Partition) })
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", " ")
	require.NoError(t, e.Encode(again))
	return text.String()
}

// situation is the picture, the orders and the announcement that a request came
// of.
func situation(t *testing.T, all []recorded, r *recorded) (channel.Situation, []plan.Order, []plan.Announcement) {
	t.Helper()
	ch := image.Changes{Topics: map[string]*image.Topic{}, ShuttingDown: map[int32]bool{}}
	before := image.Changes{Topics: map[string]*image.Topic{}}
	var orders []plan.Order
	var announcements []plan.Announcement
	var controller, epoch int32
	var brokerEpoch int64
	switch q := r.req.(type) {
	case *kmsg.LeaderAndISRRequest:
		controller, epoch, brokerEpoch = q.ControllerID, q.ControllerEpoch, q.BrokerEpoch
		orders = assigned(r.To, q)
	case *kmsg.StopReplicaRequest:
		controller, epoch, brokerEpoch = q.ControllerID, q.ControllerEpoch, q.BrokerEpoch
		orders = stopped(r.To, q, ch.Topics)
	case *kmsg.UpdateMetadataRequest:
		controller, epoch, brokerEpoch = q.ControllerID, q.ControllerEpoch, q.BrokerEpoch
		announcements = announced(r, q, ch, before)
	}
	ch.Controller, ch.ControllerEpoch = &controller, &epoch
	ch.Brokers = brokersOf(t, all, r, brokerEpoch)
	s := channel.Situation{Before: image.Empty().With(before), After: image.Empty().With(ch), Listener: "PLAINTEXT"}
	return s, orders, announcements
}

func assigned(to int32, q *kmsg.LeaderAndISRRequest) []plan.Order {
	var orders []plan.Order
	for _, s := range q.TopicStates {
		for _, p := range s.PartitionStates {
			orders = append(orders, plan.Order{
				Kind: plan.Assign, Broker: to, Topic: s.Topic, Partition: p.Partition, TopicID: s.TopicID, New: p.IsNew,
				State: image.Partition{
					Replicas: p.Replicas, Adding: p.AddingReplicas, Removing: p.RemovingReplicas, ISR: p.ISR,
					Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.ZKVersion, ControllerEpoch: p.ControllerEpoch,
				},
			})
		}
	}
	return orders
}

// stopped are the orders of a request to stop; topics gets those that live on.
func stopped(to int32, q *kmsg.StopReplicaRequest, topics map[string]*image.Topic) []plan.Order {
	var orders []plan.Order
	for _, s := range q.Topics {
		for _, p := range s.PartitionStates {
			o := plan.Order{
				Kind: plan.Stop, Broker: to, Topic: s.Topic, Partition: p.Partition, TopicID: topic.ID{7},
				State: image.Partition{LeaderEpoch: p.LeaderEpoch},
			}
			if p.LeaderEpoch == -2 {
				o.State.LeaderEpoch = 3
			} else {
				topics[s.Topic] = &image.Topic{Name: s.Topic, ID: o.TopicID}
			}
			orders = append(orders, o)
			if p.Delete { // stopped first, then deleted
				o.Kind = plan.Delete
				orders = append(orders, o)
			}
		}
	}
	return orders
}

// announced is the announcement of what a request tells; what it tells goes into
// the pictures after and before.
func announced(r *recorded, q *kmsg.UpdateMetadataRequest, after, before image.Changes) []plan.Announcement {
	a := plan.Announcement{Broker: r.To}
	for _, s := range q.TopicStates {
		into := after.Topics
		if s.PartitionStates[0].Leader == -2 {
			into = before.Topics
			a.Gone = append(a.Gone, plan.TopicGone{Name: s.Topic, ID: s.TopicID, Partitions: int32(len(s.PartitionStates))})
		}
		t := &image.Topic{Name: s.Topic, ID: s.TopicID}
		into[s.Topic] = t
		for _, p := range s.PartitionStates {
			for int(p.Partition) >= len(t.Partitions) {
				t.Partitions = append(t.Partitions, image.Partition{})
			}
			part := image.Partition{
				Replicas: p.Replicas, ISR: p.ISR, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
				PartitionEpoch: p.ZKVersion, ControllerEpoch: p.ControllerEpoch,
			}
			for _, id := range p.OfflineReplicas {
				switch {
				case strings.Contains(r.Step, "log directory"):
					part.Offline = append(part.Offline, id)
				case strings.Contains(r.Step, "shut"):
					after.ShuttingDown[id] = true
				}
			}
			t.Partitions[p.Partition] = part
			if p.Leader != -2 {
				a.Partitions = append(a.Partitions, plan.Ref{Topic: s.Topic, Partition: p.Partition})
			}
		}
	}
	return []plan.Announcement{a}
}

// brokersOf are the brokers that lived when a request was sent. LeaderAndIsr and
// StopReplica do not tell; there it is those of an UpdateMetadata at that time.
func brokersOf(t *testing.T, all []recorded, r *recorded, epoch int64) []image.Broker {
	t.Helper()
	q, ok := r.req.(*kmsg.UpdateMetadataRequest)
	for i := 0; !ok; i++ {
		require.Less(t, i, len(all))
		q, ok = all[i].req.(*kmsg.UpdateMetadataRequest)
		ok = ok && len(q.LiveBrokers) == 3
	}
	dead := map[int32]bool{}
	if q, ok := r.req.(*kmsg.LeaderAndISRRequest); ok { // leaders that it has no address of
		for _, s := range q.TopicStates {
			for _, p := range s.PartitionStates {
				dead[p.Leader] = true
			}
		}
		for _, b := range q.LiveLeaders {
			delete(dead, b.BrokerID)
		}
	}
	var out []image.Broker
	for _, row := range q.LiveBrokers {
		if dead[row.ID] {
			continue
		}
		b := image.Broker{ID: row.ID, Epoch: 1}
		if row.Rack != nil {
			b.Rack = *row.Rack
		}
		if row.ID == r.To {
			b.Epoch = epoch
		}
		for _, e := range row.Endpoints {
			name := map[int16]string{0: "PLAINTEXT", 1: "SSL", 2: "SASL_PLAINTEXT", 3: "SASL_SSL"}[e.SecurityProtocol]
			b.Endpoints = append(b.Endpoints, image.Endpoint{Listener: e.ListenerName, Protocol: name, Host: e.Host, Port: e.Port})
		}
		out = append(out, b)
	}
	return out
}
