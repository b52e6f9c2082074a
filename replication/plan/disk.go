package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// ReplicasFailed decides about replicas of one broker whose disk has failed:
// they leave the in-sync sets, and where the broker led, another takes over, or
// the partition is left without a leader. The last replica in sync stays in the
// in-sync set: it has the records.
func ReplicasFailed(im *image.Image, broker int32, refs []Ref, s Settings) Step {
	d := newDraft(im, s)
	for _, ref := range refs {
		d.fail(broker, ref)
	}
	return d.finish()
}

func (d *draft) fail(broker int32, ref Ref) {
	p := d.partition(ref)
	if p == nil || slices.Contains(p.Offline, broker) || !slices.Contains(p.Replicas, broker) {
		return
	}
	t := d.edit(ref.Topic)
	p = &t.Partitions[ref.Partition]
	p.Offline = append(slices.Clone(p.Offline), broker)
	if p.PartitionEpoch < 0 {
		return
	}
	d.lose(t, ref.Partition, []int32{broker})
	d.stop(Stop, t, ref.Partition, broker)
}

// Returned are replicas that a broker has again.
type Returned struct {
	Broker   int32
	Replicas []Ref
	Doubtful []Ref // perhaps: it answered as one does who has heard the order before
}

// ReplicasBack decides about replicas of one broker that its disk has again. The
// doubtful ones are given to it at a new leader epoch, which nobody has heard of.
func ReplicasBack(im *image.Image, r Returned, s Settings) Step {
	d := newDraft(im, s)
	for _, ref := range r.Replicas {
		d.restore(r.Broker, ref)
	}
	for _, ref := range r.Doubtful {
		if d.restore(r.Broker, ref) && d.partition(ref).PartitionEpoch >= 0 {
			t := d.edit(ref.Topic)
			d.setLeader(t, ref.Partition, t.Partitions[ref.Partition].Leader)
		}
	}
	return d.finish()
}

func (d *draft) restore(broker int32, ref Ref) bool {
	p := d.partition(ref)
	if p == nil || !slices.Contains(p.Offline, broker) {
		return false
	}
	t := d.edit(ref.Topic)
	p = &t.Partitions[ref.Partition]
	p.Offline = without(p.Offline, []int32{broker})
	d.welcome(t, ref.Partition, []int32{broker})
	return true
}

// Retry assigns those replicas of a broker again that it could not have when it
// was last told: what kept it from them may have passed.
func Retry(im *image.Image, broker int32, s Settings) Step {
	d := newDraft(im, s)
	if !d.registered(broker) {
		return Step{}
	}
	for _, t := range im.Topics() {
		for p := range t.Partitions {
			if slices.Contains(t.Partitions[p].Offline, broker) {
				d.tell(t, int32(p), broker, false)
			}
		}
	}
	return d.finish()
}

// Probe assigns all replicas of a broker again: from its answer follows which
// of them its disks still have. It is how a log directory's failure, of which
// the broker only says that it happened, is found out.
func Probe(im *image.Image, broker int32, s Settings) Step {
	d := newDraft(im, s)
	for _, t := range im.Topics() {
		for p := range t.Partitions {
			if slices.Contains(t.Partitions[p].Replicas, broker) && d.registered(broker) {
				d.tell(t, int32(p), broker, false)
			}
		}
	}
	return d.finish()
}
