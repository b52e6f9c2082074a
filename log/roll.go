package log

import (
	"errors"
	"slices"

	"github.com/leatmq/leat/log/segment"
)

// rollDue says whether a set of n bytes, with that largest timestamp and last
// offset, is to begin a new segment.
func (l *Log) rollDue(n int, maxTimestamp, last int64) (bool, error) {
	c, a := l.config.Load(), l.active()
	size := a.Size()
	switch {
	case size == 0:
		return !a.Fits(last), nil
	case size > int64(c.SegmentBytes)-int64(n), !a.Fits(last), a.Full(c.SegmentIndexBytes):
		return true, nil
	}
	first, err := a.FirstTimestamp()
	if err != nil {
		return false, err
	}
	waited := l.o.Now().Sub(l.created).Milliseconds()
	if first >= 0 {
		waited = maxTimestamp - first // segments are of the records' time
	}
	return waited > c.rollAfter()-l.jitter, nil
}

// Roll begins a new segment, if the newest has any record.
func (l *Log) Roll() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if l.active().Size() == 0 {
		return nil
	}
	return l.roll(l.EndOffset())
}

// roll seals the active segment and begins one at base. Until the new one is in the
// list everything done can stay: on an error the old one remains active.
func (l *Log) roll(base int64) error {
	old := l.active()
	if err := l.takeSnapshot(l.EndOffset()); err != nil {
		return l.failWrite("roll", err)
	}
	if err := old.Seal(); err != nil {
		return l.failWrite("roll", err)
	}
	if err := l.keepPromise(old); err != nil {
		return err
	}
	next, err := segment.Create(l.home, base)
	if err != nil {
		return l.failWrite("roll", err)
	}
	if c := l.config.Load(); c.Preallocate {
		if err := next.Reserve(int64(c.SegmentBytes)); err != nil {
			return errors.Join(l.failWrite("roll", err), next.Remove())
		}
	}
	old.SetNext(base)
	list := slices.Clone(*l.segments.Load())
	if old.Size() == 0 { // empty and not at the right offset: it never was one
		list = list[:len(list)-1]
		if err := old.Remove(); err != nil {
			return errors.Join(l.fail("roll", err), next.Remove())
		}
	}
	l.setSegments(append(list, next))
	l.began()
	l.sync.namesChanged()
	return nil
}

// keepPromise makes a segment durable that is about to be sealed below a recovery point
// from before a truncation or a crash: another crash would leave it unscanned.
func (l *Log) keepPromise(s *segment.Segment) error {
	if l.RecoveryPoint() >= l.promised || s.Base() >= l.promised {
		return nil
	}
	return l.failOpen("sync", errors.Join(s.SyncAll(), l.syncSnapshot(l.EndOffset()), l.fs().SyncDir(l.Dir())))
}

// began notes that the active segment is new, or newly opened.
func (l *Log) began() {
	c := l.config.Load()
	l.created, l.jitter = l.o.Now(), 0
	if most := min(c.SegmentJitterMs, c.rollAfter()); most > 0 {
		l.jitter = l.o.Jitter(most)
	}
}
