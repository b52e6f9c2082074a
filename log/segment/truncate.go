package segment

import "errors"

// Truncate removes the batch that holds offset and all behind it, and returns the
// offset after the last record that stays.
func (s *Segment) Truncate(offset int64) (next int64, err error) {
	h, err := s.acquire()
	if err != nil {
		return 0, err
	}
	defer h.release()
	pos, err := s.locate(h, offset, s.size)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.loadOffsetsLocked(h), s.loadTimesLocked(h), s.loadTxnsLocked()); err != nil {
		return 0, err
	}
	// Readers that look now see the log shorter before it is.
	s.size = pos
	s.version++
	s.ends = nil
	if err := h.file.Truncate(pos); err != nil {
		return 0, err
	}
	s.reserved = 0
	rel := s.relative(offset)
	s.offsets.TruncateTo(rel)
	s.offsets.Bound(pos)
	s.times.TruncateTo(rel)
	s.txns.TruncateTo(offset)
	s.next, s.indexed, s.timed = s.base, 0, -1
	s.largest, s.stamped = Stamp{-1, s.base}, true
	s.first, s.firstKnown = -1, false
	s.learnLocked()
	err = errors.Join(s.loadTailLocked(h), s.replaceLocked(), s.replaceTxnsLocked())
	s.countLocked()
	return s.next, err
}

// learnLocked takes what appending needs to know from the loaded indexes.
func (s *Segment) learnLocked() {
	if n := s.offsets.Len(); n > 0 {
		s.indexed = int64(s.offsets.At(n - 1).Position)
	}
	if n := s.times.Len(); n > 0 {
		e := s.times.At(n - 1)
		s.timed = e.Timestamp
		s.largest = Stamp{e.Timestamp, s.base + int64(e.Relative)}
	}
}

func (s *Segment) loadTxnsLocked() error {
	return s.home.within(s.txnName(), func(path string) error { return s.txns.Load(s.home.fsys, path) })
}
