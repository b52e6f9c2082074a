package partition

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition/isr"
	"github.com/leatmq/leat/partition/wait"
)

// Leader is the right to write a partition at one epoch.
type Leader struct {
	replica *Replica
	epoch   int32
	begin   int64 // the log's end when the epoch began

	// role is held for reading by each append, and for writing to retire: when
	// retire returns, no append of this epoch is under way.
	role    sync.RWMutex
	retired bool

	inSync   atomic.Int32 // how many replicas are in sync
	replicas atomic.Int32 // how many there are

	high   atomic.Int64 // the high watermark: progress's, readable without mu
	queued atomic.Bool  // waiting for the set to sync the log

	mu       sync.Mutex
	progress isr.Progress
}

// AppendOptions go with one append.
type AppendOptions struct {
	ProduceVersion int16
	Acks           int16 // -1: refuse unless enough replicas are in sync
	Origin         log.Origin
}

// Appended is what an append did.
type Appended struct {
	log.Appended
	// Committed is the high watermark that commits the append. It may be ahead
	// of the present one; then the answer has to wait for it.
	Committed int64
}

// Replica is what the leadership is of.
func (l *Leader) Replica() *Replica { return l.replica }

// Log is the leader's log. Append to it only through the Leader.
func (l *Leader) Log() *log.Log { return l.replica.Log() }

// Epoch is the leader epoch.
func (l *Leader) Epoch() int32 { return l.epoch }

// Begin is where the log ended when the epoch began.
func (l *Leader) Begin() int64 { return l.begin }

// HighWatermark is the offset below which every record is safe to show.
func (l *Leader) HighWatermark() int64 { return l.high.Load() }

// LastStable is the offset below which every transaction is decided; never
// above the high watermark.
func (l *Leader) LastStable() int64 { return l.Log().LastStableOffset(l.HighWatermark()) }

// Append validates a record set, gives it offsets and writes it. The bytes of
// set are changed in place. Where the topic wants records on disk before they
// count, the append may not be committed yet: see Appended.Committed.
//
// Errors: ErrNotLeader, ErrNotEnoughReplicas, and the log's.
func (l *Leader) Append(set []byte, o AppendOptions) (Appended, error) {
	l.role.RLock()
	if l.retired {
		l.role.RUnlock()
		return Appended{}, ErrNotLeader
	}
	if o.Acks == -1 && !l.enough() {
		l.role.RUnlock()
		return Appended{}, ErrNotEnoughReplicas
	}
	done, err := l.Log().Append(set, log.AppendOptions{
		LeaderEpoch:    l.epoch,
		ProduceVersion: o.ProduceVersion,
		Origin:         o.Origin,
		DeferSync:      true,
	})
	l.role.RUnlock()
	if err != nil {
		return Appended{}, err
	}
	if done.Duplicate {
		return Appended{Appended: done, Committed: done.LastOffset + 1}, nil
	}
	synced := !done.SyncDue && !l.replica.set.o.GroupCommit
	l.appended(done, synced)
	if !synced {
		l.replica.set.commit.add(l)
	}
	return Appended{Appended: done, Committed: done.LastOffset + 1}, nil
}

// enough says whether an acks=all write may be taken.
func (l *Leader) enough() bool {
	inSync := int(l.inSync.Load())
	if inSync >= int(l.replicas.Load()) {
		return true // all are; more cannot be asked for
	}
	return inSync >= isr.Required(l.Log().Config().MinInsyncReplicas, int(l.replicas.Load()))
}

func (l *Leader) appended(done log.Appended, synced bool) {
	l.mu.Lock()
	moved := l.progress.Appended(done.LastOffset+1, synced)
	high := l.progress.HighWatermark()
	if moved {
		l.high.Store(high)
	}
	l.mu.Unlock()
	if moved {
		l.replica.watchers.Notify(wait.Event{Offset: high, Bytes: int64(done.Bytes)})
	}
}

// sync makes the log durable up to its end and raises the high watermark.
func (l *Leader) sync() {
	l.queued.Store(false) // an append from here on asks again
	l.mu.Lock()
	end, before := l.progress.End(), l.progress.HighWatermark()
	l.mu.Unlock()
	err := l.onLog(func(lg *log.Log) error { return lg.Sync(end) })
	if err != nil {
		l.replica.logger().Error("cannot make records durable; waiting producers are refused", "error", err)
		l.replica.lost()
		return
	}
	l.mu.Lock()
	moved := l.progress.Synced(end)
	high := l.progress.HighWatermark()
	if moved {
		l.high.Store(high)
	}
	l.mu.Unlock()
	if moved {
		// How many bytes became readable is not known; any number of records
		// has at least as many bytes, and a long poll looks for itself.
		l.replica.watchers.Notify(wait.Event{Offset: high, Bytes: high - before})
	}
}

// onLog uses the log, once more if it was moved to another directory meanwhile.
func (l *Leader) onLog(use func(*log.Log) error) error {
	for {
		lg := l.Log()
		err := use(lg)
		if !errors.Is(err, log.ErrClosed) || l.Log() == lg {
			return err
		}
	}
}

// Wait returns when the high watermark has reached offset. Errors: ErrNotLeader
// when the leadership ends first, the log's when the disk fails, ctx's.
func (l *Leader) Wait(ctx context.Context, offset int64) error {
	if l.HighWatermark() >= offset {
		return nil
	}
	woken := make(chan struct{}, 1)
	wake := func() { woken <- struct{}{} }
	w := new(wait.Watcher)
	k := &wait.Link{From: offset}
	w.Watch(&l.replica.watchers, k)
	defer w.Unwatch(k)
	for {
		if c := w.Changed(); c != nil {
			w.Seen(c)
		}
		if l.HighWatermark() >= offset {
			return nil
		}
		if err := l.Alive(); err != nil {
			return err
		}
		if !w.Arm(1, wake) {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		}
	}
}

// Alive returns nil while the leadership lasts and its disk works.
func (l *Leader) Alive() error {
	now, err := l.replica.Leader(-1)
	if err != nil {
		return err
	}
	if now != l {
		return ErrNotLeader
	}
	return nil
}

func (l *Leader) setReplicas(s State) {
	l.inSync.Store(int32(len(s.ISR)))
	l.replicas.Store(int32(len(s.Replicas)))
}

// retire returns when no append of this epoch is under way; later ones are
// refused.
func (l *Leader) retire() {
	l.role.Lock()
	defer l.role.Unlock()
	l.retired = true
}
