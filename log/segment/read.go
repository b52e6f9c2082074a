package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/leatmq/leat/log/index"
)

// Request asks for whole batches beginning with the one that holds Offset, or with
// the next one when compaction has removed that.
type Request struct {
	Offset   int64
	UpTo     int64 // only batches that end below it
	MaxBytes int   // no more than so much
	MinOne   bool  // but the first batch whole, however large
}

// ends are the places where the last few reads ended: whoever reads on, asks for
// just that offset next, and there is no need to search.
type ends struct {
	places [8]place
	hand   int
}

// place says that the batch with the first offset not below offset begins at
// position; position 0 says nothing.
type place struct{ offset, position int64 }

// Read finds the data that answers r, without reading it. The slice must be
// released; it is empty when nothing below r.UpTo fits. past reports that the
// segment ends before r.Offset: the answer is in a later one.
func (s *Segment) Read(r Request) (sl Slice, past bool, err error) {
	h, err := s.acquire()
	if err != nil {
		return Slice{}, false, err
	}
	for {
		version := s.Version()
		sl, past, err = s.read(h, r)
		if err == nil || !isDamage(err) || version == s.Version() {
			break
		}
		// Truncate moved the end while we looked: look again.
	}
	if err != nil || sl.length == 0 {
		h.release()
		return Slice{}, past, err
	}
	return sl, false, nil
}

// isDamage tells whether the file did not hold what it should.
func isDamage(err error) bool {
	_, damage := errors.AsType[*DamageError](err)
	return damage
}

func (s *Segment) read(h *handle, r Request) (sl Slice, past bool, err error) {
	s.mu.Lock()
	size, next, version := s.size, s.next, s.version
	s.mu.Unlock()
	from, err := s.locate(h, r.Offset, size)
	if err != nil || from >= size {
		return Slice{}, err == nil, err
	}
	end := place{offset: next, position: size}
	if r.UpTo < next {
		if end.position, err = s.locate(h, r.UpTo, size); err != nil {
			return Slice{}, false, err
		}
		end.offset = r.UpTo
	}
	if end.position-from > int64(r.MaxBytes) {
		if end, err = s.cut(h, from, end.position, r); err != nil {
			return Slice{}, false, err
		}
	}
	if end.position <= from {
		return Slice{}, false, nil
	}
	s.remember(end, version)
	return Slice{h: h, pos: from, length: int(end.position - from)}, false, nil
}

// locate returns the position of the first batch whose last offset is not below
// offset, or size when there is none.
func (s *Segment) locate(h *handle, offset, size int64) (int64, error) {
	if offset <= s.base {
		return 0, nil
	}
	for again := false; ; again = true {
		floor, exact, err := s.floor(h, offset)
		if err != nil || exact {
			return min(int64(floor.Position), size), err
		}
		pos, err := s.scan(h, floor, offset, size)
		if err == nil || again {
			return pos, err
		}
		if err := s.distrust(h, err); err != nil {
			return 0, err
		}
	}
}

// floor returns where to look for an offset: exactly the place, where a read ended
// there or the segment does, or the index entry before it.
func (s *Segment) floor(h *handle, offset int64) (e index.OffsetEntry, exact bool, err error) {
	s.mu.Lock()
	if at, ok := s.knownLocked(offset); ok {
		s.mu.Unlock()
		return index.OffsetEntry{Position: uint32(at)}, true, nil
	}
	rel := s.relative(offset)
	e, _, err = s.withOffsetsLocked(h, func() (index.OffsetEntry, bool, error) { return s.offsets.Floor(rel) })
	grown := s.countLocked()
	s.mu.Unlock()
	if grown {
		s.home.files.admit(s)
	}
	return e, false, err
}

func (s *Segment) knownLocked(offset int64) (position int64, ok bool) {
	if offset >= s.next {
		return s.size, true
	}
	if s.ends == nil {
		return 0, false
	}
	for _, p := range s.ends.places {
		if p.offset == offset && p.position > 0 {
			return p.position, true
		}
	}
	return 0, false
}

// errIndex means that an index entry does not point to its batch.
var errIndex = errors.New("index entry does not fit the log")

// scan walks from an index entry's batch to the first one that ends at or behind
// offset.
func (s *Segment) scan(h *handle, floor index.OffsetEntry, offset, size int64) (int64, error) {
	r := headerReader(h.file, int64(floor.Position), size)
	defer r.Close()
	for first := true; ; first = false {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return 0, err
		}
		if first && floor.Position > 0 {
			if err := s.fits(floor, e); err != nil {
				return 0, err
			}
		}
		if e.Batch.LastOffset() >= offset {
			return e.Position, nil
		}
	}
}

// fits tells whether what stands at an index entry's position can be the batch
// that the entry means: one of this segment, that ends no later than it says.
func (s *Segment) fits(entry index.OffsetEntry, e Entry) error {
	if e.Batch.BaseOffset() < s.base || e.Batch.LastOffset() > s.base+int64(entry.Relative) {
		return fmt.Errorf("%w: offset +%d at %d", errIndex, entry.Relative, entry.Position)
	}
	return nil
}

// distrust builds the indexes anew after an error that a wrong index explains.
func (s *Segment) distrust(h *handle, err error) error {
	var damage *DamageError
	if !errors.Is(err, errIndex) && !errors.As(err, &damage) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rerr := s.repairLocked(h, fmt.Errorf("%w: %w", index.ErrCorrupt, err)); rerr != nil {
		return rerr
	}
	s.countLocked()
	return nil
}

// cut finds the last batch boundary in (from, to] that is no farther from from
// than r allows, or the end of the first batch if r wants that in any case.
func (s *Segment) cut(h *handle, from, to int64, r Request) (place, error) {
	limit := from + int64(r.MaxBytes)
	s.mu.Lock()
	floor, _, err := s.withOffsetsLocked(h, func() (index.OffsetEntry, bool, error) {
		return s.offsets.FloorPosition(uint32(min(limit, maxRelative)))
	})
	grown := s.countLocked()
	s.mu.Unlock()
	if grown {
		s.home.files.admit(s)
	}
	if err != nil {
		return place{}, err
	}
	end := place{position: max(from, int64(floor.Position))}
	hr := headerReader(h.file, end.position, to)
	defer hr.Close()
	for first := end.position > from; ; first = false {
		e, err := hr.Next()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err == nil && first {
			err = s.fits(floor, e)
		}
		if err != nil {
			return s.cutSlowly(h, from, to, r, err)
		}
		if e.End() > limit && (end.position > from || !r.MinOne) {
			if end.offset == 0 {
				end.offset = e.Batch.BaseOffset()
			}
			return end, nil
		}
		end = place{e.Batch.NextOffset(), e.End()}
	}
}

// cutSlowly is cut after an error: when the index was to blame it is built anew
// and asked again.
func (s *Segment) cutSlowly(h *handle, from, to int64, r Request, cause error) (place, error) {
	hr := headerReader(h.file, from, to)
	defer hr.Close()
	end := place{position: from}
	for {
		e, err := hr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return place{}, err // the log itself is damaged
		}
		if e.End() > from+int64(r.MaxBytes) && (end.position > from || !r.MinOne) {
			break
		}
		end = place{e.Batch.NextOffset(), e.End()}
	}
	return end, s.distrust(h, cause)
}

// remember notes where a read ended, if no batch has moved since it began.
func (s *Segment) remember(end place, version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version != s.version {
		return
	}
	if s.ends == nil {
		s.ends = new(ends)
	}
	for _, p := range s.ends.places {
		if p == end {
			return
		}
	}
	s.ends.places[s.ends.hand] = end
	s.ends.hand = (s.ends.hand + 1) % len(s.ends.places)
}
