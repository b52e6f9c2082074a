package log

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/leatmq/leat/log/segment"
)

// trash is a file of a removed segment that waits to be deleted.
type trash struct {
	name string
	due  time.Time
}

// SetStartOffset moves the start of the log forward (DeleteRecords); whole segments
// below it go with the next ApplyRetention. Moving it back changes nothing.
// Errors: ErrOffsetOutOfRange when offset is behind the end.
func (l *Log) SetStartOffset(offset int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if offset > l.EndOffset() {
		return ErrOffsetOutOfRange
	}
	l.moveStart(offset)
	return nil
}

// moveStart moves the start forward; the caller holds mu.
func (l *Log) moveStart(offset int64) {
	if offset <= l.StartOffset() {
		return
	}
	l.start.Store(offset)
	l.state.Lock()
	defer l.state.Unlock()
	if l.epochs.TruncateFromStart(offset) {
		l.epochsDirty = true
	}
	l.producers.Replicated(offset)
	l.noteUnstable()
}

// ApplyRetention removes old segments by start offset, and with cleanup.policy
// delete by retention.bytes and retention.ms, never beyond the high watermark, and
// returns how many. The active segment may go too, after a new one was begun.
func (l *Log) ApplyRetention(now time.Time, highWatermark int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	c := l.config.Load()
	total, err := l.removeOld(now, highWatermark, l.belowStart)
	if err == nil && c.Delete && c.RetentionBytes >= 0 {
		var n int
		n, err = l.removeOld(now, highWatermark, l.beyondSize(c.RetentionBytes))
		total += n
	}
	if err == nil && c.Delete && c.RetentionMs >= 0 {
		var n int
		n, err = l.removeOld(now, highWatermark, beyondTime(now, c.RetentionMs))
		total += n
	}
	return total, err
}

func (l *Log) belowStart(s *segment.Segment) (bool, error) {
	return s.Next() <= l.StartOffset() && s != l.active(), nil
}

// beyondSize says of one segment after the other whether the log is too large even
// without it.
func (l *Log) beyondSize(most int64) func(*segment.Segment) (bool, error) {
	over := l.Size() - most
	return func(s *segment.Segment) (bool, error) {
		if over -= s.Size(); over < 0 {
			return false, nil
		}
		return true, nil
	}
}

// beyondTime says whether the latest record of a segment is too old; records without
// timestamps are as old as their file.
func beyondTime(now time.Time, keepMs int64) func(*segment.Segment) (bool, error) {
	return func(s *segment.Segment) (bool, error) {
		latest, err := s.LastTime()
		return err == nil && now.UnixMilli()-latest > keepMs, err
	}
}

// removeOld removes segments from the oldest on, up to the first that is not old or
// not below the high watermark.
func (l *Log) removeOld(now time.Time, highWatermark int64, old func(*segment.Segment) (bool, error)) (int, error) {
	list := *l.segments.Load()
	n := 0
	for n < len(list) {
		s := list[n]
		next := s.Next()
		if n == len(list)-1 {
			next = l.EndOffset()
		}
		if highWatermark < next || n == len(list)-1 && s.Size() == 0 {
			break
		}
		is, err := old(s)
		if err != nil {
			return 0, l.failRead("apply retention", err)
		}
		if !is {
			break
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	if n == len(list) {
		if err := l.roll(l.EndOffset()); err != nil {
			return 0, err
		}
		list = *l.segments.Load()
	}
	return n, l.dropSegments(list[:n], list[n:], now)
}

// dropSegments takes segments out of the log; their files go later. The start offset
// moves first, so that a crash in between leaves no reader below it.
func (l *Log) dropSegments(gone, stay []*segment.Segment, now time.Time) error {
	l.moveStart(stay[0].Base())
	l.setSegments(slices.Clone(stay))
	due := now.Add(time.Duration(l.config.Load().FileDeleteDelayMs) * time.Millisecond)
	for _, s := range gone {
		l.logger().Info("removing a segment", "base", s.Base(), "next", s.Next(), "bytes", s.Size())
		names, err := s.Retire()
		for _, name := range names {
			l.trash = append(l.trash, trash{name, due})
		}
		if err != nil {
			return l.fail("remove a segment", err)
		}
		base := s.Base()
		if err := l.removeSnapshots(func(offset int64) bool { return offset == base }); err != nil {
			return l.fail("remove a snapshot", err)
		}
	}
	l.sync.namesChanged()
	return nil
}

// RemoveExpiredFiles removes the files of deleted segments whose delay
// (file.delete.delay.ms) is over.
func (l *Log) RemoveExpiredFiles(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	var err error
	l.trash = slices.DeleteFunc(l.trash, func(t trash) bool {
		if now.Before(t.due) {
			return false
		}
		if rerr := l.fs().Remove(l.home.Path(t.name)); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return true
	})
	return l.fail("remove files", err)
}
