package log

import (
	"errors"
	"math"
	"sort"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/segment"
)

// Slice is a range of whole batches that a read found; see segment.Slice.
type Slice = segment.Slice

// ReadRequest asks for whole batches beginning with the one that holds Offset.
type ReadRequest struct {
	Offset   int64
	UpTo     int64 // only batches that end below it (high watermark or last stable offset)
	MaxBytes int   // no more than so much
	MinOne   bool  // but the first batch whole, however large
}

// Read finds the data that answers r, without reading it: whole batches of one
// segment. The slice is empty when r.Offset is at r.UpTo or at the end, or nothing
// fits. The caller must Release the slice.
//
// Errors: ErrOffsetOutOfRange, ErrClosed, record.ErrCorrupt, *IOError.
func (l *Log) Read(r ReadRequest) (Slice, error) {
	if l.closed.Load() {
		return Slice{}, ErrClosed
	}
	for {
		end := l.EndOffset() // before the segments: what they hold reaches at least so far
		if r.Offset < l.StartOffset() || r.Offset > end {
			return Slice{}, ErrOffsetOutOfRange
		}
		if r.UpTo = min(r.UpTo, end); r.Offset >= r.UpTo {
			return Slice{}, nil
		}
		sl, err := read(*l.segments.Load(), r)
		if errors.Is(err, segment.ErrRetired) && !l.closed.Load() {
			continue // retention or truncation came between; look at what is there now
		}
		return sl, l.failRead("read", err)
	}
}

// read goes from the segment of the offset to later ones, until one has something.
func read(list []*segment.Segment, r ReadRequest) (Slice, error) {
	for i := floor(list, r.Offset); i < len(list) && list[i].Base() < r.UpTo; i++ {
		q := segment.Request{Offset: r.Offset, UpTo: r.UpTo, MaxBytes: r.MaxBytes, MinOne: r.MinOne}
		if i+1 < len(list) && list[i+1].Base() <= r.UpTo {
			q.UpTo = math.MaxInt64
		}
		sl, past, err := list[i].Read(q)
		if err != nil || !past {
			return sl, err
		}
	}
	return Slice{}, nil
}

// floor returns the index of the segment that an offset belongs to: the last whose
// base is not above it, or the first.
func floor(list []*segment.Segment, offset int64) int {
	i := sort.Search(len(list), func(i int) bool { return list[i].Base() > offset })
	return max(i-1, 0)
}

// AbortedTxn is a transaction that was aborted: readers of committed data skip
// its records (fetch v4 and up).
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// Aborted appends to dst the aborted transactions that overlap [from, upTo),
// ordered by their markers.
func (l *Log) Aborted(dst []AbortedTxn, from, upTo int64) ([]AbortedTxn, error) {
	for {
		if l.closed.Load() {
			return dst, ErrClosed
		}
		all, err := l.aborted(dst, from, upTo)
		if errors.Is(err, segment.ErrRetired) && !l.closed.Load() {
			continue // retention or compaction came between
		}
		return all, l.failRead("read aborted transactions", err)
	}
}

func (l *Log) aborted(dst []AbortedTxn, from, upTo int64) ([]AbortedTxn, error) {
	list := *l.segments.Load()
	var found []index.AbortedTxn
	for _, s := range list[floor(list, from):] {
		var done bool
		var err error
		found, done, err = s.Aborted(found[:0], from, upTo)
		if errors.Is(err, index.ErrCorrupt) {
			found, done, err = l.repairAborted(s, from, upTo)
		}
		if err != nil {
			return dst, err
		}
		for _, t := range found {
			dst = append(dst, AbortedTxn{t.ProducerID, t.FirstOffset})
		}
		if done {
			break
		}
	}
	return dst, nil
}
