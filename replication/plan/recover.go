package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// Recover is what a controller does first in office: topics without an id get
// one, brokers that are gone leave the in-sync sets, partitions without a leader
// get one where that is possible, and every replica that can be reached is
// assigned. A partition whose leader and in-sync set are alive keeps its epoch,
// as in Kafka. Reassignments go on or are completed. Marked topics are taken out
// of the picture and ordered to go.
//
// ends are the latest epochs in the logs of this broker. A log that has seen a
// later epoch than the tree (the tree is from a backup) gets the next one, for
// an epoch must never be used twice.
//
// The nodes above a partition's state must be there.
func Recover(im *image.Image, ends map[Ref]int32, s Settings) Step {
	d := newDraft(im, s)
	d.ends = ends
	d.forgetShutdowns()
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
	if p.PartitionEpoch < 0 {
		d.first(d.edit(name), number)
		return
	}
	gone := d.missing(p)
	if len(gone) > 0 {
		t = d.edit(name)
		d.lose(t, number, gone)
		p = &t.Partitions[number]
	}
	if p.Leader == image.NoBroker && len(gone) < len(p.Replicas) {
		t = d.edit(name)
		d.electOffline(t, number, d.uncleanAllowed(t))
	}
	latest, logged := d.ends[Ref{Topic: name, Partition: number}]
	if logged && latest >= t.Partitions[number].LeaderEpoch && t.Partitions[number].Leader != image.NoBroker {
		t = d.outrun(name, number, latest)
	}
	if t.Partitions[number].Reassigning() {
		d.resume(d.edit(name), number)
	}
	d.tellAll(d.topic(name), number)
}

// outrun raises the leader epoch above one that a log has seen already, unless
// the log has it from the leader that the tree knows.
func (d *draft) outrun(name string, number, latest int32) *image.Topic {
	t := d.topic(name)
	changed := d.look(t, number).bumped
	if latest == t.Partitions[number].LeaderEpoch && !changed {
		return t
	}
	t = d.edit(name)
	p := &t.Partitions[number]
	p.LeaderEpoch = latest
	d.look(t, number).bumped = false
	d.setLeader(t, number, p.Leader)
	return t
}

// missing lists the brokers that a partition counts on and that are not there.
func (d *draft) missing(p *image.Partition) []int32 {
	var gone []int32
	if p.Leader != image.NoBroker && !d.registered(p.Leader) {
		gone = append(gone, p.Leader)
	}
	for _, id := range p.ISR {
		if !d.registered(id) && !slices.Contains(gone, id) {
			gone = append(gone, id)
		}
	}
	return gone
}
