package segment

import (
	"errors"
	"os"
	"sync/atomic"

	"github.com/leatmq/leat/log/vfs"
)

// ErrRetired means that the segment was removed from its log.
var ErrRetired = errors.New("segment is no longer part of the log")

// handle is an open data file and the number of its users. The segment that it
// belongs to counts as one until it lets go (Evict, Remove).
type handle struct {
	file  vfs.File
	fd    uintptr // for sendfile; valid if hasFD
	hasFD bool
	home  *Home
	refs  atomic.Int32 // the file is closed when it falls to 0, and stays closed
}

func newHandle(f vfs.File, home *Home, users int32) *handle {
	h := &handle{file: f, home: home}
	if d, ok := f.(interface{ Fd() uintptr }); ok {
		h.fd, h.hasFD = d.Fd(), true
	}
	h.refs.Store(users)
	home.files.open.Add(1)
	return h
}

// retain adds a user, unless the file is closed already.
func (h *handle) retain() bool {
	for {
		n := h.refs.Load()
		if n == 0 {
			return false
		}
		if h.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release takes a user away; the last one closes the file. When that fails, what was
// written has been synced by then, or is recovered after a crash: all that is left to
// do is to say so.
func (h *handle) release() {
	if h.refs.Add(-1) > 0 {
		return
	}
	h.home.files.open.Add(-1)
	if err := h.file.Close(); err != nil {
		h.home.logger.Warn("closing a log file failed", "dir", h.home.Dir(), "error", err)
	}
}

// acquire returns the open data file; the caller must release it.
func (s *Segment) acquire() (*handle, error) {
	if h := s.handle.Load(); h != nil && h.retain() {
		if !s.used.Load() {
			s.used.Store(true)
		}
		return h, nil
	}
	return s.openFile(os.O_RDWR)
}

// create makes the files of a new segment and returns its data file, open.
func (s *Segment) create() (*handle, error) {
	for _, suffix := range indexSuffixes[:2] {
		f, err := s.home.open(Name(s.base)+suffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return s.openFile(os.O_RDWR | os.O_CREATE | os.O_TRUNC)
}

// openFile opens the data file and keeps it. Where two race, one file is kept.
func (s *Segment) openFile(flag int) (*handle, error) {
	for {
		if s.retired.Load() {
			return nil, ErrRetired
		}
		f, err := s.home.open(Name(s.base)+LogSuffix, flag)
		if err != nil {
			if s.retired.Load() {
				return nil, ErrRetired
			}
			return nil, err
		}
		h := newHandle(f, s.home, 2)
		if s.handle.CompareAndSwap(nil, h) {
			if s.retired.Load() { // Close may have come between
				s.letGo()
				h.release()
				return nil, ErrRetired
			}
			s.home.files.admit(s)
			return h, nil
		}
		h.release()
		h.release()
		if other := s.handle.Load(); other != nil && other.retain() {
			return other, nil
		}
	}
}

// letGo ends the segment's own use of its file.
func (s *Segment) letGo() {
	if h := s.handle.Swap(nil); h != nil {
		h.release()
	}
}

// inUse reports whether anyone but the segment itself uses the file.
func (s *Segment) inUse() bool {
	h := s.handle.Load()
	return h != nil && h.refs.Load() > 1
}
