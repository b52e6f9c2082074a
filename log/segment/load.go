package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/leatmq/leat/log/index"
)

// Load learns what appending needs to know of a segment that was closed cleanly:
// where its last record ends and what its indexes end with. The error is a
// *DamageError when the data is not what a clean shutdown leaves: Recover then.
func (s *Segment) Load() error {
	if s.size == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.next, s.stamped = s.base, true
		s.offsets.Reset()
		s.times.Reset()
		return nil
	}
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.loadLastLocked(h); err != nil {
		return err
	}
	err = s.loadTailLocked(h)
	var damage *DamageError
	if s.indexed > 0 && errors.As(err, &damage) {
		// The index may point to where no batch begins. Building it anew tells.
		if err := s.repairLocked(h, fmt.Errorf("%w: %w", index.ErrCorrupt, err)); err != nil {
			return err
		}
		return s.loadTailLocked(h)
	}
	return err
}

// loadLastLocked learns the last entries of the offset and time index.
func (s *Segment) loadLastLocked(h *handle) error {
	var at index.OffsetEntry
	var when index.TimeEntry
	var timed bool
	err := errors.Join(
		s.home.within(s.offsetName(), func(path string) (err error) {
			at, _, err = s.offsets.ReadLast(s.home.fsys, path)
			return err
		}),
		s.home.within(s.timeName(), func(path string) (err error) {
			when, timed, err = s.times.ReadLast(s.home.fsys, path)
			return err
		}),
	)
	if err == nil && int64(at.Position) >= s.size {
		err = fmt.Errorf("%w: it points to %d in a log of %d bytes", index.ErrCorrupt, at.Position, s.size)
	}
	if err != nil {
		return s.repairLocked(h, err) // rebuilding learns the same
	}
	s.indexed, s.stamped = int64(at.Position), true
	if timed {
		s.timed = when.Timestamp
		s.largest = Stamp{when.Timestamp, s.base + int64(when.Relative)}
	}
	return nil
}

// loadTailLocked reads the headers behind the last index entry.
func (s *Segment) loadTailLocked(h *handle) error {
	r := headerReader(h.file, s.indexed, s.size)
	defer r.Close()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if ts := e.Batch.MaxTimestamp(); ts > s.largest.Timestamp {
			s.largest = Stamp{ts, e.Batch.LastOffset()}
		}
		s.next = e.Batch.NextOffset()
	}
}
