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
	results := make([]ElectResult, len(rs))
	for i, r := range rs {
		results[i] = ElectResult{Ref: r.Ref, Err: d.reassign(r)}
	}
	return d.finish(), results
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
	origin := without(p.Replicas, p.Adding)
	target := r.Replicas
	if target == nil {
		target = origin
	} else if err := d.checkTarget(p, target); err != nil {
		return err
	}
	if !p.Reassigning() && slices.Equal(target, p.Replicas) {
		return nil
	}
	t = d.edit(r.Topic)
	p = &t.Partitions[r.Partition]
	if !subset(target, p.ISR) {
		p.Replicas = append(slices.Clone(target), without(origin, target)...)
		p.Adding, p.Removing = without(target, origin), without(origin, target)
		d.setAssignment(t)
		d.setLeader(t, r.Partition, p.Leader)
		return nil
	}
	d.complete(t, r.Partition, target)
	return nil
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
	case !subset(without(target, without(p.Replicas, p.Adding)), live):
		return refuse(ErrInvalidAssignment, fmt.Sprintf(
			"Replica assignment has brokers that are not alive. Replica list: %s, live broker list: %s", joinIDs(target), joinIDs(live)))
	}
	return nil
}

// complete gives the partition the target's replicas, which are all in sync,
// and orders those that have to go to go.
func (d *draft) complete(t *image.Topic, number int32, target []int32) {
	p := &t.Partitions[number]
	gone := without(p.Replicas, target)
	p.Replicas, p.Adding, p.Removing = slices.Clone(target), nil, nil
	p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return !slices.Contains(target, id) })
	d.setAssignment(t)
	leader := p.Leader
	if !slices.Contains(target, leader) || !d.live(p, leader) {
		leader = image.NoBroker
		for _, id := range target {
			if d.live(p, id) {
				leader = id
				break
			}
		}
	}
	d.setLeader(t, number, leader)
	for _, id := range gone {
		if _, live := d.im.Broker(id); live {
			d.order(Order{Kind: Delete, Broker: id, Topic: t.Name, Partition: number, TopicID: t.ID})
		}
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
// write. Unlike Reassign it takes targets that are not alive, as Kafka does.
// What remains of the node afterwards is ReassignLeft.
func ReassignFound(im *image.Image, rs []Reassignment, s Settings) (Step, []ElectResult) {
	d := newDraft(im, s)
	d.anyTarget = true
	results := make([]ElectResult, len(rs))
	for i, r := range rs {
		results[i] = ElectResult{Ref: r.Ref, Err: d.reassign(r)}
	}
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
