package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// setBrokers has the draft see the brokers that are registered now, and deals
// with those that are gone and those that have come.
func (d *draft) setBrokers(live []image.Broker, c Census) {
	gone := slices.Concat(c.Dead, c.Bounced)
	came := slices.Concat(c.New, c.Bounced)
	changes := image.Changes{Brokers: append([]image.Broker{}, live...)}
	for _, id := range gone {
		if d.im.ShuttingDown(id) {
			if changes.ShuttingDown == nil {
				changes.ShuttingDown = map[int32]bool{}
			}
			changes.ShuttingDown[id] = false
		}
	}
	d.step.Changes = changes
	d.im = d.im.With(changes)
	if len(gone) > 0 {
		d.away = c.Bounced
		d.eachOn(gone, func(t *image.Topic, number int32) { d.part(t, number, gone) })
		d.away = nil
	}
	if len(came) > 0 {
		d.eachOn(came, func(t *image.Topic, number int32) { d.welcome(t, number, came) })
		d.deleteOn(came)
	}
}

// forgetShutdowns drops who is shutting down: what an earlier controller was
// told.
func (d *draft) forgetShutdowns() {
	for _, id := range d.im.BrokersShuttingDown() {
		if d.step.Changes.ShuttingDown == nil {
			d.step.Changes.ShuttingDown = map[int32]bool{}
		}
		d.step.Changes.ShuttingDown[id] = false
	}
	d.im = d.im.With(d.step.Changes)
}

// eachOn visits the partitions that have a replica on any of the brokers, as
// the draft has them.
func (d *draft) eachOn(brokers []int32, visit func(t *image.Topic, number int32)) {
	for _, t := range d.im.Topics() {
		for p := range t.Partitions {
			if intersects(t.Partitions[p].Replicas, brokers) {
				visit(d.topic(t.Name), int32(p))
			}
		}
	}
}

// part is a partition's leave of brokers that are gone. What was known of their
// disks is forgotten.
func (d *draft) part(t *image.Topic, number int32, gone []int32) {
	p := &t.Partitions[number]
	if !intersects(p.ISR, gone) && !slices.Contains(gone, p.Leader) && !intersects(p.Offline, gone) {
		return
	}
	t = d.edit(t.Name)
	p = &t.Partitions[number]
	p.Offline = without(p.Offline, gone)
	if p.PartitionEpoch >= 0 {
		d.lose(t, number, gone)
	}
}

// welcome assigns a partition to brokers that have come, or come back, and may
// be what it was waiting for.
func (d *draft) welcome(t *image.Topic, number int32, came []int32) {
	p := &t.Partitions[number]
	if p.Leader == image.NoBroker {
		t = d.edit(t.Name)
		d.electOffline(t, number, d.uncleanAllowed(t))
	} else if p.Reassigning() {
		d.resume(d.edit(t.Name), number)
	}
	t = d.topic(t.Name)
	p = &t.Partitions[number]
	for _, id := range came {
		if slices.Contains(p.Replicas, id) && !slices.Contains(p.Offline, id) {
			d.tell(t, number, id, false)
		}
	}
}

// intersects says whether two lists have a member in common.
func intersects(a, b []int32) bool {
	for _, id := range a {
		if slices.Contains(b, id) {
			return true
		}
	}
	return false
}
