package partition

import (
	"errors"
	"fmt"
	"sync"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition/wait"
)

// Follower is the right to make a replica's log what its leader's is, at one
// epoch. Once the replica has another role all its methods that change
// something return ErrNotFollower, so that what an old fetch brings late is
// refused.
type Follower struct {
	replica *Replica
	epoch   int32
	leader  int32

	role    sync.Mutex // held by each change, and to retire
	retired bool
	hidden  hidden // what was copied and is not shown yet
}

// Replica is what the followership is of.
func (f *Follower) Replica() *Replica { return f.replica }

// Epoch is the leader epoch.
func (f *Follower) Epoch() int32 { return f.epoch }

// Leader is the broker to copy from, -1 while there is none.
func (f *Follower) Leader() int32 { return f.leader }

// Alive returns nil while the followership lasts and its disk works.
func (f *Follower) Alive() error {
	now, err := f.replica.Follower(-1)
	if err != nil {
		return err
	}
	if now != f {
		return ErrNotFollower
	}
	return nil
}

// StartOffset is where the log starts.
func (f *Follower) StartOffset() int64 { return f.replica.Log().StartOffset() }

// EndOffset is where the log ends: the offset to fetch next.
func (f *Follower) EndOffset() int64 { return f.replica.Log().EndOffset() }

// HighWatermark is the replica's.
func (f *Follower) HighWatermark() int64 { return f.replica.high.Load() }

// LatestEpoch is the leader epoch of the last record, -1 when there is none:
// what a fetch says as its last fetched epoch.
func (f *Follower) LatestEpoch() int32 { return f.replica.Log().LatestEpoch() }

// EndOffsetForEpoch is log.Log's.
func (f *Follower) EndOffsetForEpoch(epoch int32) (found int32, end int64) {
	return f.replica.Log().EndOffsetForEpoch(epoch)
}

// Copy appends what was fetched from an offset, with the offsets and epochs that
// the leader gave, and returns the log's new end. A batch cut short at the end of
// set is left out. A log that is still empty begins where the first batch does,
// should its leader's have begun inside that batch.
//
// Errors: ErrNotFollower; ErrNotAtEnd when from is not the log's end;
// *record.Error for damage in set, and for records of a later epoch; and the log's. On any error nothing was
// appended.
//
// The leader must not be told of the new end before Sync has returned, if SyncDue.
func (f *Follower) Copy(from int64, set []byte) (end int64, err error) {
	f.role.Lock()
	defer f.role.Unlock()
	if f.retired {
		return -1, ErrNotFollower
	}
	if err := f.mend(); err != nil {
		return f.EndOffset(), err
	}
	lg := f.replica.Log()
	end = lg.EndOffset()
	if from != end {
		return end, ErrNotAtEnd
	}
	if err := f.checkEpochs(set); err != nil {
		return end, err
	}
	first, _, err := record.Next(set)
	switch {
	case err == nil && first.BaseOffset() < end && first.LastOffset() >= end && lg.StartOffset() == end:
		if err := f.restart(lg, first.BaseOffset()); err != nil {
			return end, err
		}
	case err == nil && first.BaseOffset() < end:
		return end, ErrNotAtEnd
	}
	before := lg.Size()
	next, err := lg.Copy(set)
	if err != nil {
		return lg.EndOffset(), err
	}
	bytes := lg.Size() - before
	f.hidden.add(int(bytes))
	return next, nil
}

// SyncDue says whether the log has records that are to be on the disk before the leader
// is told of them: what a follower acknowledges by fetching on is to last.
func (f *Follower) SyncDue() bool {
	lg := f.replica.Log()
	waiting := lg.EndOffset() - lg.RecoveryPoint()
	return waiting > 0 && (f.replica.set.o.GroupCommit || waiting >= lg.Config().FlushMessages)
}

// Sync returns when all that has been copied is on the disk. It keeps nobody else
// waiting, and followers may do so side by side: they share what the disk does then.
func (f *Follower) Sync() error {
	for {
		lg := f.replica.Log()
		err := lg.Sync(lg.EndOffset())
		if !errors.Is(err, log.ErrClosed) || f.replica.Log() == lg {
			return err // or it was moved to another directory meanwhile
		}
	}
}

// checkEpochs refuses records of a later epoch. The leader of this one cannot have
// had them, but while it sent, the broker may have become a follower itself, and
// have cut the file and copied into it: what comes then is another log's.
func (f *Follower) checkEpochs(set []byte) error {
	for {
		b, rest, err := record.Next(set)
		if err != nil {
			return nil //nolint:nilerr // the log judges
		}
		if e := b.LeaderEpoch(); e > f.epoch {
			return &record.Error{Kind: record.ErrCorrupt, Detail: fmt.Sprintf(
				"leader epoch %d at offset %d, fetched at epoch %d", e, b.BaseOffset(), f.epoch)}
		}
		set = rest
	}
}

// Advance takes over what the leader says with a fetch: its high watermark, as
// far as the log reaches, for which consumers that read here are woken
// (KIP-392), and where its log starts, should records have been deleted. The
// high watermark may fall: a new leader may know less. If readers have found
// records damaged on disk, the log is cut there and EndOffset is smaller than
// before: fetch from there again.
//
// Errors: ErrNotFollower, log.ErrOffsetOutOfRange for a start above the high
// watermark, the log's.
func (f *Follower) Advance(highWatermark, startOffset int64) error {
	f.role.Lock()
	defer f.role.Unlock()
	if f.retired {
		return ErrNotFollower
	}
	if err := f.mend(); err != nil {
		return err
	}
	lg := f.replica.Log()
	f.setHigh(lg, highWatermark)
	switch {
	case startOffset <= lg.StartOffset():
		return nil
	case startOffset > f.replica.high.Load():
		return log.ErrOffsetOutOfRange
	}
	if err := lg.SetStartOffset(startOffset); err != nil {
		return err
	}
	f.replica.lost() // a reader before the new start must hear of it
	return nil
}

func (f *Follower) setHigh(lg *log.Log, high int64) {
	before := f.replica.high.Load()
	high = max(lg.StartOffset(), min(high, lg.EndOffset()))
	if high == before {
		return
	}
	f.replica.high.Store(high)
	if high > before {
		bytes := f.hidden.show(high-before, lg.EndOffset()-high)
		f.replica.watchers.Notify(wait.Event{Offset: high, Bytes: bytes})
	}
}

// Truncate removes everything from an offset on, which the leader does not have.
// It lowers the high watermark if it must.
func (f *Follower) Truncate(offset int64) error {
	f.role.Lock()
	defer f.role.Unlock()
	if f.retired {
		return ErrNotFollower
	}
	lg := f.replica.Log()
	if high := f.replica.high.Load(); offset < high {
		f.replica.logger().Warn("truncating below the high watermark", "offset", offset, "high_watermark", high, "leader_epoch", f.epoch)
	}
	f.replica.high.Store(min(f.replica.high.Load(), offset))
	err := lg.Truncate(offset)
	f.settle(lg)
	return err
}

// RestartAt removes everything; the next record to copy is that of offset. A
// follower does so whose log ends before its leader's starts.
func (f *Follower) RestartAt(offset int64) error {
	f.role.Lock()
	defer f.role.Unlock()
	if f.retired {
		return ErrNotFollower
	}
	return f.restart(f.replica.Log(), offset)
}

func (f *Follower) restart(lg *log.Log, offset int64) error {
	err := lg.TruncateFullyAndStartAt(offset)
	f.settle(lg)
	return err
}

// settle brings the high watermark back into a log that was cut, and has
// readers look again.
func (f *Follower) settle(lg *log.Log) {
	f.replica.high.Store(max(lg.StartOffset(), min(f.replica.high.Load(), lg.EndOffset())))
	f.hidden = 0
	f.replica.lost()
}

// mend drops what is damaged, if anything is known to be.
func (f *Follower) mend() error {
	if f.replica.damaged.Load() == nil {
		return nil
	}
	err := f.replica.mend()
	f.settle(f.replica.Log())
	return err
}

// retire returns when no change of this epoch is under way; later ones are
// refused.
func (f *Follower) retire() {
	f.role.Lock()
	defer f.role.Unlock()
	f.retired = true
}
