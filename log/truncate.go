package log

import (
	"errors"
	"slices"

	"github.com/leatmq/leat/log/segment"
)

// Truncate removes everything from offset on, whole batches: the batch that holds
// offset goes too. A follower does so with what its leader does not have.
func (l *Log) Truncate(offset int64) error {
	if offset < l.EndOffset() {
		l.willCut(offset)
	}
	l.sync.exclude()
	defer l.sync.leave()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if offset >= l.EndOffset() {
		l.cutEpochs(l.EndOffset())
		return nil
	}
	if offset < l.FirstSegment() {
		return l.restart(offset)
	}
	defer l.cutting()()
	// The recovery point goes down first: whoever checkpoints it now, and then
	// crashes, has the rest scanned.
	l.lowerRecoveryPoint(offset)
	if err := l.removeSnapshots(func(at int64) bool { return at > offset }); err != nil {
		return l.fail("truncate", err)
	}
	if err := l.dropTail(floor(*l.segments.Load(), offset) + 1); err != nil {
		return l.fail("truncate", err)
	}
	end, err := l.active().Truncate(offset)
	if err != nil {
		return l.fail("truncate", err)
	}
	l.start.Store(min(l.StartOffset(), offset))
	end = max(end, l.StartOffset()) // where offsets are missing before the first batch
	l.end.Store(end)
	l.began()
	l.cutEpochs(end)
	if err := l.removeSnapshots(func(at int64) bool { return at > end }); err != nil {
		return l.fail("truncate", err)
	}
	if err := l.loadProducers(end); err != nil {
		return l.failRead("truncate", err)
	}
	return l.writeDirtyEpochs()
}

// willCut tells of a cut. Where the batch begins that holds the offset, and goes too,
// is not known yet, so it is said of the segment.
func (l *Log) willCut(offset int64) {
	list := *l.segments.Load()
	l.o.OnCut(min(offset, list[floor(list, offset)].Base()))
}

// Cuts is a number that another takes the place of whenever the log is about to lose
// records at its end, and again when it has lost them. Who finds the same before and
// after has read nothing that was written over what was there before.
func (l *Log) Cuts() int64 { return l.cuts.Load() }

// cutting notes that the log is about to be cut; it returns what is to be called when it
// is. The caller holds mu.
func (l *Log) cutting() (done func()) {
	l.cuts.Add(1)
	return func() { l.cuts.Add(1) }
}

// lowerRecoveryPoint takes back what was said to be on disk from an offset on. The caller
// holds mu and keeps syncs out.
func (l *Log) lowerRecoveryPoint(offset int64) {
	l.promised = max(l.promised, l.RecoveryPoint())
	l.sync.done.Store(min(l.RecoveryPoint(), offset))
	l.sync.noted.Store(min(l.sync.noted.Load(), offset))
}

// dropTail removes the segments from number n on, and what was removed before it,
// durably: none of that may come back behind what is appended now. The last goes first,
// so that a crash leaves no hole in the middle, behind which other records still are.
func (l *Log) dropTail(n int) error {
	list := *l.segments.Load()
	n = min(n, len(list))
	l.setSegments(slices.Clone(list[:n]))
	for _, s := range slices.Backward(list[n:]) {
		if err := errors.Join(s.Remove(), l.fs().SyncDir(l.Dir())); err != nil {
			return err
		}
	}
	if n == len(list) {
		return l.fs().SyncDir(l.Dir())
	}
	return nil
}

// cutEpochs forgets the epochs from an offset on.
func (l *Log) cutEpochs(offset int64) {
	l.state.Lock()
	defer l.state.Unlock()
	if l.epochs.TruncateFromEnd(offset) {
		l.epochsDirty = true
	}
}

// TruncateFullyAndStartAt removes everything; the next record gets offset.
func (l *Log) TruncateFullyAndStartAt(offset int64) error {
	l.o.OnCut(offset)
	l.sync.exclude()
	defer l.sync.leave()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	return l.restart(offset)
}

// restart makes the log empty. The caller holds mu and keeps syncs out.
func (l *Log) restart(offset int64) error {
	defer l.cutting()()
	l.lowerRecoveryPoint(offset)
	old := *l.segments.Load()
	next, err := l.freshSegment(old, offset)
	if err != nil {
		return l.fail("truncate", err)
	}
	l.setSegments([]*segment.Segment{next})
	l.start.Store(offset)
	l.end.Store(offset)
	l.began()
	l.state.Lock()
	l.producers.Reset()
	l.noteUnstable()
	l.epochs.Clear()
	l.epochsDirty = true
	l.state.Unlock()
	if err := l.removeSnapshots(func(int64) bool { return true }); err != nil {
		return l.fail("truncate", err)
	}
	l.sync.done.Store(offset)
	return l.writeDirtyEpochs()
}

// freshSegment removes all segments, durably, and makes an empty one.
func (l *Log) freshSegment(old []*segment.Segment, offset int64) (*segment.Segment, error) {
	for _, s := range slices.Backward(old) {
		if err := s.Remove(); err != nil {
			return nil, err
		}
	}
	next, err := segment.Create(l.home, offset)
	if err != nil {
		return nil, err
	}
	return next, l.fs().SyncDir(l.Dir())
}
