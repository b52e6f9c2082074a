package log

import (
	"errors"
	"io/fs"
	"math"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
)

// loadEpochs reads the leader-epoch checkpoint; known is false when it must be made
// from the log.
func (l *Log) loadEpochs() (known bool, err error) {
	entries, err := checkpoint.ReadEpochs(l.fs(), l.home.Path(checkpoint.LeaderEpochFile))
	if err == nil {
		var c *epoch.Cache
		if c, err = epoch.New(entries); err == nil {
			l.epochs = c
			return true, nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, checkpoint.ErrCorrupt), errors.Is(err, epoch.ErrOrder):
		l.logger().Warn("reading the leader epochs from the log: their file is of no use", "error", err)
	default:
		return false, err
	}
	return false, nil
}

// rebuildEpochs finds the leader epochs in the batches of the whole log.
func (l *Log) rebuildEpochs() error {
	for _, s := range *l.segments.Load() {
		err := s.Scan(s.Base(), func(b record.Batch) error {
			l.noteNewEpoch(b)
			return nil
		})
		var damage *segment.DamageError
		if err != nil && !errors.As(err, &damage) { // recovery will deal with damage
			return err
		}
	}
	l.epochsDirty = l.Segments() > 1 || l.active().Size() > 0
	return nil
}

// noteNewEpoch notes the epoch of a batch that is scanned, if it is a new one.
func (l *Log) noteNewEpoch(b record.Batch) {
	if e := b.LeaderEpoch(); e > l.epochs.Latest().Epoch {
		l.epochsDirty = l.epochs.Assign(epoch.Entry{Epoch: e, Start: b.BaseOffset()}) || l.epochsDirty
	}
}

// recoverSegments scans what cannot be trusted: after a crash the segments from the
// recovery point on, otherwise only those that lack an index or do not end as they
// should. Below trusted everything is on disk; scanned says that the producer table is
// that of the end already.
func (l *Log) recoverSegments(files *listing) (trusted int64, scanned bool, err error) {
	list := *l.segments.Load()
	if len(files.segments) == 0 {
		return l.FirstSegment(), false, nil // it was just begun
	}
	first := len(list)
	if !l.o.Clean {
		// A segment that ends just at the recovery point may have been the active one
		// when it was synced, without its indexes.
		first = floor(list, max(l.o.RecoveryPoint-1, 0))
		l.sync.noted.Store(l.o.RecoveryPoint)
	}
	for i, s := range list[:first] {
		if files.unsound[s.Base()] {
			l.logger().Warn("a segment lacks an index and is scanned", "base", s.Base())
			first = i
			l.sync.noted.Store(0) // its new index is not on disk yet
			break
		}
	}
	if first == len(list) {
		err := l.active().Load()
		var damage *segment.DamageError
		if !errors.As(err, &damage) {
			return math.MaxInt64, false, err
		}
		l.logger().Warn("the active segment is not as a clean shutdown leaves it and is scanned", "error", err)
		first--
	}
	trusted = list[first].Base()
	if l.o.Clean {
		trusted = math.MaxInt64
	}
	return trusted, true, l.recoverFrom(first)
}

// recoverFrom scans the segments from number first on and removes what cannot be
// reached any more behind a cut.
func (l *Log) recoverFrom(first int) error {
	list := *l.segments.Load()
	if err := l.loadProducers(list[first].Base()); err != nil {
		return err
	}
	base := list[first].Base()
	if err := l.removeSnapshots(func(at int64) bool { return at > base }); err != nil {
		return err
	}
	l.sync.namesChanged() // indexes and snapshots are made anew
	it := &record.Iterator{}
	for i := first; i < len(list); i++ {
		s := list[i]
		if i > first && s.Base() < list[i-1].Next() {
			l.logger().Error("a segment begins before the end of the one before it: it and what follows is removed",
				"base", s.Base(), "end", list[i-1].Next())
			return l.dropTail(i)
		}
		if i > first && s.Base() > list[i-1].Next() {
			l.logger().Warn("offsets are missing between two segments", "from", list[i-1].Next(), "to", s.Base())
			list[i-1].SetNext(s.Base())
		}
		cut, err := l.recoverOne(s, it)
		if err != nil {
			return err
		}
		if cut {
			return l.dropTail(i + 1)
		}
		if i < len(list)-1 {
			if err := l.resnapshot(list[i+1].Base()); err != nil {
				return err
			}
		}
	}
	return nil
}

// recoverOne scans one segment; cut is true when something was cut off.
func (l *Log) recoverOne(s *segment.Segment, it *record.Iterator) (cut bool, err error) {
	l.state.Lock()
	r, err := s.Recover(func(b record.Batch) error {
		l.noteNewEpoch(b)
		c, done, err := follow(l.producers, b, it)
		if err == nil && done && c.Aborted {
			s.AppendAborted(abortedTxn(c))
		}
		return err
	})
	l.state.Unlock()
	if err != nil {
		return false, err
	}
	if r.Cut == 0 {
		return false, nil
	}
	if err := s.SyncAll(); err != nil { // what was cut off must not come back
		return false, err
	}
	l.logger().Warn("cut off what was written but never completed", "segment", s.Base(), "bytes", r.Cut,
		"end", s.Next(), "cause", r.Cause)
	if s.Next() < l.o.RecoveryPoint {
		l.logger().Error("the disk lost records that had been made durable",
			"from", s.Next(), "recovery_point", l.o.RecoveryPoint)
	}
	return true, nil
}

// resnapshot replaces the snapshot of a base with what the scan found.
func (l *Log) resnapshot(at int64) error {
	if err := l.removeSnapshots(func(offset int64) bool { return offset >= at }); err != nil {
		return err
	}
	return l.takeSnapshot(at)
}

// repairAborted makes the transaction index of a segment anew, by replaying the
// producers up to it and through it.
func (l *Log) repairAborted(s *segment.Segment, from, upTo int64) ([]index.AbortedTxn, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logger().Warn("making a transaction index anew", "segment", s.Base())
	t := producer.New()
	at, err := l.loadSnapshot(t, s.Base())
	if err != nil {
		return nil, false, err
	}
	var aborted []index.AbortedTxn
	it := &record.Iterator{}
	for _, each := range *l.segments.Load() {
		if each.Next() <= at || each.Base() > s.Base() {
			continue
		}
		err := each.Scan(at, func(b record.Batch) error {
			c, done, err := follow(t, b, it)
			if done && c.Aborted && each == s {
				aborted = append(aborted, abortedTxn(c))
			}
			return err
		})
		if err != nil {
			return nil, false, err
		}
	}
	if err := s.ReplaceAborted(aborted); err != nil {
		return nil, false, err
	}
	return s.Aborted(nil, from, upTo)
}
