package plan

import (
	"fmt"
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// Reassign decides about other replicas for partitions (KIP-455). Where all
// wanted replicas are in sync already, the partition has them at once; else the
// reassignment is written down and goes on as replicas come into sync.
//
//	origin ── Replicas without Adding     target ── Replicas without Removing
func Reassign(im *image.Image, rs []Reassignment, s Settings) (Step, []ElectResult) {
	d := newDraft(im, s)
	results := d.reassignAll(rs)
	return d.finish(), results
}

// reassignAll decides about each; of those of one partition only the last counts.
func (d *draft) reassignAll(rs []Reassignment) []ElectResult {
	last := make(map[Ref]int, len(rs))
	for i, r := range rs {
		last[r.Ref] = i
	}
	results := make([]ElectResult, len(rs))
	for i, r := range rs {
		if last[r.Ref] == i {
			results[i] = ElectResult{Ref: r.Ref, Err: d.reassign(r)}
		}
	}
	for i, r := range rs {
		results[i] = results[last[r.Ref]]
	}
	return results
}

func (d *draft) reassign(r Reassignment) error {
	t := d.topic(r.Topic)
	known := t != nil && r.Partition >= 0 && int(r.Partition) < len(t.Partitions)
	switch {
	case r.Replicas == nil && !(known && t.Partitions[r.Partition].Reassigning()):
		return refuse(ErrNoReassignment, "No partition reassignment is in progress.")
	case !known:
		return refuse(ErrUnknownTopic, "The partition does not exist.")
	}
	p := &t.Partitions[r.Partition]
	origin := originOf(p)
	target := r.Replicas
	if target == nil {
		target = origin
	} else if err := d.checkTarget(p, target); err != nil {
		return err
	}
	all := slices.Concat(target, without(origin, target))
	switch {
	case p.PartitionEpoch >= 0 && !intersects(p.ISR, all):
		return refuse(ErrInvalidAssignment, "None of the replicas in sync would be left.")
	case !p.Reassigning() && slices.Equal(target, p.Replicas):
		return nil
	case p.Reassigning() && p.PartitionEpoch >= 0 && slices.Equal(target, without(p.Replicas, p.Removing)):
		d.resume(d.edit(r.Topic), r.Partition) // it is under way
		return nil
	}
	d.move(d.edit(r.Topic), r.Partition, target)
	return nil
}

// move sets a partition, with a target that is not what it has, on its way.
// Replicas of an earlier target that is no longer wanted go at once.
func (d *draft) move(t *image.Topic, number int32, target []int32) {
	p := &t.Partitions[number]
	origin := originOf(p)
	was := p.Replicas
	p.Replicas = slices.Concat(target, without(origin, target))
	p.Adding, p.Removing = without(target, origin), without(origin, target)
	if p.Origin = nil; p.Reassigning() {
		p.Origin = origin
	}
	d.setAssignment(t)
	if p.PartitionEpoch < 0 {
		p.Replicas, p.Adding, p.Removing, p.Origin = target, nil, nil, nil
		d.first(t, number)
		return
	}
	dropped := without(was, p.Replicas)
	if len(dropped) > 0 {
		d.leave(t, number, leave{slices.Concat(p.Replicas, dropped), p.Adding, slices.Concat(p.Removing, dropped), origin})
	}
	d.drop(t, number, dropped)
	d.resume(t, number)
}

// originOf is what a partition's replicas were before the reassignment under
// way.
func originOf(p *image.Partition) []int32 {
	if p.Origin != nil {
		return p.Origin
	}
	return without(p.Replicas, p.Adding)
}

// resume completes a partition's reassignment, if it can be; if not, all who
// have a part in it are told of it, at a new epoch, so that they listen. Those that
// were added and are not in sync may begin empty: perhaps nobody has told them yet.
func (d *draft) resume(t *image.Topic, number int32) {
	p := &t.Partitions[number]
	if d.arrived(p) {
		d.complete(t, number)
		return
	}
	d.setLeader(t, number, p.Leader)
	for _, id := range p.Adding {
		if d.registered(id) && !slices.Contains(p.Offline, id) && !slices.Contains(p.ISR, id) {
			d.tell(t, number, id, true)
		}
	}
}

// completeAll completes the reassignments whose target is in sync.
func (d *draft) completeAll(refs []Ref) {
	if refs == nil {
		refs = everyPartition(d.im)
	}
	for _, ref := range refs {
		if p := d.partition(ref); p != nil && d.arrived(p) {
			d.complete(d.edit(ref.Topic), ref.Partition)
		}
	}
}

func (d *draft) checkTarget(p *image.Partition, target []int32) error {
	live := make([]int32, 0, len(d.im.Brokers()))
	for _, b := range d.im.Brokers() {
		live = append(live, b.ID)
	}
	switch {
	case len(target) == 0:
		return refuse(ErrInvalidAssignment, "Empty replica list specified in partition reassignment.")
	case duplicates(target):
		return refuse(ErrInvalidAssignment, fmt.Sprintf("Duplicate replica ids in partition reassignment replica list: %s", joinIDs(target)))
	case slices.Min(target) < 0:
		return refuse(ErrInvalidAssignment, fmt.Sprintf("Invalid broker id in replica list: %s", joinIDs(target)))
	case !d.anyTarget && !subset(without(target, without(p.Replicas, p.Adding)), live):
		return refuse(ErrInvalidAssignment, fmt.Sprintf(
			"Replica assignment has brokers that are not alive. Replica list: %s, live broker list: %s", joinIDs(target), joinIDs(live)))
	}
	return nil
}

// arrived says whether a reassignment can be completed: the target is in sync,
// and one of it can lead.
func (d *draft) arrived(p *image.Partition) bool {
	target := without(p.Replicas, p.Removing)
	return p.Reassigning() && subset(target, p.ISR) &&
		slices.ContainsFunc(target, func(id int32) bool { return d.live(p, id) })
}

// complete gives the partition the target's replicas, which are all in sync,
// and orders those that have to go to go. Only then the topic's node forgets them.
func (d *draft) complete(t *image.Topic, number int32) {
	p := &t.Partitions[number]
	gone := p.Removing
	switch _, leaving := d.leaving[Ref{Topic: t.Name, Partition: number}]; {
	case len(gone) == 0:
		d.setAssignment(t)
	case !leaving: // else move has said it
		d.leave(t, number, leave{p.Replicas, p.Adding, p.Removing, p.Origin})
	}
	p.Replicas, p.Adding, p.Removing, p.Origin = without(p.Replicas, gone), nil, nil, nil
	d.drop(t, number, gone)
	d.setLeader(t, number, p.Leader)
}

// drop takes replicas from a partition that are no longer among its replicas.
// If one of them led, or the leader is about to stop, the first of the others
// that is alive and in sync leads.
func (d *draft) drop(t *image.Topic, number int32, gone []int32) {
	p := &t.Partitions[number]
	p.ISR = without(p.ISR, gone)
	p.Offline = without(p.Offline, gone)
	if leads := slices.Contains(p.Replicas, p.Leader); !leads || !d.live(p, p.Leader) {
		i := slices.IndexFunc(p.Replicas, func(id int32) bool { return d.live(p, id) && slices.Contains(p.ISR, id) })
		if i >= 0 {
			d.setLeader(t, number, p.Replicas[i])
		} else if !leads && p.Leader != image.NoBroker {
			d.setLeader(t, number, image.NoBroker)
		}
	}
	for _, id := range gone {
		d.stop(Delete, t, number, id)
	}
}

// CompleteReassignments ends the reassignments, of the partitions named or of
// all (nil), whose target is in sync.
func CompleteReassignments(im *image.Image, refs []Ref, s Settings) Step {
	d := newDraft(im, s)
	d.completeAll(refs)
	return d.finish()
}

// ReassignFound decides about /admin/reassign_partitions, which older tools
// write. Unlike Reassign it takes targets that are not alive, as Kafka does, and
// cancels nothing: who names no replicas is refused.
// What remains of the node afterwards is ReassignLeft.
func ReassignFound(im *image.Image, rs []Reassignment, s Settings) (Step, []ElectResult) {
	d := newDraft(im, s)
	d.anyTarget = true
	rs = slices.Clone(rs)
	for i := range rs {
		if rs[i].Replicas == nil {
			rs[i].Replicas = []int32{}
		}
	}
	results := d.reassignAll(rs)
	return d.finish(), results
}

// ReassignLeft is what is left of /admin/reassign_partitions: the partitions
// that are still on their way to what the node says. The node is rewritten
// whenever that gets less, and removed when nothing is left.
func ReassignLeft(im *image.Image, rs []Reassignment) []Reassignment {
	var left []Reassignment
	for _, r := range rs {
		p := im.Partition(r.Topic, r.Partition)
		if p != nil && p.Reassigning() && slices.Equal(without(p.Replicas, p.Removing), r.Replicas) {
			left = append(left, r)
		}
	}
	return left
}

// without is a list less the members of another.
func without(list, less []int32) []int32 {
	var out []int32
	for _, id := range list {
		if !slices.Contains(less, id) {
			out = append(out, id)
		}
	}
	return out
}

func subset(list, of []int32) bool { return len(without(list, of)) == 0 }
