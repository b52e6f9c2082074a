package segment

import (
	"errors"
	"io"

	"github.com/leatmq/leat/log/index"
)

// indexSuffixes are the index files; the first two exist for every segment.
var indexSuffixes = [...]string{index.OffsetSuffix, index.TimeSuffix, index.TxnSuffix}

func (s *Segment) offsetName() string { return Name(s.base) + index.OffsetSuffix }
func (s *Segment) timeName() string   { return Name(s.base) + index.TimeSuffix }
func (s *Segment) txnName() string    { return Name(s.base) + index.TxnSuffix }

// countLocked tells the cache how much memory the indexes take; grown reports
// that it is more than before, so that the cache is to be asked for room (admit)
// once the lock is free.
func (s *Segment) countLocked() (grown bool) {
	now := int64(s.offsets.Bytes() + s.times.Bytes() + s.txns.Bytes())
	delta := now - s.counted
	if delta != 0 {
		s.home.files.index.Add(delta)
		s.counted = now
	}
	return delta > 0
}

// Evict closes the file, unless others use it, and forgets the indexes, saving
// what their files lack.
func (s *Segment) Evict() {
	s.mu.Lock()
	if err := s.saveLocked(false); err != nil {
		// They stay in memory, and the next flush tells who waits for it.
		s.home.logger.Warn("cannot save the indexes of an idle segment", "segment", s.base, "error", err)
	} else {
		s.offsets.Drop()
		s.times.Drop()
		s.txns.Drop()
	}
	s.ends = nil
	s.countLocked()
	s.mu.Unlock()
	s.letGo()
}

// saveLocked appends to the index files what they lack; with sync they are on
// disk afterwards.
func (s *Segment) saveLocked(sync bool) error {
	if s.retired.Load() {
		return nil
	}
	return errors.Join(
		s.home.within(s.offsetName(), func(path string) error { return s.offsets.Save(s.home.fsys, path, sync) }),
		s.home.within(s.timeName(), func(path string) error { return s.times.Save(s.home.fsys, path, sync) }),
		s.saveTxnsLocked(sync),
	)
}

// saveTxnsLocked does so for a file that exists only if there is an entry.
func (s *Segment) saveTxnsLocked(sync bool) error {
	if s.txns.Len() == 0 {
		return nil
	}
	return s.home.within(s.txnName(), func(path string) error { return s.txns.Save(s.home.fsys, path, sync) })
}

// withOffsetsLocked asks the offset index, which is loaded when the answer needs
// it, and built anew when its file is wrong.
//
//nolint:unparam // it answers as the index does
func (s *Segment) withOffsetsLocked(h *handle, ask func() (index.OffsetEntry, bool, error)) (index.OffsetEntry, bool, error) {
	e, ok, err := ask()
	if !errors.Is(err, index.ErrNotLoaded) {
		return e, ok, err
	}
	if err := s.loadOffsetsLocked(h); err != nil {
		return e, false, err
	}
	return ask()
}

func (s *Segment) loadOffsetsLocked(h *handle) error {
	err := s.home.within(s.offsetName(), func(path string) error { return s.offsets.Load(s.home.fsys, path) })
	if err == nil && !s.plausibleLocked() {
		err = index.ErrCorrupt
	}
	return s.repairLocked(h, err)
}

// plausibleLocked tells whether the entries of the offset index rise and stay
// within the log.
func (s *Segment) plausibleLocked() bool {
	before := index.OffsetEntry{}
	for i := range s.offsets.Len() {
		e := s.offsets.At(i)
		if i > 0 && (e.Relative <= before.Relative || e.Position <= before.Position) {
			return false
		}
		before = e
	}
	return int64(before.Position) < max(s.size, 1) && s.base+int64(before.Relative) < max(s.next, s.base+1)
}

func (s *Segment) loadTimesLocked(h *handle) error {
	err := s.home.within(s.timeName(), func(path string) error { return s.times.Load(s.home.fsys, path) })
	return s.repairLocked(h, err)
}

// repairLocked builds offset and time index anew if err says that a file is wrong.
func (s *Segment) repairLocked(h *handle, err error) error {
	if !errors.Is(err, index.ErrCorrupt) {
		return err
	}
	s.home.logger.Warn("building the indexes of a segment anew", "dir", s.home.Dir(), "segment", s.base, "error", err)
	return s.rebuildLocked(h)
}

// rebuildLocked makes offset and time index from the data file and replaces
// theirs.
func (s *Segment) rebuildLocked(h *handle) error {
	s.clearLocked()
	r := headerReader(h.file, 0, s.size)
	defer r.Close()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		s.noteLocked(e.Batch, e.Position)
	}
	s.stamped = true
	s.noteTimeLocked()
	return s.replaceLocked()
}

// clearLocked empties offset and time index and what was learnt with them.
func (s *Segment) clearLocked() {
	s.offsets.Reset()
	s.times.Reset()
	s.indexed, s.timed = 0, -1
	s.largest, s.stamped = Stamp{-1, s.base}, false
	s.ends = nil
}

// replaceLocked writes offset and time index, all in memory, to their files.
func (s *Segment) replaceLocked() error {
	return errors.Join(
		s.home.within(s.offsetName(), func(path string) error { return s.offsets.Replace(s.home.fsys, path) }),
		s.home.within(s.timeName(), func(path string) error { return s.times.Replace(s.home.fsys, path) }),
	)
}
