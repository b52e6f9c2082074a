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
// A log that has seen a later epoch than the tree (the tree is from a backup) gets
// the next one, for an epoch must never be used twice. A broker that has registered
// anew since it was last written that it is in sync counts as gone first, as in
// BrokersChanged: it was the controller itself, perhaps, that died and was back
// before its session had ended. Where nobody else in sync is left it stays, at the
// next epoch.
//
// The nodes above a partition's state must be there.
func Recover(im *image.Image, r Read, s Settings) Step {
	d := newDraft(im, s)
	d.ends, d.written = r.Ends, r.Written
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

// Read is what a new controller has read beside its picture.
type Read struct {
	Ends    map[Ref]int32 // latest epochs in the logs of this broker
	Written map[Ref]int64 // when states were last written, on the scale of brokers' epochs
}

func (d *draft) recover(name string, number int32) {
	t := d.topic(name)
	p := &t.Partitions[number]
	if p.PartitionEpoch < 0 {
		d.first(d.edit(name), number)
		return
	}
	gone := d.missing(p)
	t = d.absent(name, number, gone)
	p = &t.Partitions[number]
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

// absent takes those out of the in-sync set that are gone, and those that have been
// away since that was written, if there are others that have not. If there are none, a
// leader that was away leads on; but where somebody may have what it has lost, it
// does so at an epoch at which nobody has it.
func (d *draft) absent(name string, number int32, gone []int32) *image.Topic {
	t := d.topic(name)
	p := &t.Partitions[number]
	back := d.back(Ref{Topic: name, Partition: number}, p)
	again := len(p.Replicas) > 1 && slices.Contains(back, p.Leader)
	if !slices.ContainsFunc(without(p.ISR, back), func(id int32) bool { return d.live(p, id) }) {
		back = nil
	}
	if len(gone)+len(back) > 0 {
		t = d.edit(name)
		d.away = back
		d.lose(t, number, slices.Concat(gone, back))
		d.away = nil
	}
	if again && len(back) == 0 {
		t = d.edit(name)
		d.setLeader(t, number, t.Partitions[number].Leader)
	}
	return t
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

// back lists those in sync that have been away since that was written.
func (d *draft) back(ref Ref, p *image.Partition) (back []int32) {
	written, known := d.written[ref]
	for _, id := range p.ISR {
		if b, there := d.im.Broker(id); known && there && b.Epoch > written {
			back = append(back, id)
		}
	}
	return back
}
