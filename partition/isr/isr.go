// Package isr is the arithmetic of a partition's leader: how far its log and
// those of its followers have come, where the high watermark stands, and which
// replicas are in sync. It knows no log, no clock and no lock.
//
//	high watermark ≤ safe ≤ end
//
//	end    where the leader's log ends
//	safe   what the leader itself answers for: the end, unless the topic wants
//	       its records on disk first (flush.messages); then what is on disk
//
// The high watermark is the least of what the leader answers for and of the
// ends of the followers that count: those in the maximal in-sync set, and those
// that have caught up of late and whose broker is alive, so that it does not run
// ahead of one that is about to join. It never falls, and it stands still while
// fewer replicas are in sync than min.insync.replicas asks for (KIP-966). A
// partition with a single replica has nobody to wait for.
//
// The in-sync set is the controller's to change. The leader proposes:
//
//	                 Expand                          Shrink
//	PendingExpand ←──────── Committed ────────→ PendingShrink
//	      └── Commit, Revert ──→ ↑ ←── Commit, Revert ──┘
//
// A follower is taken out when it has not caught up for too long, and at once
// when it asks for what it must have had (Kafka knows only the former).
//
// While a proposal is out no other is made. The maximal set is the committed one
// and whoever a pending expansion adds; a pending shrink leaves it as it was,
// for the controller may refuse.
package isr

import (
	"slices"
	"time"
)

// Unknown is the end, the start or the epoch of a follower that has not fetched yet.
const Unknown int64 = -1

// Conditions are what the rules depend on beside the progress itself.
type Conditions struct {
	Now    time.Time
	MaxLag time.Duration    // replica.lag.time.max.ms
	MinISR int              // min.insync.replicas
	Alive  func(int32) bool // whether a broker is registered; nil: all are
}

func (c *Conditions) alive(id int32) bool { return c.Alive == nil || c.Alive(id) }

// Assignment is what the controller has decided.
type Assignment struct {
	Self           int32   // the leader
	Replicas       []int32 // all, the leader too
	ISR            []int32
	PartitionEpoch int32
}

// Log is where the leader's own log stands when it begins to lead.
type Log struct {
	End  int64 // also where the epoch begins; all below is safe
	High int64 // the high watermark it knew as a follower
}

// Progress is how far one leader and its followers have come. The zero Progress
// is an empty log's without followers.
//
// Invariants: high ≤ safe ≤ end, and none of them ever falls.
type Progress struct {
	end   int64
	safe  int64
	high  int64
	begin int64 // the end when the epoch began

	assigned Assignment
	remote   []Remote // the replicas but for the leader, in their order
	pending  Pending
	refused  time.Time // when the controller refused a proposal last
}

// Start is the progress of a leader without followers that begins with a log
// ending at end. All of it is safe: where it must be on disk, the leader has
// seen to that before.
func Start(end int64) Progress { return Progress{end: end, safe: end, high: end, begin: end} }

// Lead is the progress of a leader at a new epoch. Followers in sync count as
// caught up just now, others as never. before is the progress of the same
// leader at an earlier epoch, from which the followers' ends are kept, or nil.
func Lead(a Assignment, l Log, now time.Time, before *Progress) Progress {
	p := Progress{end: l.End, safe: l.End, high: min(l.High, l.End), begin: l.End}
	if before != nil {
		p.remote = slices.Clone(before.remote)
	}
	p.Commit(a)
	for i := range p.remote {
		p.remote[i].reset(p.end, now, slices.Contains(a.ISR, p.remote[i].ID))
	}
	return p
}

// Self is the leader.
func (p *Progress) Self() int32 { return p.assigned.Self }

// Replicas is how many replicas there are, the leader too.
func (p *Progress) Replicas() int { return len(p.remote) + 1 }

// Alone says whether there are no followers.
func (p *Progress) Alone() bool { return len(p.remote) == 0 }

// HighWatermark is the offset below which records may be shown.
func (p *Progress) HighWatermark() int64 { return p.high }

// End is the end of the leader's log, as far as Appended has said.
func (p *Progress) End() int64 { return p.end }

// Safe is the offset below which the leader itself answers for its records.
func (p *Progress) Safe() int64 { return p.safe }

// Appended notes the log's new end. synced says that nothing below it still has
// to reach the disk first. Ends may come in any order; a smaller one is old
// news. Without followers now is not looked at.
//
// A follower in sync that has had everything until now has caught up now: it may
// not have fetched for long, since a fetch that has nothing to bring is not made
// for each partition.
func (p *Progress) Appended(end int64, synced bool, now time.Time) {
	for i := range p.remote {
		if r := &p.remote[i]; end > p.end && r.End == p.end && p.maximal(r.ID) {
			r.CaughtUp = later(r.CaughtUp, now)
		}
	}
	p.end = max(p.end, end)
	if synced {
		p.safe = max(p.safe, end)
	}
}

// Synced notes that everything below offset is on disk.
func (p *Progress) Synced(offset int64) { p.safe = max(p.safe, min(offset, p.end)) }

// Raise moves the high watermark up as far as it may go and returns whether it
// moved. Without followers the conditions are not looked at and may be nil.
func (p *Progress) Raise(c *Conditions) bool {
	low := p.safe
	if low <= p.high {
		return false
	}
	if !p.Alone() {
		if len(p.assigned.ISR) < Required(c.MinISR, len(p.assigned.Replicas)) {
			return false
		}
		for i := range p.remote {
			if r := &p.remote[i]; p.counts(r, c) {
				low = min(low, r.End)
			}
		}
		if low <= p.high {
			return false
		}
	}
	p.high = low
	return true
}

// counts says whether the high watermark has to wait for a follower.
func (p *Progress) counts(r *Remote, c *Conditions) bool {
	return p.maximal(r.ID) || r.caughtUp(p.end, c) && c.alive(r.ID)
}

// Required is how many in-sync replicas an acks=all write needs: what
// min.insync.replicas says, but never more than the partition has replicas, so
// that a single node accepts acks=all whatever the topic asks for.
func Required(minInsync, replicas int) int { return max(1, min(minInsync, replicas)) }
