package log

import (
	"sync"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
)

// Found is the answer to a lookup by time.
type Found struct {
	Offset    int64
	Timestamp int64 // milliseconds
	Epoch     int32 // leader epoch of the batch, -1 when unknown
}

// iterators look into batches; they keep what they inflate into.
var iterators = sync.Pool{New: func() any { return new(record.Iterator) }}

func (l *Log) iterator() *record.Iterator {
	it := iterators.Get().(*record.Iterator)
	it.MaxInflated = l.config.Load().MaxInflatedBytes
	return it
}

// OffsetForTimestamp finds the first record below upTo whose timestamp is at
// least ts. false: there is none.
func (l *Log) OffsetForTimestamp(ts, upTo int64) (Found, bool, error) {
	if l.closed.Load() {
		return Found{}, false, ErrClosed
	}
	it := l.iterator()
	defer iterators.Put(it)
	start := l.StartOffset()
	for _, s := range *l.segments.Load() {
		if s.Next() <= start && s.Next() != s.Base() {
			continue
		}
		largest, err := s.Largest()
		if err != nil {
			return Found{}, false, l.failRead("look up a time", err)
		}
		if largest.Timestamp < ts {
			continue
		}
		t, ok, err := s.FindTime(ts, start, it)
		if ok || err != nil {
			return found(t, ok && t.Offset < upTo), ok && t.Offset < upTo, l.failRead("look up a time", err)
		}
	}
	return Found{}, false, nil
}

// OffsetOfMaxTimestamp finds the record with the largest timestamp, the first of
// them. false: no record has one, or that one is not below upTo (ListOffsets -3,
// KIP-734).
func (l *Log) OffsetOfMaxTimestamp(upTo int64) (Found, bool, error) {
	if l.closed.Load() {
		return Found{}, false, ErrClosed
	}
	var in *segment.Segment
	most := int64(-1)
	for _, s := range *l.segments.Load() {
		largest, err := s.Largest()
		if err != nil {
			return Found{}, false, l.failRead("look up a time", err)
		}
		if largest.Timestamp > most {
			in, most = s, largest.Timestamp
		}
	}
	if in == nil {
		return Found{}, false, nil
	}
	it := l.iterator()
	defer iterators.Put(it)
	t, ok, err := in.FindLargest(it)
	ok = ok && t.Offset < upTo
	return found(t, ok), ok, l.failRead("look up a time", err)
}

func found(t segment.Timed, ok bool) Found {
	if !ok {
		return Found{}
	}
	return Found(t)
}

// SegmentOffset is the base offset of a segment and when it was last written.
type SegmentOffset struct {
	Base     int64
	Modified int64 // milliseconds
}

// SegmentOffsets lists the segments ascending (ListOffsets v0 needs them).
func (l *Log) SegmentOffsets() []SegmentOffset {
	list := *l.segments.Load()
	out := make([]SegmentOffset, 0, len(list))
	for _, s := range list {
		m, err := s.Modified()
		if err != nil {
			continue // retention took it away
		}
		out = append(out, SegmentOffset{s.Base(), m.UnixMilli()})
	}
	return out
}
