package channel

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Shorter names of what a broker is told about one partition.
type (
	role = kmsg.LeaderAndISRRequestTopicPartition
	news = kmsg.UpdateMetadataRequestTopicPartition
	stop = kmsg.StopReplicaRequestTopicPartitionState
)

// load is a batch in a form that more can be merged into: its partitions are
// found by topic and number, and belong to nobody else.
//
// Sending what was merged must leave a broker as sending one after the other
// would. The requests of a batch are sent in the order of its fields, so a batch
// is not merged behind one that stops replicas of a topic that it speaks of, nor
// behind one that knows the topic under another id.
type load struct {
	head  Batch // its requests' own fields; their topics are below
	roles *table[role]
	news  *table[news]
	stops *table[stop]
}

// table is partitions by topic.
type table[P any] struct {
	topics []topicPart[P]
	at     map[string]int // place in topics
	number func(*P) int32
	join   func(old, later *P) P
}

// topicPart is what is said about one topic.
type topicPart[P any] struct {
	name  string
	id    [16]byte
	parts []P
	at    map[int32]int // place in parts
}

func newLoad(b *Batch) *load {
	l := &load{
		roles: newTable(func(p *role) int32 { return p.Partition }, joinRoles),
		news:  newTable(func(p *news) int32 { return p.Partition }, func(_, later *news) news { return *later }),
		stops: newStops(),
	}
	l.take(b)
	return l
}

func newTable[P any](number func(*P) int32, join func(old, later *P) P) *table[P] {
	return &table[P]{at: map[string]int{}, number: number, join: join}
}

func newStops() *table[stop] {
	return newTable(func(p *stop) int32 { return p.Partition }, joinStops)
}

// stopTopics is a table as it stands in a request.
func stopTopics(t *table[stop]) []kmsg.StopReplicaRequestTopic {
	out := make([]kmsg.StopReplicaRequestTopic, len(t.topics))
	for i, t := range t.topics {
		out[i] = kmsg.StopReplicaRequestTopic{Topic: t.name, PartitionStates: t.parts}
	}
	return out
}

// joinRoles is the later of two roles; that the replica is new stays true until
// the broker has heard it.
func joinRoles(old, later *role) role {
	p := *later
	p.IsNew = p.IsNew || old.IsNew
	return p
}

// joinStops is the later of two orders to stop; a deletion stays one.
func joinStops(old, later *stop) stop {
	p := *later
	p.Delete = p.Delete || old.Delete
	return p
}

// add says that a topic has partitions in a state.
func (t *table[P]) add(name string, id [16]byte, parts []P) {
	i, ok := t.at[name]
	if !ok {
		i = len(t.topics)
		t.at[name] = i
		t.topics = append(t.topics, topicPart[P]{name: name, id: id, at: make(map[int32]int, len(parts))})
	}
	into := &t.topics[i]
	for k := range parts {
		n := t.number(&parts[k])
		if j, ok := into.at[n]; ok {
			into.parts[j] = t.join(&into.parts[j], &parts[k])
			continue
		}
		into.at[n] = len(into.parts)
		into.parts = append(into.parts, parts[k])
	}
}

// keep drops the topics that are not to be kept.
func (t *table[P]) keep(keep func(*topicPart[P]) bool) {
	t.topics = slices.DeleteFunc(t.topics, func(p topicPart[P]) bool { return !keep(&p) })
	clear(t.at)
	for i := range t.topics {
		t.at[t.topics[i].name] = i
	}
}

// otherID says whether the topic is known under another id.
func (t *table[P]) otherID(name string, id [16]byte) bool {
	i, ok := t.at[name]
	return ok && t.topics[i].id != id
}

// fits says whether a batch may be merged behind what there is.
func (l *load) fits(b *Batch) bool {
	stopped := func(name string) bool { _, ok := l.stops.at[name]; return ok }
	if q := b.LeaderAndISR; q != nil {
		had := l.head.LeaderAndISR
		if had != nil && (had.ControllerEpoch != q.ControllerEpoch || had.BrokerEpoch != q.BrokerEpoch) {
			return false
		}
		for i := range q.TopicStates {
			t := &q.TopicStates[i]
			if stopped(t.Topic) || l.roles.otherID(t.Topic, t.TopicID) {
				return false
			}
		}
	}
	if q := b.UpdateMetadata; q != nil {
		had := l.head.UpdateMetadata
		if had != nil && (had.ControllerEpoch != q.ControllerEpoch || had.BrokerEpoch != q.BrokerEpoch) {
			return false
		}
		for i := range q.TopicStates {
			t := &q.TopicStates[i]
			if stopped(t.Topic) || l.news.otherID(t.Topic, t.TopicID) {
				return false
			}
		}
	}
	if q, had := b.StopReplica, l.head.StopReplica; q != nil && had != nil {
		return had.ControllerEpoch == q.ControllerEpoch && had.BrokerEpoch == q.BrokerEpoch
	}
	return true
}

// take merges a batch that fits.
func (l *load) take(b *Batch) {
	l.head.Broker, l.head.NewsFirst = b.Broker, l.head.NewsFirst || b.NewsFirst
	if q := b.LeaderAndISR; q != nil {
		l.takeRoles(q)
	}
	if q := b.UpdateMetadata; q != nil {
		l.takeNews(q)
	}
	if q := b.StopReplica; q != nil {
		l.head.StopReplica = q
		for i := range q.Topics {
			l.stops.add(q.Topics[i].Topic, [16]byte{}, q.Topics[i].PartitionStates)
		}
	}
}

func (l *load) takeRoles(q *kmsg.LeaderAndISRRequest) {
	leaders := q.LiveLeaders
	if had := l.head.LeaderAndISR; had != nil {
		for _, b := range had.LiveLeaders {
			same := func(other kmsg.LeaderAndISRRequestLiveLeader) bool { return other.BrokerID == b.BrokerID }
			if !slices.ContainsFunc(leaders, same) {
				leaders = append(slices.Clip(leaders), b)
			}
		}
	}
	head := *q
	head.LiveLeaders = leaders
	l.head.LeaderAndISR = &head
	for i := range q.TopicStates {
		l.roles.add(q.TopicStates[i].Topic, q.TopicStates[i].TopicID, q.TopicStates[i].PartitionStates)
	}
}

// takeNews merges what the picture is told. Of what was said before a whole
// picture, only what it must forget counts; behind one, everything is part of
// it.
func (l *load) takeNews(q *kmsg.UpdateMetadataRequest) {
	head := *q
	if had := l.head.UpdateMetadata; had != nil {
		if Full(q) {
			l.news.keep(func(t *topicPart[news]) bool {
				return !slices.ContainsFunc(t.parts, func(p news) bool { return p.Leader != deleted })
			})
		} else {
			head.UnknownTags = had.UnknownTags
		}
	}
	l.head.UpdateMetadata = &head
	for i := range q.TopicStates {
		l.news.add(q.TopicStates[i].Topic, q.TopicStates[i].TopicID, q.TopicStates[i].PartitionStates)
	}
}

// batch is what there is to send.
func (l *load) batch() Batch {
	out := Batch{Broker: l.head.Broker, NewsFirst: l.head.NewsFirst}
	if l.head.LeaderAndISR != nil {
		q := *l.head.LeaderAndISR
		q.TopicStates = make([]kmsg.LeaderAndISRRequestTopicState, len(l.roles.topics))
		for i, t := range l.roles.topics {
			q.TopicStates[i] = kmsg.LeaderAndISRRequestTopicState{Topic: t.name, TopicID: t.id, PartitionStates: t.parts}
		}
		out.LeaderAndISR = &q
	}
	if l.head.UpdateMetadata != nil {
		q := *l.head.UpdateMetadata
		q.TopicStates = make([]kmsg.UpdateMetadataRequestTopicState, len(l.news.topics))
		for i, t := range l.news.topics {
			q.TopicStates[i] = kmsg.UpdateMetadataRequestTopicState{Topic: t.name, TopicID: t.id, PartitionStates: t.parts}
		}
		out.UpdateMetadata = &q
	}
	if l.head.StopReplica != nil {
		q := *l.head.StopReplica
		q.Topics = stopTopics(l.stops)
		out.StopReplica = &q
	}
	return out
}
