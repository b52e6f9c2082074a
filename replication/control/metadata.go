package control

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/image"
)

// leaderGone stands in place of a partition's leader when its topic is deleted.
const leaderGone int32 = -2

// protocols are the names of the security protocols by number.
var protocols = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

// UpdateMetadata merges what the controller tells into the picture. Of a
// partition's states an earlier one never replaces a later one. The error code
// of the answer is for the request as a whole.
func (c *Control) UpdateMetadata(ctx context.Context, q *kmsg.UpdateMetadataRequest) *kmsg.UpdateMetadataResponse {
	out := kmsg.NewPtrUpdateMetadataResponse()
	out.Version = q.Version
	out.ErrorCode = c.enter(ctx, q.BrokerEpoch, q.ControllerEpoch)
	defer c.mu.Unlock()
	if out.ErrorCode != 0 || c.repeats(q) {
		return out
	}
	states := topicStates(q)
	if err := c.see(ctx, seen(states)); err != nil {
		// The topics are shown without; the next session on the tree reads them.
		c.o.Logger.Error("configurations of topics are not known", "error", err)
	}
	gone := c.merge(q, states)
	if len(gone) > 0 {
		c.o.Gone(gone)
	}
	c.yield(states)
	c.rouse()
	c.judgeWhole(q, len(states) > 0)
	return out
}

// judgeWhole notes when the picture is complete. mu is held.
func (c *Control) judgeWhole(q *kmsg.UpdateMetadataRequest, topics bool) {
	select {
	case <-c.informed:
		return
	default:
	}
	if !topics && !channel.Full(q) {
		if n, err := c.o.Topics(); err != nil || n > 0 {
			return
		}
	}
	close(c.informed)
}

// topicStates are a request's topics. Before version 5 partitions carry the name
// of their topic.
func topicStates(q *kmsg.UpdateMetadataRequest) []kmsg.UpdateMetadataRequestTopicState {
	if len(q.PartitionStates) == 0 {
		return q.TopicStates
	}
	var out []kmsg.UpdateMetadataRequestTopicState
	at := map[string]int{}
	for _, p := range q.PartitionStates {
		i, ok := at[p.Topic]
		if !ok {
			i = len(out)
			at[p.Topic] = i
			out = append(out, kmsg.UpdateMetadataRequestTopicState{Topic: p.Topic})
		}
		out[i].PartitionStates = append(out[i].PartitionStates, p)
	}
	return out
}

// seen are the topics that the states say are there.
func seen(states []kmsg.UpdateMetadataRequestTopicState) map[string]topic.ID {
	out := make(map[string]topic.ID, len(states))
	for i := range states {
		t := &states[i]
		if slices.ContainsFunc(t.PartitionStates, alive) {
			out[t.Topic] = t.TopicID
		}
	}
	return out
}

// merge shows the next picture and returns the topics that are gone. mu is held.
func (c *Control) merge(q *kmsg.UpdateMetadataRequest, states []kmsg.UpdateMetadataRequestTopicState) (gone []string) {
	c.show.Lock()
	defer c.show.Unlock()
	m := merger{c: c, im: c.Image(), topics: map[string]*image.Topic{}}
	for i := range states {
		m.topic(&states[i])
	}
	epochs := [2]int64{int64(q.ControllerEpoch), q.BrokerEpoch}
	if channel.Full(q) && (epochs[0] > c.whole[0] || epochs[0] == c.whole[0] && epochs[1] > c.whole[1]) {
		c.whole = epochs
		m.only(states)
		c.endOthers(states)
	}
	ch := image.Changes{Controller: &q.ControllerID, ControllerEpoch: &q.ControllerEpoch, Brokers: liveBrokers(q), Topics: m.topics}
	if slices.EqualFunc(m.im.Brokers(), ch.Brokers, sameBroker) {
		ch.Brokers = nil
	}
	c.put(m.im.With(ch))
	for _, t := range m.gone {
		gone = append(gone, t.Name)
		if m.topics[t.Name] == nil {
			delete(c.show.topics, t.Name)
		}
		c.forget(t)
	}
	return gone
}

// forget drops what was kept about replicas that have been removed: they cannot
// come back. mu is held.
func (c *Control) forget(t *image.Topic) {
	for n := range t.Partitions {
		p := checkpoint.Partition{Topic: t.Name, Index: int32(n)}
		if had := c.hosted[p]; had != nil && had.part == removed && c.gone.has(had.id) {
			c.keep(p, nil)
		}
	}
}

// merger makes the topics of the next picture. show is held.
type merger struct {
	c      *Control
	im     *image.Image
	topics map[string]*image.Topic // changed ones; nil: gone
	gone   []*image.Topic
}

// now is a topic as it is by now, nil if there is none.
func (m *merger) now(name string) *image.Topic {
	if t, changed := m.topics[name]; changed {
		return t
	}
	return m.im.Topic(name)
}

// topic merges what is said about one topic.
func (m *merger) topic(q *kmsg.UpdateMetadataRequestTopicState) {
	id := topic.ID(q.TopicID)
	if m.c.gone.keeps(id, m.c.epoch) {
		return
	}
	there := slices.ContainsFunc(q.PartitionStates, alive)
	old := m.now(q.Topic)
	if old != nil && differ(old.ID, id) {
		if !there {
			return // the end of another topic of that name
		}
		m.drop(old)
		old = nil
	}
	d := draft{old: old}
	for i := range q.PartitionStates {
		d.partition(&q.PartitionStates[i])
	}
	known := slices.ContainsFunc(d.partitions, func(p image.Partition) bool { return p.Replicas != nil })
	switch {
	case !there && !known:
		m.c.gone.add(id, m.c.epoch)
		if old != nil {
			m.drop(old)
		}
	case d.changed || old != nil && old.ID.IsZero() && !id.IsZero():
		m.put(q.Topic, id, d)
	}
}

// put shows a topic with the partitions of the draft.
func (m *merger) put(name string, id topic.ID, d draft) {
	next := &image.Topic{Name: name, ID: id, Internal: topic.Internal(name), Partitions: d.partitions, Config: map[string]string{}}
	if d.old != nil && id.IsZero() {
		next.ID = d.old.ID
	}
	if t := m.c.show.topics[name]; t != nil {
		next.Config = t.overrides
	}
	m.topics[name] = next
}

// alive says whether a state is not the end of the partition.
func alive(p kmsg.UpdateMetadataRequestTopicPartition) bool { return p.Leader != leaderGone }

// drop takes a topic out.
func (m *merger) drop(t *image.Topic) {
	m.topics[t.Name] = nil
	m.gone = append(m.gone, t)
}

// only takes out the topics that are not among the states.
func (m *merger) only(states []kmsg.UpdateMetadataRequestTopicState) {
	named := seen(states)
	for _, t := range m.im.Topics() {
		if _, ok := named[t.Name]; !ok && m.now(t.Name) != nil {
			m.drop(t)
		}
	}
}

// draft is a topic's partitions being changed.
type draft struct {
	old        *image.Topic
	partitions []image.Partition // old's, or a copy of them
	changed    bool
}

// unknown is a partition of which nothing has been told.
var unknown = image.Partition{Leader: image.NoBroker, LeaderEpoch: -1, PartitionEpoch: -1}

// partition merges a state.
func (d *draft) partition(q *kmsg.UpdateMetadataRequestTopicPartition) {
	if q.Partition < 0 || q.Partition > maxPartition {
		return
	}
	if d.partitions == nil && d.old != nil {
		d.partitions = d.old.Partitions
	}
	n := int(q.Partition)
	next := unknown
	if q.Leader != leaderGone {
		next = image.Partition{
			Replicas: q.Replicas, ISR: q.ISR, Leader: q.Leader, LeaderEpoch: q.LeaderEpoch,
			PartitionEpoch: q.ZKVersion, ControllerEpoch: q.ControllerEpoch, Offline: q.OfflineReplicas,
		}
	}
	if n < len(d.partitions) {
		had := &d.partitions[n]
		if q.Leader != leaderGone && earlier(&next, had) || equal(&next, had) {
			return
		}
	} else if q.Leader == leaderGone {
		return
	}
	if !d.changed {
		d.partitions, d.changed = slices.Clone(d.partitions), true
	}
	for len(d.partitions) <= n {
		d.partitions = append(d.partitions, unknown)
	}
	d.partitions[n] = next
}

// maxPartition bounds the number of a partition: what stands before it takes
// memory.
const maxPartition = 1 << 20

// earlier says whether a state was decided before another.
func earlier(a, b *image.Partition) bool {
	return a.LeaderEpoch < b.LeaderEpoch || a.LeaderEpoch == b.LeaderEpoch && a.PartitionEpoch < b.PartitionEpoch
}

func equal(a, b *image.Partition) bool {
	return a.Leader == b.Leader && a.LeaderEpoch == b.LeaderEpoch && a.PartitionEpoch == b.PartitionEpoch &&
		a.ControllerEpoch == b.ControllerEpoch && slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.ISR, b.ISR) &&
		slices.Equal(a.Offline, b.Offline)
}

// liveBrokers are the brokers that a request tells of.
func liveBrokers(q *kmsg.UpdateMetadataRequest) []image.Broker {
	out := make([]image.Broker, 0, len(q.LiveBrokers))
	for i := range q.LiveBrokers {
		row := &q.LiveBrokers[i]
		b := image.Broker{ID: row.ID}
		if row.Rack != nil {
			b.Rack = *row.Rack
		}
		if q.Version == 0 {
			b.Endpoints = []image.Endpoint{{Listener: protocols[0], Protocol: protocols[0], Host: row.Host, Port: row.Port}}
		}
		for _, e := range row.Endpoints {
			next := image.Endpoint{Listener: e.ListenerName, Host: e.Host, Port: e.Port}
			if 0 <= e.SecurityProtocol && int(e.SecurityProtocol) < len(protocols) {
				next.Protocol = protocols[e.SecurityProtocol]
			}
			if q.Version < 3 {
				next.Listener = next.Protocol
			}
			b.Endpoints = append(b.Endpoints, next)
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b image.Broker) int { return int(a.ID) - int(b.ID) })
	return out
}

func sameBroker(a, b image.Broker) bool {
	return a.ID == b.ID && a.Rack == b.Rack && slices.Equal(a.Endpoints, b.Endpoints)
}
