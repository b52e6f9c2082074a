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

// ReplicasBack decides about replicas of one broker that its disk has again.
func ReplicasBack(im *image.Image, broker int32, refs []Ref, s Settings) Step {
	d := newDraft(im, s)
	for _, ref := range refs {
		d.restore(broker, ref)
	}
	return d.finish()
}

func (d *draft) restore(broker int32, ref Ref) {
	p := d.partition(ref)
	if p == nil || !slices.Contains(p.Offline, broker) {
		return
	}
	t := d.edit(ref.Topic)
	p = &t.Partitions[ref.Partition]
	p.Offline = without(p.Offline, []int32{broker})
	d.welcome(t, ref.Partition, []int32{broker})
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
