// Package isr is the arithmetic of a partition's high watermark: how far the
// leader's log has come, how much of it counts as safe, and how many replicas
// must hold a write. It knows no log, no clock and no lock.
//
//	high watermark ≤ safe ≤ end
//
//	end    where the leader's log ends
//	safe   what the leader itself answers for: the end, unless the topic wants
//	       its records on disk first (flush.messages); then what is on disk
//
// A partition with a single replica has no follower to wait for, so its high
// watermark is what the leader answers for. Followers can only lower that
// minimum.
package isr

// Progress is how far one leader has come. The zero Progress is an empty log's.
//
// Invariants: high ≤ safe ≤ end, and none of them ever falls.
type Progress struct {
	end  int64
	safe int64
	high int64
}

// Start is the progress of a leader that begins with a log ending at end. All
// of it is safe: where it must be on disk, the leader has seen to that before.
func Start(end int64) Progress { return Progress{end: end, safe: end, high: end} }

// HighWatermark is the offset below which records may be shown.
func (p *Progress) HighWatermark() int64 { return p.high }

// End is the end of the leader's log, as far as Appended has said.
func (p *Progress) End() int64 { return p.end }

// Appended notes the log's new end and returns whether the high watermark
// moved. synced says that nothing below it still has to reach the disk first.
// Ends may come in any order; a smaller one is old news.
func (p *Progress) Appended(end int64, synced bool) bool {
	p.end = max(p.end, end)
	if synced {
		p.safe = max(p.safe, end)
	}
	return p.raise()
}

// Synced notes that everything below offset is on disk, and returns whether
// the high watermark moved.
func (p *Progress) Synced(offset int64) bool {
	p.safe = max(p.safe, min(offset, p.end))
	return p.raise()
}

func (p *Progress) raise() bool {
	if p.safe <= p.high {
		return false
	}
	p.high = p.safe
	return true
}

// Required is how many in-sync replicas an acks=all write needs: what
// min.insync.replicas says, but never more than the partition has replicas, so
// that a single node accepts acks=all whatever the topic asks for.
func Required(minInsync, replicas int) int { return max(1, min(minInsync, replicas)) }
