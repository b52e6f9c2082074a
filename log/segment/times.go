package segment

import (
	"errors"
	"io"
	"math"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
)

// Largest returns the latest timestamp in the segment and the last offset of the
// batch that has it; the timestamp is -1 when no record has one.
func (s *Segment) Largest() (Stamp, error) {
	s.mu.Lock()
	if s.stamped {
		defer s.mu.Unlock()
		return s.largest, nil
	}
	s.mu.Unlock()
	h, err := s.acquire() // only to rebuild a wrong index; never under the lock
	if err != nil {
		return Stamp{}, err
	}
	defer h.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	var e index.TimeEntry
	var ok bool
	err = s.home.within(s.timeName(), func(path string) (err error) {
		e, ok, err = s.times.ReadLast(s.home.fsys, path)
		return err
	})
	switch {
	case err != nil:
		return s.largest, s.repairLocked(h, err)
	case ok:
		s.largest = Stamp{e.Timestamp, s.base + int64(e.Relative)}
	}
	s.stamped = true
	return s.largest, nil
}

// LastTime returns the latest timestamp in the segment (ms), or, when its records
// have none, when its file was last written.
func (s *Segment) LastTime() (int64, error) {
	largest, err := s.Largest()
	if err != nil || largest.Timestamp >= 0 {
		return largest.Timestamp, err
	}
	t, err := s.Modified()
	return t.UnixMilli(), err
}

// FirstTimestamp returns the largest timestamp of the first batch, -1 when it has
// none or there is none.
func (s *Segment) FirstTimestamp() (int64, error) {
	s.mu.Lock()
	first, known, size := s.first, s.firstKnown, s.size
	s.mu.Unlock()
	if known || size == 0 {
		return first, nil
	}
	h, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer h.release()
	r := headerReader(h.file, 0, size)
	defer r.Close()
	e, err := r.Next()
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first, s.firstKnown = e.Batch.MaxTimestamp(), true
	return s.first, nil
}

// Timed is a record as a lookup by time finds it.
type Timed struct {
	Offset    int64
	Timestamp int64 // ms
	Epoch     int32 // the leader epoch of its batch
}

// FindTime finds the first record at or behind the offset from whose timestamp is
// at least ts. it is used to look into batches.
func (s *Segment) FindTime(ts, from int64, it *record.Iterator) (t Timed, ok bool, err error) {
	h, err := s.acquire()
	if err != nil {
		return t, false, err
	}
	defer h.release()
	s.mu.Lock()
	size := s.size
	if !s.times.Loaded() {
		err = s.loadTimesLocked(h)
	}
	var below index.TimeEntry
	if err == nil {
		below, _, err = s.times.Below(ts)
	}
	grown := s.countLocked()
	s.mu.Unlock()
	if grown {
		s.home.files.admit(s)
	}
	if err != nil {
		return t, false, err
	}
	from = max(from, s.base)
	return s.findTime(h, span{max(from, s.base+int64(below.Relative)), size}, query{ts, from}, it)
}

// span is where to look: from the batch of an offset to a position.
type span struct{ offset, size int64 }

// query asks for the first record at or behind from with at least ts.
type query struct{ ts, from int64 }

// findTime goes over the headers and looks into those batches that may have it.
func (s *Segment) findTime(h *handle, in span, q query, it *record.Iterator) (t Timed, ok bool, err error) {
	pos, err := s.locate(h, in.offset, in.size)
	if err != nil {
		return t, false, err
	}
	r := headerReader(h.file, pos, in.size)
	defer r.Close()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return t, false, nil
		}
		if err != nil {
			return t, false, err
		}
		if e.Batch.MaxTimestamp() < q.ts || e.Batch.LastOffset() < q.from {
			continue
		}
		if t, ok, err = inBatch(h, e, q, it); ok || err != nil {
			return t, ok, err
		}
	}
}

// inBatch looks for a record in one batch.
func inBatch(h *handle, e Entry, q query, it *record.Iterator) (t Timed, ok bool, err error) {
	r := NewReader(h.file, e.Position, e.End())
	defer r.Close()
	whole, err := r.Next()
	if err != nil {
		return t, false, err
	}
	if err := it.Reset(whole.Batch); err != nil {
		return t, false, err
	}
	for it.Next() {
		if rec := it.Record(); rec.Timestamp >= q.ts && rec.Offset >= q.from {
			return Timed{rec.Offset, rec.Timestamp, whole.Batch.LeaderEpoch()}, true, nil
		}
	}
	return t, false, it.Err()
}

// FindLargest finds the first record that has the segment's latest timestamp.
func (s *Segment) FindLargest(it *record.Iterator) (t Timed, ok bool, err error) {
	largest, err := s.Largest()
	if err != nil || largest.Timestamp < 0 {
		return t, false, err
	}
	h, err := s.acquire()
	if err != nil {
		return t, false, err
	}
	defer h.release()
	in := span{largest.Offset, s.Size()}
	return s.findTime(h, in, query{largest.Timestamp, math.MinInt64}, it)
}

// Aborted appends to dst the aborted transactions noted here that overlap
// [from, upTo). done means that no later segment can have one. Error: ErrRetired.
func (s *Segment) Aborted(dst []index.AbortedTxn, from, upTo int64) (all []index.AbortedTxn, done bool, err error) {
	s.mu.Lock()
	if s.txns.Len() == 0 {
		s.mu.Unlock()
		if s.retired.Load() { // then what it knew is gone with it
			return dst, false, ErrRetired
		}
		return dst, false, nil
	}
	if !s.txns.Loaded() {
		err = s.loadTxnsLocked()
	}
	if err == nil {
		dst, done, err = s.txns.Collect(dst, from, upTo)
	}
	grown := s.countLocked()
	s.mu.Unlock()
	if grown {
		s.home.files.admit(s)
	}
	return dst, done, err
}
