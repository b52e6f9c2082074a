package isr

import (
	"slices"
	"time"
)

// Remote is a follower as its leader knows it.
type Remote struct {
	ID    int32
	End   int64 // what it fetched last from: it has all below; Unknown before the first fetch
	Start int64 // where its log starts; Unknown before the first fetch
	// CaughtUp is when it last had everything that the leader had then. Zero:
	// never.
	CaughtUp time.Time
	// Epoch is that of the broker's registration in which it fetched last; Unknown if
	// it did not say.
	Epoch int64

	newest     int64     // the latest Epoch it has fetched in
	late       late      // fetches of an earlier one since
	fetched    time.Time // when it fetched last
	fetchedEnd int64     // the leader's end at that time
}

// Fetch is what a follower's fetch says about it.
type Fetch struct {
	Offset    int64 // where it fetched from, which is its end
	Start     int64 // where its log starts
	LeaderEnd int64 // where the leader's log ended when it was read for the fetch
	// Epoch is that of the follower's registration (KIP-903). Brokers before Kafka 3.5
	// have none to say: then it is Unknown, or 0.
	Epoch int64
}

// Fetched notes that a follower has fetched. It returns false, and notes
// nothing, for one that the partition is not assigned to, and for a fetch of an
// earlier life of the broker than one that was heard of: what it says to have, a
// crash may have taken from it since.
//
// A follower has caught up if it asks for what the leader does not have yet. One
// that asks for what the leader did not have at its last fetch had caught up
// then: under steady writes a follower is never at the end, and yet in sync.
func (p *Progress) Fetched(id int32, f Fetch, now time.Time) bool {
	r := p.find(id)
	if r == nil || p.Outlived(id, f) && !r.late.lives(f.Epoch, now) {
		return false
	}
	r.Epoch, r.late = Unknown, late{}
	if f.Epoch > 0 {
		r.Epoch, r.newest = f.Epoch, f.Epoch
	}
	switch {
	case f.Offset >= f.LeaderEnd:
		r.CaughtUp = later(r.CaughtUp, now)
	case f.Offset >= r.fetchedEnd:
		r.CaughtUp = later(r.CaughtUp, r.fetched)
	}
	r.End, r.Start = f.Offset, f.Start
	r.fetched, r.fetchedEnd = now, f.LeaderEnd
	return true
}

// late are the fetches of one registration that seems to be an earlier one.
type late struct {
	epoch int64
	first time.Time
	count int
}

// What a broker's former life has left on the way is not so much, nor comes for so long.
// A ZooKeeper that was restored, or another ensemble, numbers registrations from below
// again: then the smaller number is the later one, and asks on.
const (
	lateFor   = 30 * time.Second
	lateCount = 10
)

// lives notes a fetch and says whether it must be of a living broker after all.
func (l *late) lives(epoch int64, now time.Time) bool {
	if l.epoch != epoch {
		*l = late{epoch: epoch, first: now}
	}
	l.count++
	return l.count > lateCount && now.Sub(l.first) >= lateFor
}

// Outlived says whether a fetch is of an earlier registration of a follower than one
// that it has fetched in since, as far as Fetched has found out. A leader that was
// stopped for a while may read both.
func (p *Progress) Outlived(id int32, f Fetch) bool {
	r := p.find(id)
	return r != nil && f.Epoch > 0 && f.Epoch < r.newest
}

// Epochs are those of the registrations in which the replicas have fetched last, Unknown
// for the leader and for those that have not said.
func (p *Progress) Epochs(ids []int32) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		if out[i] = Unknown; p.find(id) != nil {
			out[i] = p.find(id).Epoch
		}
	}
	return out
}

// HasAsked says whether a follower's last fetch was from an offset at which there
// was something to get. Whoever asks once more has not got it, or it was of no
// use.
func (p *Progress) HasAsked(id int32, offset int64) bool {
	r := p.find(id)
	return r != nil && r.End == offset && r.fetchedEnd > offset
}

// Assigned says whether a broker is a follower of the partition.
func (p *Progress) Assigned(id int32) bool { return p.find(id) != nil }

// Remotes are the followers, in the order of the assignment.
func (p *Progress) Remotes() []Remote { return slices.Clone(p.remote) }

// LowWatermark is the lowest start of the logs of all live replicas, the
// leader's being start; Unknown while one has not told its own (KIP-107).
func (p *Progress) LowWatermark(start int64, c *Conditions) int64 {
	for i := range p.remote {
		if c.alive(p.remote[i].ID) {
			start = min(start, p.remote[i].Start)
		}
	}
	return start
}

func (p *Progress) find(id int32) *Remote {
	for i := range p.remote {
		if p.remote[i].ID == id {
			return &p.remote[i]
		}
	}
	return nil
}

// caughtUp says whether a follower has what the leader has, or had of late.
func (r *Remote) caughtUp(leaderEnd int64, c *Conditions) bool {
	return r.End == leaderEnd || !r.CaughtUp.IsZero() && c.Now.Sub(r.CaughtUp) <= c.MaxLag
}

// reset begins a new epoch with the follower.
func (r *Remote) reset(leaderEnd int64, now time.Time, inSync bool) {
	r.CaughtUp, r.fetched, r.fetchedEnd = time.Time{}, time.Time{}, 0
	if inSync {
		r.CaughtUp, r.fetched, r.fetchedEnd = now, now, leaderEnd
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
