package segment

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
)

// Recovered is what Recover found.
type Recovered struct {
	Kept  int64 // bytes of whole, sound batches
	Cut   int64 // bytes behind them that were cut off
	Cause error // why, a *DamageError; nil when nothing was cut
}

// Recover reads every batch, cuts the file at the first that is not whole and
// sound, or whose offsets do not follow, and builds the indexes anew. visit is
// called for each batch that stays, before the next is read; what it notes with
// AppendAborted goes into the new transaction index.
func (s *Segment) Recover(visit func(record.Batch) error) (Recovered, error) {
	h, err := s.acquire()
	if err != nil {
		return Recovered{}, err
	}
	defer h.release()
	info, err := h.file.Stat()
	if err != nil {
		return Recovered{}, err
	}
	end := info.Size()
	s.mu.Lock()
	s.clearLocked()
	s.txns.Reset()
	s.version++
	s.next, s.first, s.firstKnown = s.base, -1, false
	s.mu.Unlock()
	kept, cause, err := s.recoverBatches(h, end, visit)
	if err != nil {
		return Recovered{}, err
	}
	if err := h.file.Truncate(kept); err != nil { // also gives back reserved space
		return Recovered{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size, s.stamped, s.reserved = kept, true, 0
	s.noteTimeLocked()
	s.countLocked()
	return Recovered{kept, end - kept, cause}, errors.Join(s.replaceLocked(), s.replaceTxnsLocked())
}

// recoverBatches returns the position of the first batch that cannot stay, and
// why it cannot.
func (s *Segment) recoverBatches(h *handle, end int64, visit func(record.Batch) error) (kept int64, cause, err error) {
	r := NewReader(h.file, 0, end)
	defer r.Close()
	for {
		e, err := r.Next()
		if err == nil {
			err = s.sound(e)
		}
		var damage *DamageError
		switch {
		case errors.Is(err, io.EOF):
			return kept, nil, nil
		case errors.As(err, &damage):
			return kept, damage, nil
		case err != nil:
			return kept, nil, err
		}
		if err := visit(e.Batch); err != nil {
			return kept, nil, err
		}
		s.mu.Lock()
		s.noteLocked(e.Batch, e.Position)
		s.next = e.Batch.NextOffset()
		s.mu.Unlock()
		kept = e.End()
	}
}

// sound checks a whole batch: its CRC, and that its offsets follow and fit.
func (s *Segment) sound(e Entry) error {
	b := e.Batch
	switch {
	case !b.CheckCRC():
		return &DamageError{e.Position, errors.New("CRC does not match")}
	case b.BaseOffset() < s.next:
		return &DamageError{e.Position, fmt.Errorf("offset %d where at least %d was due", b.BaseOffset(), s.next)}
	}
	return nil
}

// Scan calls visit for every batch that ends at or behind an offset, without
// checking its CRC.
func (s *Segment) Scan(from int64, visit func(record.Batch) error) error {
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	size := s.Size()
	pos, err := s.locate(h, from, size)
	if err != nil {
		return err
	}
	r := NewReader(h.file, pos, size)
	defer r.Close()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(e.Batch); err != nil {
			return err
		}
	}
}

// Back returns an offset some n bytes before the batch that holds the given one, at which
// Scan may begin, or the base, and how many bytes lie between.
func (s *Segment) Back(offset, n int64) (from, bytes int64, err error) {
	h, err := s.acquire()
	if err != nil {
		return 0, 0, err
	}
	defer h.release()
	pos, err := s.locate(h, offset, s.Size())
	if err != nil || pos <= n {
		return s.base, pos, err
	}
	s.mu.Lock()
	e, _, err := s.withOffsetsLocked(h, func() (index.OffsetEntry, bool, error) {
		return s.offsets.FloorPosition(uint32(min(pos-n, maxRelative)))
	})
	grown := s.countLocked()
	s.mu.Unlock()
	if grown {
		s.home.files.admit(s)
	}
	return s.base + int64(e.Relative), pos - int64(e.Position), err
}

// ReplaceAborted replaces the transaction index.
func (s *Segment) ReplaceAborted(all []index.AbortedTxn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txns.Reset()
	for _, t := range all {
		s.txns.Append(t)
	}
	s.countLocked()
	return s.replaceTxnsLocked()
}

// replaceTxnsLocked writes the transaction index, all in memory, to its file,
// which goes when there is nothing to write.
func (s *Segment) replaceTxnsLocked() error {
	if s.txns.Len() == 0 {
		return s.home.remove(s.txnName())
	}
	return s.home.within(s.txnName(), func(path string) error { return s.txns.Replace(s.home.fsys, path) })
}

// NextOffset returns the offset after the last whole batch of a data file, or base
// when there is none.
func NextOffset(fsys vfs.FS, path string, base int64) (next int64, err error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	r := headerReader(f, 0, info.Size())
	defer r.Close()
	next = base
	for {
		e, err := r.Next()
		var damage *DamageError
		if errors.Is(err, io.EOF) || errors.As(err, &damage) {
			return next, f.Close()
		}
		if err != nil {
			return 0, errors.Join(err, f.Close())
		}
		next = e.Batch.NextOffset()
	}
}
