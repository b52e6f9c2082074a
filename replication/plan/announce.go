package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// Announce decides who must be told what of the picture after a step: a broker
// that is new, or registered anew, everything; the others what differs. If the
// list of brokers differs, all are told at least that. A controller that takes
// office announces from image.Empty(): everything to everyone.
//
// Partitions that have never had a leader are not announced.
func Announce(before, after *image.Image) []Announcement {
	a := announcer{before: before, after: after}
	for _, b := range after.Brokers() {
		if !a.fresh(&b) {
			a.compare()
			break
		}
	}
	moved := !slices.EqualFunc(before.Brokers(), after.Brokers(), sameBroker)
	var all []Ref
	var ends []TopicGone
	var out []Announcement
	for i := range after.Brokers() {
		b := &after.Brokers()[i]
		switch {
		case a.fresh(b):
			if all == nil {
				all, ends = everyPartition(after), beingDeleted(after)
			}
			out = append(out, Announcement{Broker: b.ID, Full: true, Partitions: all, Gone: ends})
		case moved || len(a.partitions) > 0 || len(a.gone) > 0:
			out = append(out, Announcement{Broker: b.ID, Partitions: a.partitions, Gone: a.gone})
		}
	}
	return out
}

// beingDeleted lists the topics whose deletion is under way. A broker of Kafka's does
// not forget what a new controller does not tell of.
func beingDeleted(im *image.Image) []TopicGone {
	var out []TopicGone
	for _, name := range im.DeletingTopics() {
		if d := im.Deletion(name); d != nil {
			out = append(out, TopicGone{Name: name, ID: d.Topic.ID, Partitions: int32(len(d.Topic.Partitions))})
		}
	}
	return out
}

// announcer compares two pictures.
type announcer struct {
	before, after *image.Image
	partitions    []Ref // that differ
	gone          []TopicGone
}

// fresh says whether a broker knows nothing yet.
func (a *announcer) fresh(b *image.Broker) bool {
	was, known := a.before.Broker(b.ID)
	return !known || was.Epoch != b.Epoch
}

// compare walks both sorted lists of topics side by side. Topics that did not
// change are the same pointers.
func (a *announcer) compare() {
	old, now := a.before.Topics(), a.after.Topics()
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].Name < now[0].Name:
			a.lost(old[0])
			old = old[1:]
		case len(old) == 0 || now[0].Name < old[0].Name:
			a.topic(nil, now[0])
			now = now[1:]
		default:
			if old[0] != now[0] {
				a.topic(old[0], now[0])
			}
			old, now = old[1:], now[1:]
		}
	}
}

func (a *announcer) lost(t *image.Topic) {
	a.gone = append(a.gone, TopicGone{Name: t.Name, ID: t.ID, Partitions: int32(len(t.Partitions))})
}

// topic notes what is new about a topic.
func (a *announcer) topic(old, now *image.Topic) {
	if old != nil && old.ID != now.ID {
		if !old.ID.IsZero() {
			a.lost(old)
		}
		old = nil
	}
	for i := range now.Partitions {
		p := &now.Partitions[i]
		if p.PartitionEpoch < 0 {
			continue
		}
		if old == nil || i >= len(old.Partitions) || !sameState(&old.Partitions[i], p) {
			a.partitions = append(a.partitions, Ref{Topic: now.Name, Partition: int32(i)})
		}
	}
}

func sameState(a, b *image.Partition) bool {
	return a.PartitionEpoch == b.PartitionEpoch && a.LeaderEpoch == b.LeaderEpoch && a.Leader == b.Leader &&
		a.ControllerEpoch == b.ControllerEpoch && a.Recovering == b.Recovering &&
		slices.Equal(a.ISR, b.ISR) && slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.Offline, b.Offline)
}

func sameBroker(a, b image.Broker) bool {
	return a.ID == b.ID && a.Epoch == b.Epoch && a.Rack == b.Rack && slices.Equal(a.Endpoints, b.Endpoints)
}
