package compact

import (
	"cmp"
	"math"
)

// This file decides, and does nothing: no clock, disk or lock is in it.

// Part is a sealed segment, as far as the plan looks at it.
type Part struct {
	Base, Next int64 // offsets [Base, Next)
	Size       int64 // bytes
	IndexBytes int   // of its larger index
	First      int64 // largest timestamp of its first batch, ms; -1 unknown
	Latest     int64 // largest timestamp, ms
}

// View is a log, as far as the plan looks at it.
type View struct {
	FirstDirty int64 // where the last cleaning ended
	Start, End int64 // of the log
	Stable     int64 // the last stable offset: no undecided transaction and nothing unreplicated below
	Parts      []Part
	MinRatio   float64 // min.cleanable.dirty.ratio
	MinLagMs   int64   // min.compaction.lag.ms
	MaxLagMs   int64   // max.compaction.lag.ms; math.MaxInt64 never forces
}

// Work is what there is to do in a log.
type Work struct {
	FirstDirty  int64
	Uncleanable int64 // the first offset that is not touched, where a segment begins
	Clean       int64 // bytes below FirstDirty
	Dirty       int64 // bytes from there to Uncleanable
	Overdue     bool  // max.compaction.lag.ms is over
	Due         bool
}

// Ratio is how much of what can be cleaned is dirty, 0 to 1.
func (w Work) Ratio() float64 {
	if w.Dirty == 0 {
		return 0
	}
	return float64(w.Dirty) / float64(w.Clean+w.Dirty)
}

// compare puts what needs cleaning more before what needs it less.
func (w Work) compare(o Work) int { return cmp.Compare(o.Ratio(), w.Ratio()) }

// Work says what there is to do at a time in milliseconds.
func (v View) Work(now int64) Work {
	w := Work{FirstDirty: v.firstDirty(), Uncleanable: v.uncleanable(now)}
	for _, p := range v.Parts {
		switch {
		case p.Next <= w.FirstDirty:
			w.Clean += p.Size
		case p.Base < w.Uncleanable:
			w.Dirty += p.Size
		}
	}
	w.Overdue = v.overdue(now)
	w.Due = w.Dirty > 0 && w.FirstDirty < w.Uncleanable && (w.Overdue || w.Ratio() > v.MinRatio)
	return w
}

// firstDirty is where cleaning goes on: at the start when the checkpoint is outside the log.
func (v View) firstDirty() int64 {
	if v.FirstDirty < v.Start || v.FirstDirty > v.End {
		return v.Start
	}
	return v.FirstDirty
}

// uncleanable is the base of the first segment that must not be touched: it reaches beyond
// the last stable offset, is too young, or is the active one.
func (v View) uncleanable(now int64) int64 {
	first := v.firstDirty()
	bound := int64(0)
	for _, p := range v.Parts {
		if p.Next > v.Stable || p.Next > first && v.MinLagMs > 0 && p.Latest > now-v.MinLagMs {
			return p.Base
		}
		bound = p.Next
	}
	return bound
}

// overdue tells whether a dirty segment begins with a batch that has waited for too long.
func (v View) overdue(now int64) bool {
	for _, p := range v.Parts {
		if v.needsFirst(p) && p.First > 0 && p.First < now-v.MaxLagMs {
			return true
		}
	}
	return false
}

// needsLatest and needsFirst tell whether a timestamp of a part matters.
func (v View) needsLatest(p Part) bool { return v.MinLagMs > 0 && p.Next > v.firstDirty() }

func (v View) needsFirst(p Part) bool { return v.MaxLagMs < math.MaxInt64 && p.Next > v.firstDirty() }

// Room is what one segment may hold.
type Room struct {
	Bytes      int64 // segment.bytes
	IndexBytes int   // segment.index.bytes
}

// Group divides successive parts into runs that each fit one segment: by their present
// sizes, so that the outcome surely fits. It returns how many parts each run has.
func Group(parts []Part, room Room) []int {
	var runs []int
	for i := 0; i < len(parts); {
		n, base := 1, parts[i].Base
		bytes, indexes := parts[i].Size, parts[i].IndexBytes
		for _, p := range parts[i+1:] {
			bytes, indexes = bytes+p.Size, indexes+p.IndexBytes
			near := p.Size == 0 || p.Next-1-base <= math.MaxInt32
			if bytes > room.Bytes || indexes > room.IndexBytes || !near {
				break
			}
			n++
		}
		runs = append(runs, n)
		i += n
	}
	return runs
}
