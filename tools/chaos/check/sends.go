package check

import (
	"cmp"
	"slices"

	"github.com/leatmq/leat/tools/chaos/history"
)

// lane is one process writing to one partition.
type lane struct{ process, key int32 }

// lanes sorts sends by lane, each in the order of invocation.
func (x *Index) lanes() map[lane][]*Send {
	out := map[lane][]*Send{}
	for i := range x.Sends {
		s := &x.Sends[i]
		l := lane{s.Process, s.Key}
		out[l] = append(out[l], s)
	}
	return out
}

// SendOrder finds records that stand before one that their process had sent, and
// seen acknowledged, before it began to send them: nonmonotonic-send, or, within
// a transaction, int-nonmonotonic-send. And, with an idempotent producer that has
// several under way, records that stand in another order than they were sent in.
func SendOrder(x *Index) []Finding {
	out := [4]Finding{{Name: "nonmonotonic-send", Bad: true}, {Name: "int-nonmonotonic-send", Bad: true},
		{Name: "reordered", Bad: true}, {Name: "nonmonotonic-send-acks-1"}}
	for l, sends := range x.lanes() {
		x.sequence(&out[2], sends)
		byEnd := slices.Clone(sends)
		slices.SortFunc(byEnd, func(a, b *Send) int { return cmp.Compare(a.Done, b.Done) })
		var highest *Send // of those that had ended when s began
		for _, s := range sends {
			for len(byEnd) > 0 && byEnd[0].Done < s.Invoke {
				if e := byEnd[0]; e.Outcome == history.OK && (highest == nil || e.Offset > highest.Offset) {
					highest = e
				}
				byEnd = byEnd[1:]
			}
			if highest == nil || s.Outcome != history.OK || s.Offset < 0 || s.Offset > highest.Offset {
				continue
			}
			f := &out[0]
			switch {
			case !x.strong(s):
				f = &out[3]
			case s.Txn != 0 && s.Txn == highest.Txn:
				f = &out[1]
			}
			f.add("process %d sent %s to %s at %s and got offset %d; before, it had got offset %d for %s", l.process, name(s.Value), x.key(l.key),
				at(s.Invoke), s.Offset, highest.Offset, name(highest.Value))
		}
	}
	return out[:]
}

// sequence holds the order of an idempotent producer's records, which may be
// under way together, against the order in which they were sent.
func (x *Index) sequence(f *Finding, sends []*Send) {
	if !x.Clients[sends[0].Process].Idempotent {
		return
	}
	last, before := int64(-1), (*Send)(nil)
	for _, s := range sends {
		offset := x.landed(s)
		if offset < 0 {
			continue
		}
		if offset <= last {
			f.add("process %d sent %s (%s), then %s (%s) to %s: they stand at offsets %d and %d", s.Process, name(before.Value), before.Outcome,
				name(s.Value), s.Outcome, x.key(s.Key), last, offset)
		}
		last, before = offset, s
	}
}

// SendSkips finds records of others between those of one transaction: allowed,
// for writes are not isolated.
func SendSkips(x *Index) []Finding {
	f := Finding{Name: "int-send-skip"}
	last := map[[2]int64]int{} // rank of the last record by transaction and key
	for i := range x.Sends {
		s := &x.Sends[i]
		spot, ok := x.Where[s.Value]
		if s.Txn == 0 || !ok {
			continue
		}
		at := [2]int64{s.Txn, int64(s.Key)}
		if was, ok := last[at]; ok && spot.First > was+1 {
			f.add("transaction %d: %d records of others on %s before %s", s.Txn, spot.First-was-1, x.key(s.Key), name(s.Value))
		}
		last[at] = spot.First
	}
	return []Finding{f}
}
