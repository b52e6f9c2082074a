package plan

import "github.com/leatmq/leat/replication/image"

// Recover is what a controller does first in office: topics without an id get
// one, partitions without a leader get one where that is possible, partitions
// led by a broker that has gone get another, and every live leader is ordered
// to lead. A partition whose leader lives keeps its epoch, as in Kafka. Marked
// topics are taken out of the picture and ordered to go.
//
// ends are the latest epochs in the logs of this broker. A log that has seen a
// later epoch than the tree (the tree is from a backup) gets the next one, for
// an epoch must never be used twice.
//
// The nodes above a partition's state must be there.
func Recover(im *image.Image, ends map[Ref]int32, s Settings) Step {
	d := newDraft(im, s)
	d.ends = ends
	for _, t := range im.Topics() {
		if im.Deleting(t.Name) {
			d.remove(t)
			continue
		}
		if t.ID.IsZero() {
			t = d.edit(t.Name)
			t.ID = d.newID()
			d.setAssignment(t)
		}
		for p := range t.Partitions {
			d.recover(t.Name, int32(p))
		}
	}
	return d.finish()
}

func (d *draft) recover(name string, number int32) {
	t := d.topic(name)
	p := &t.Partitions[number]
	latest, logged := d.ends[Ref{Topic: name, Partition: number}]
	switch {
	case p.PartitionEpoch < 0:
		d.first(d.edit(name), number)
	case p.Leader == image.NoBroker || !d.live(p, p.Leader):
		t = d.edit(name)
		if !d.electOffline(t, number, d.uncleanAllowed(t)) && p.Leader != image.NoBroker {
			d.setLeader(t, number, image.NoBroker)
		}
	case logged && latest > p.LeaderEpoch:
		t = d.edit(name)
		t.Partitions[number].LeaderEpoch = latest
		d.setLeader(t, number, p.Leader)
	default:
		d.lead(t, number, false)
	}
}
