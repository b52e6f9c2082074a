package plan

import (
	"fmt"
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// ControlledShutdown relieves a broker that is about to stop: what it leads and
// another in-sync replica can lead goes to that one, and it leaves the in-sync
// sets of the others. It stays among the shutting down until its registration
// is gone. remaining are the partitions with more than one replica that it
// still leads. An epoch of -1 is not checked.
//
// Errors: ErrUnknownBroker, ErrStaleBrokerEpoch.
func ControlledShutdown(im *image.Image, broker int32, epoch int64, s Settings) (step Step, remaining []Ref, err error) {
	b, ok := im.Broker(broker)
	switch {
	case !ok:
		return Step{}, nil, refuse(ErrUnknownBroker, fmt.Sprintf("Broker id %d does not exist.", broker))
	case epoch != -1 && epoch < b.Epoch:
		return Step{}, nil, refuse(ErrStaleBrokerEpoch, fmt.Sprintf("Broker %d has registered anew since epoch %d.", broker, epoch))
	}
	d := newDraft(im, s)
	d.step.Changes.ShuttingDown = map[int32]bool{broker: true}
	d.im = im.With(d.step.Changes)
	d.eachOn([]int32{broker}, func(t *image.Topic, number int32) {
		p := &t.Partitions[number]
		if len(p.Replicas) < 2 || p.PartitionEpoch < 0 {
			return
		}
		if p.Leader != broker {
			d.dismiss(t, number, broker)
		} else if !d.relieve(t, number) {
			remaining = append(remaining, Ref{Topic: t.Name, Partition: number})
		}
	})
	return d.finish(), remaining, nil
}

// relieve gives a partition whose leader is about to stop to another replica in
// sync, if there is one.
func (d *draft) relieve(t *image.Topic, number int32) bool {
	p := &t.Partitions[number]
	i := slices.IndexFunc(p.Replicas, func(id int32) bool { return d.live(p, id) && slices.Contains(p.ISR, id) })
	if i < 0 {
		return false
	}
	leader := p.Replicas[i]
	t = d.edit(t.Name)
	p = &t.Partitions[number]
	p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), d.im.ShuttingDown)
	d.setLeader(t, number, leader)
	return true
}

// dismiss ends the part of a follower that is about to stop.
func (d *draft) dismiss(t *image.Topic, number, broker int32) {
	p := &t.Partitions[number]
	if len(p.ISR) > 1 && slices.Contains(p.ISR, broker) {
		t = d.edit(t.Name)
		p = &t.Partitions[number]
		p.ISR = without(p.ISR, []int32{broker})
		d.setLeader(t, number, p.Leader)
	}
	d.stop(Stop, t, number, broker)
}
