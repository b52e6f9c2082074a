package segment

import (
	"errors"
	"os"
	"time"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/vfs"
)

// Suffixes of the files of a Build.
const (
	CleanedSuffix = ".cleaned" // being written: removed when the log is opened
	SwapSuffix    = ".swap"    // complete: takes its place when the log is opened
)

// Build is a segment that is written beside its log, to take the place of others
// when it is complete (compaction). It has their first base offset, so its files have
// names of their own until then:
//
//	Append, AppendAborted ──▶ Finish ──▶ Ready ──▶ Segment, then Install
//	.cleaned                  durable    .swap     in the log    final names
//
// It is for one goroutine; the caller makes the renames durable.
type Build struct {
	s      *Segment
	file   vfs.File
	suffix string // of its files now
}

// NewBuild begins a segment at a base offset; what an earlier one left is overwritten.
func NewBuild(home *Home, base int64) (*Build, error) {
	b := &Build{s: newSegment(home, base), suffix: CleanedSuffix}
	b.s.next, b.s.stamped = base, true
	var err error
	b.file, err = home.open(Name(base)+LogSuffix+CleanedSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Append writes whole batches or old messages, at any offsets that rise. On an error
// the Build is of no more use: Discard it.
func (b *Build) Append(set []byte) error {
	if _, err := b.file.WriteAt(set, b.s.size); err != nil {
		return err
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.s.noteSetLocked(set, b.s.size)
}

// AppendAborted notes an aborted transaction whose marker stays. Markers come in order.
func (b *Build) AppendAborted(t index.AbortedTxn) { b.s.AppendAborted(t) }

// Size returns the bytes written so far.
func (b *Build) Size() int64 { return b.s.size }

// Finish makes all files durable. The data file gets the modification time of what it
// is made from, by which records without timestamps are judged.
func (b *Build) Finish(modified time.Time) error {
	b.s.mu.Lock()
	b.s.noteTimeLocked()
	err := b.replaceIndexesLocked()
	b.s.countLocked()
	b.s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, name := range b.names() {
		if err := b.s.home.within(name+CleanedSuffix, func(path string) error {
			return syncAndDate(b.s.home.fsys, path, modified)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (b *Build) replaceIndexesLocked() error {
	s := b.s
	err := errors.Join(
		s.home.within(s.offsetName()+CleanedSuffix, func(path string) error { return s.offsets.Replace(s.home.fsys, path) }),
		s.home.within(s.timeName()+CleanedSuffix, func(path string) error { return s.times.Replace(s.home.fsys, path) }),
	)
	if s.txns.Len() == 0 {
		return errors.Join(err, s.home.remove(s.txnName()+CleanedSuffix))
	}
	return errors.Join(err,
		s.home.within(s.txnName()+CleanedSuffix, func(path string) error { return s.txns.Replace(s.home.fsys, path) }))
}

func syncAndDate(fsys vfs.FS, path string, modified time.Time) error {
	f, err := fsys.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return fsys.Chtimes(path, modified)
}

// names are the files that it has, without suffix, the log last: it is the one whose
// new name counts.
func (b *Build) names() []string {
	names := []string{b.s.offsetName(), b.s.timeName(), Name(b.s.base) + LogSuffix}
	if b.s.txns.Len() > 0 {
		return append([]string{b.s.txnName()}, names...)
	}
	return names
}

// Ready gives the files the suffix with which opening the log would put them in place.
// As long as one still has the old suffix, it would remove them all.
func (b *Build) Ready() error { return b.rename(SwapSuffix) }

// Install gives the files their final names, which must be free. The log is the last:
// until then opening the log would do all this again.
func (b *Build) Install() error { return b.rename("") }

func (b *Build) rename(suffix string) error {
	for _, name := range b.names() {
		if err := b.s.home.rename(name+b.suffix, name+suffix); err != nil {
			return err
		}
	}
	b.suffix = suffix
	return nil
}

// Segment returns the segment, which may be read at once: its file stays open until
// release, and its indexes are in memory.
func (b *Build) Segment() (s *Segment, release func()) {
	h := newHandle(b.file, b.s.home, 2)
	b.file = nil
	b.s.handle.Store(h)
	b.s.home.files.admit(b.s)
	return b.s, h.release
}

// Discard closes and removes the files of a Build that is not wanted any more. It does
// nothing once Segment was called.
func (b *Build) Discard() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	b.s.Close()
	for _, name := range b.s.names() {
		err = errors.Join(err, b.s.home.remove(name+CleanedSuffix), b.s.home.remove(name+SwapSuffix))
	}
	return err
}

// Version changes when batches of the segment move or go, by truncation or recovery.
func (s *Segment) Version() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// IndexBytes returns the size of the larger of offset and time index.
func (s *Segment) IndexBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.offsets.Len()*index.OffsetEntrySize, s.times.Len()*index.TimeEntrySize)
}
