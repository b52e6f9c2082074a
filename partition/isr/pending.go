package isr

import (
	"slices"
	"time"
)

// Change is what a pending proposal does.
type Change int8

// The changes of the in-sync set.
const (
	None   Change = iota // the set is the committed one
	Expand               // a follower has caught up
	Shrink               // followers have fallen behind
)

// Pending is a proposal that the controller has not decided yet.
type Pending struct {
	Change Change
	// ISR is the set that was proposed.
	ISR []int32
	// PartitionEpoch is that of the committed set that it changes.
	PartitionEpoch int32
}

// ISR is the committed in-sync set. It must not be changed.
func (p *Progress) ISR() []int32 { return p.assigned.ISR }

// PartitionEpoch is the version of the committed set.
func (p *Progress) PartitionEpoch() int32 { return p.assigned.PartitionEpoch }

// Pending is the proposal that is out; its Change is None when there is none.
func (p *Progress) Pending() Pending { return p.pending }

// MaximalISR is how many replicas may be in sync as far as the leader knows.
func (p *Progress) MaximalISR() int {
	if p.pending.Change == Expand {
		return len(p.pending.ISR)
	}
	return len(p.assigned.ISR)
}

// maximal says whether a replica may be in sync as far as the leader knows.
func (p *Progress) maximal(id int32) bool {
	if p.pending.Change == Expand {
		return slices.Contains(p.pending.ISR, id)
	}
	return slices.Contains(p.assigned.ISR, id)
}

// afterRefusal is how long a leader waits with the next expansion when the
// controller has refused one: the broker is on its way out, and fetches on.
const afterRefusal = 500 * time.Millisecond

// Expand proposes to take a follower into the in-sync set, if it is due: it is
// out of it, its broker is alive, and it has everything below the high watermark
// and below the beginning of the epoch. It returns whether there is a proposal
// to make, which is Pending then.
func (p *Progress) Expand(id int32, c *Conditions) bool {
	if p.pending.Change != None || slices.Contains(p.assigned.ISR, id) || c.Now.Sub(p.refused) < afterRefusal {
		return false
	}
	r := p.find(id)
	if r == nil || r.End < p.high || r.End < p.begin || !c.alive(id) {
		return false
	}
	p.pending = Pending{
		Change: Expand, PartitionEpoch: p.assigned.PartitionEpoch,
		ISR: append(slices.Clone(p.assigned.ISR), id),
	}
	return true
}

// Shrink proposes to take followers that have not caught up for too long out of
// the in-sync set. It returns whether there is a proposal to make, which is
// Pending then.
func (p *Progress) Shrink(c *Conditions) bool {
	if p.pending.Change != None {
		return false
	}
	stay := make([]int32, 0, len(p.assigned.ISR))
	for _, id := range p.assigned.ISR {
		if r := p.find(id); id == p.assigned.Self || r != nil && r.caughtUp(p.end, c) {
			stay = append(stay, id)
		}
	}
	if len(stay) == len(p.assigned.ISR) {
		return false
	}
	p.pending = Pending{Change: Shrink, PartitionEpoch: p.assigned.PartitionEpoch, ISR: stay}
	return true
}

// Expel proposes to take a follower out of the in-sync set at once that asks for
// records below the high watermark: it had them, and has lost them. Elected, it
// would lose them for all. It returns whether there is a proposal to make, which
// is Pending then.
func (p *Progress) Expel(id int32) bool {
	r := p.find(id)
	if p.pending.Change != None || r == nil || r.End >= p.high || !slices.Contains(p.assigned.ISR, id) {
		return false
	}
	stay := slices.DeleteFunc(slices.Clone(p.assigned.ISR), func(other int32) bool { return other == id })
	p.pending = Pending{Change: Shrink, PartitionEpoch: p.assigned.PartitionEpoch, ISR: stay}
	return true
}

// Revert forgets the proposal: the controller has refused it.
func (p *Progress) Revert(now time.Time) { p.pending, p.refused = Pending{}, now }

// Commit makes a decision of the controller the present state; a proposal to
// change an older one is decided by it. Followers that stay keep their progress.
func (p *Progress) Commit(a Assignment) {
	if a.PartitionEpoch > p.assigned.PartitionEpoch {
		p.pending = Pending{}
	}
	a.ISR, a.Replicas = slices.Clone(a.ISR), slices.Clone(a.Replicas)
	p.assigned = a
	var remote []Remote
	for _, id := range a.Replicas {
		if id == a.Self {
			continue
		}
		if r := p.find(id); r != nil {
			remote = append(remote, *r)
			continue
		}
		remote = append(remote, Remote{ID: id, End: Unknown, Start: Unknown, Epoch: Unknown})
	}
	p.remote = remote
}

// CommitISR is Commit for an in-sync set alone.
func (p *Progress) CommitISR(set []int32, partitionEpoch int32) {
	p.assigned.ISR, p.assigned.PartitionEpoch, p.pending = slices.Clone(set), partitionEpoch, Pending{}
}
