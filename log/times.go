package log

import (
	"errors"
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
	return l.lookUp(func(it *record.Iterator) (segment.Timed, bool, error) {
		t, ok, err := l.findTime(ts, it)
		return t, ok && t.Offset < upTo, err
	})
}

// lookUp does a lookup, again if segments it looked at were removed meanwhile.
func (l *Log) lookUp(find func(*record.Iterator) (segment.Timed, bool, error)) (Found, bool, error) {
	it := l.iterator()
	defer iterators.Put(it)
	for {
		if l.closed.Load() {
			return Found{}, false, ErrClosed
		}
		t, ok, err := find(it)
		if errors.Is(err, segment.ErrRetired) && !l.closed.Load() {
			continue // retention, compaction or truncation came between
		}
		return found(t, ok), ok, l.failRead("look up a time", err)
	}
}

func (l *Log) findTime(ts int64, it *record.Iterator) (segment.Timed, bool, error) {
	start := l.StartOffset()
	for _, s := range *l.segments.Load() {
		if s.Next() <= start && s.Next() != s.Base() {
			continue
		}
		largest, err := s.Largest()
		if err != nil {
			return segment.Timed{}, false, err
		}
		if largest.Timestamp < ts {
			continue
		}
		if t, ok, err := s.FindTime(ts, start, it); ok || err != nil {
			return t, ok, err
		}
	}
	return segment.Timed{}, false, nil
}

// OffsetOfMaxTimestamp finds the record with the largest timestamp, the first of
// them. false: no record has one, or that one is not below upTo (ListOffsets -3,
// KIP-734).
func (l *Log) OffsetOfMaxTimestamp(upTo int64) (Found, bool, error) {
	return l.lookUp(func(it *record.Iterator) (segment.Timed, bool, error) {
		t, ok, err := l.findLargest(it)
		return t, ok && t.Offset < upTo, err
	})
}

func (l *Log) findLargest(it *record.Iterator) (segment.Timed, bool, error) {
	var in *segment.Segment
	most := int64(-1)
	for _, s := range *l.segments.Load() {
		largest, err := s.Largest()
		if err != nil {
			return segment.Timed{}, false, err
		}
		if largest.Timestamp > most {
			in, most = s, largest.Timestamp
		}
	}
	if in == nil {
		return segment.Timed{}, false, nil
	}
	return in.FindLargest(it)
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
