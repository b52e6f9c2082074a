package segment

import (
	"errors"
	"fmt"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
)

// TornError says that a write failed and what it left behind could not be cut off
// again: the file is no longer what the segment believes.
type TornError struct {
	Write    error // why the write failed
	Truncate error // why cutting failed
}

// Error tells both.
func (e *TornError) Error() string {
	return fmt.Sprintf("%v; and cutting it off: %v", e.Write, e.Truncate)
}

// Unwrap returns both.
func (e *TornError) Unwrap() []error { return []error{e.Write, e.Truncate} }

// Append writes whole batches of magic 2, whose offsets follow on the segment's
// last and fit it, with one write. On an error nothing was appended: the file is
// as before, or the error is a *TornError.
func (s *Segment) Append(set []byte) error {
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	pos := s.size
	s.reserve(h, pos+int64(len(set)))
	if _, err := h.file.WriteAt(set, pos); err != nil {
		if cut := h.file.Truncate(pos); cut != nil {
			return &TornError{err, cut}
		}
		s.reserved = 0
		return err
	}
	s.mu.Lock()
	err = s.noteSetLocked(set, pos)
	grown := s.countLocked()
	s.mu.Unlock()
	if grown {
		s.home.files.admit(s)
	}
	return err
}

// noteSetLocked makes a written set part of the segment.
func (s *Segment) noteSetLocked(set []byte, pos int64) error {
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err != nil {
			return err
		}
		s.noteLocked(b, pos)
		s.next = b.NextOffset()
		pos += int64(b.Size())
		set = rest
	}
	s.size = pos
	return nil
}

// noteLocked takes a batch at a position into stamps and indexes: an entry is due
// when more than index.interval.bytes lie between the batch and the last one that
// got an entry. Appending and rebuilding go the same way, so they give the same.
func (s *Segment) noteLocked(b record.Batch, pos int64) {
	ts, last := b.MaxTimestamp(), b.LastOffset()
	if pos == 0 {
		s.first, s.firstKnown = ts, true
	}
	if ts > s.largest.Timestamp {
		s.largest = Stamp{ts, last}
	}
	if pos-s.indexed <= s.home.interval.Load() {
		return
	}
	s.offsets.Append(index.OffsetEntry{Relative: s.relative(last), Position: uint32(pos)})
	s.indexed = pos
	s.noteTimeLocked()
}

// noteTimeLocked adds a time entry if the largest timestamp has risen.
func (s *Segment) noteTimeLocked() {
	if s.largest.Timestamp > s.timed {
		s.times.Append(index.TimeEntry{Timestamp: s.largest.Timestamp, Relative: s.relative(s.largest.Offset)})
		s.timed = s.largest.Timestamp
	}
}

// AppendAborted notes an aborted transaction. Markers come in order.
func (s *Segment) AppendAborted(t index.AbortedTxn) {
	s.mu.Lock()
	s.txns.Append(t)
	s.countLocked()
	s.mu.Unlock()
}

// Full reports whether an index has reached its largest size in bytes.
func (s *Segment) Full(indexBytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offsets.Len() >= indexBytes/index.OffsetEntrySize || s.times.Len() >= indexBytes/index.TimeEntrySize-1
}

// Disk space is reserved in steps that grow with the file, so that a small log
// takes no more than it needs.
const (
	reserveFrom = 1 << 20
	reserveMost = 16 << 20
)

// reserve allocates disk space ahead of the end: the file system then finds room
// for many appends at once. It is only about speed: without it the write itself
// allocates, or says that there is no room.
func (s *Segment) reserve(h *handle, end int64) {
	if end <= s.reserved || end < reserveFrom {
		return
	}
	step := min(end, reserveMost)
	if err := vfs.Preallocate(h.file, s.size, end-s.size+step); err != nil {
		s.home.logger.Debug("cannot reserve disk space", "segment", s.base, "error", err)
		step = reserveMost // ask again later
	}
	s.reserved = end + step
}

// Reserve allocates the disk space of a whole new segment (preallocate). A disk that
// has no room for it all is found out when it is needed.
func (s *Segment) Reserve(bytes int64) error {
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	if err := vfs.Preallocate(h.file, 0, bytes); err != nil && !vfs.IsNoSpace(err) {
		return err
	}
	s.reserved = bytes
	return nil
}

// unreserve gives back what reserve took too much.
func (s *Segment) unreserve() error {
	if s.reserved <= s.size {
		return nil
	}
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	s.reserved = 0
	return h.file.Truncate(s.size)
}

// Seal ends appending: the last time entry is added and the indexes are saved.
func (s *Segment) Seal() error {
	s.mu.Lock()
	s.noteTimeLocked()
	err := s.saveLocked(false)
	s.countLocked()
	s.mu.Unlock()
	return errors.Join(err, s.unreserve())
}
