package check

import (
	"github.com/leatmq/leat/tools/chaos/history"
)

// InconsistentOffsets finds two values at one offset of one partition, among
// what was acknowledged and what anybody read.
func InconsistentOffsets(x *Index) []Finding {
	f := Finding{Name: "inconsistent-offsets", Bad: true}
	for key := range x.Keys {
		places := x.Keys[key].Places
		for i := 1; i < len(places); i++ {
			if a, b := places[i-1], places[i]; a.Offset == b.Offset {
				f.add("%s offset %d holds %s (polled %v) and %s (polled %v)", x.key(int32(key)), a.Offset, name(a.Value), a.Polled, name(b.Value), b.Polled)
			}
		}
	}
	return []Finding{f}
}

// Duplicates finds a value at two offsets. A producer that is not idempotent may
// cause it. So may the library of one that is: when a request is neither answered
// nor refused and the library gives it up, it takes a new producer epoch and
// numbers its records anew, and what arrives of the old request after all is
// another epoch's record to every broker.
func Duplicates(x *Index) []Finding {
	bad, weak, anew := Finding{Name: "duplicate", Bad: true}, Finding{Name: "duplicate-not-idempotent"}, Finding{Name: "duplicate-renumbered"}
	for i := range x.Sends {
		s := &x.Sends[i]
		spot, ok := x.Where[s.Value]
		if !ok || spot.First == spot.Last {
			continue
		}
		offsets := x.Keys[spot.Key].Offsets
		f := &bad
		if !x.Clients[s.Process].Idempotent {
			f = &weak
		} else if x.renumbered(spot.Key, offsets[spot.First], offsets[spot.Last]) {
			f = &anew
		}
		f.add("%s: %s (sent at %s, %s) stands at offsets %d and %d", x.key(spot.Key), name(s.Value), at(s.Invoke), s.Outcome, offsets[spot.First], offsets[spot.Last])
	}
	return []Finding{bad, weak, anew}
}

// renumbered tells whether what stands at two offsets was written by one producer
// in two of its epochs.
func (x *Index) renumbered(key int32, first, last int64) bool {
	for _, r := range x.Replicas {
		if r.Partition != x.key(key) {
			continue
		}
		a, here := r.at(first)
		b, there := r.at(last)
		if here && there {
			return a.Producer >= 0 && a.Producer == b.Producer && a.ProducerEpoch < b.ProducerEpoch
		}
	}
	return false
}

// LostWrites finds records that were acknowledged, and that no poll returned
// although a later one of the partition was read. Where they are missing tells
// what lost them: at the beginning of what was read, in the middle, at its end.
// A record of a transaction counts too when its outcome is not known but
// another record of it was read. What an old library only believes to be there is
// reported.
func LostWrites(x *Index) []Finding {
	out := [4]Finding{{Name: "lost-write", Bad: true}, {Name: "lost-write-prefix", Bad: true}, {Name: "lost-write-acks-1"}, {Name: "lost-write-guessed"}}
	readOf := x.readTransactions()
	bounds := make([]struct{ first, last int }, len(x.Keys)) // ranks that ok polls returned
	for key := range x.Keys {
		bounds[key].first, bounds[key].last = x.Keys[key].read()
	}
	for i := range x.Sends {
		s := &x.Sends[i]
		spot, known := x.Where[s.Value]
		sure := s.Outcome == history.OK || s.Outcome == history.Info && readOf[s.Txn]
		switch {
		case !sure || known && spot.Polled || x.Txns[s.Txn] == history.Fail:
		case !x.strong(s):
			if s.Outcome == history.OK && bounds[s.Key].last >= 0 && s.Offset <= x.Keys[s.Key].Offsets[bounds[s.Key].last] {
				out[2].add("%s offset %d: %s was acknowledged at %s by a leader alone", x.key(s.Key), s.Offset, name(s.Value), at(s.Done))
			}
		case s.Outcome == history.OK && !known:
			f := &out[0]
			if x.before(s.Process, guessesNoMore) {
				f = &out[3]
			}
			f.add("%s: %s, sent at %s, acknowledged at %s without an offset, was never read", x.key(s.Key), name(s.Value), at(s.Invoke), at(s.Done))
		case known && spot.Last < bounds[s.Key].first:
			out[1].add("%s offset %d: %s, acknowledged at %s; nothing before offset %d was ever read", x.key(s.Key), s.Offset, name(s.Value), at(s.Done),
				x.Keys[s.Key].Offsets[bounds[s.Key].first])
		case known && spot.Last <= bounds[s.Key].last:
			out[0].add("%s offset %d: %s, sent at %s, acknowledged at %s, was never read; reads went up to offset %d", x.key(s.Key), s.Offset,
				name(s.Value), at(s.Invoke), at(s.Done), x.Keys[s.Key].Offsets[bounds[s.Key].last])
		}
	}
	return out[:]
}

// read returns the first and the last rank that an ok poll returned, first-read
// beyond all and -1 when there is none.
func (p *Partition) read() (first, last int) {
	rank, offset := -1, int64(-1)
	first, last = len(p.Offsets), -1
	for _, q := range p.Places {
		if q.Offset != offset {
			rank, offset = rank+1, q.Offset
		}
		if q.PolledOK {
			first, last = min(first, rank), rank
		}
	}
	return first, last
}

// readTransactions are those of which something was read.
func (x *Index) readTransactions() map[int64]bool {
	read := map[int64]bool{}
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Txn != 0 && x.Where[s.Value].Polled {
			read[s.Txn] = true
		}
	}
	return read
}

// Unseen finds records that were acknowledged and lie behind everything that was
// read when the last read ended: a lost tail, or a reader that is stuck.
func Unseen(x *Index) []Finding {
	bad, weak := Finding{Name: "unseen", Bad: true}, Finding{Name: "unseen-acks-1"}
	last := make([]int, len(x.Keys))
	for key := range x.Keys {
		_, last[key] = x.Keys[key].read()
	}
	for i := range x.Sends {
		s := &x.Sends[i]
		if s.Outcome != history.OK || x.Where[s.Value].Polled || s.Txn != 0 && x.Txns[s.Txn] != history.OK {
			continue
		}
		up := int64(-1)
		if last[s.Key] >= 0 {
			up = x.Keys[s.Key].Offsets[last[s.Key]]
		}
		if s.Offset < 0 || s.Offset <= up {
			continue // LostWrites has it
		}
		f := &bad
		if !x.strong(s) {
			f = &weak
		}
		f.add("%s offset %d: %s, acknowledged at %s; reads went up to offset %d", x.key(s.Key), s.Offset, name(s.Value), at(s.Done), up)
	}
	return []Finding{bad, weak}
}

// Unexpected finds records that nobody sent there: foreign ones, torn ones, and
// those of another partition.
func Unexpected(x *Index) []Finding {
	f := Finding{Name: "unexpected", Bad: true}
	for key := range x.Keys {
		for _, q := range x.Keys[key].Places {
			if !q.Polled {
				continue
			}
			i, sent := x.ByValue[q.Value]
			switch {
			case q.Value == 0:
				f.add("%s offset %d holds what nobody sent", x.key(int32(key)), q.Offset)
			case !sent:
				f.add("%s offset %d holds %s, which nobody sent", x.key(int32(key)), q.Offset, name(q.Value))
			case x.Sends[i].Key != int32(key):
				f.add("%s offset %d holds %s, which was sent to %s", x.key(int32(key)), q.Offset, name(q.Value), x.key(x.Sends[i].Key))
			}
		}
	}
	return []Finding{f}
}
