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
	// first is the leadership of the earliest epoch since when this broker has led
	// without a break: what was appended then is still in the log.
	first *Leader

	// role is held for reading by each append, and for writing to retire: when
	// retire returns, no append of this epoch is under way.
	role    sync.RWMutex
	retired bool // written under role and mu

	standing
	queued atomic.Bool // waiting for the set to sync the log

	mu       sync.Mutex
	progress isr.Progress
	low      int64  // the low watermark that was told last
	hidden   hidden // what was appended and is not shown yet
}

// standing is what appends need of the progress, readable without mu.
type standing struct {
	replicas atomic.Int32 // how many there are
	inSync   atomic.Int32 // how many are in sync
	maximal  atomic.Int32 // how many may be, a pending expansion counted
	safe     atomic.Int64 // how far the leader alone answers for its log
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
	// Committed is the offset behind the append. It may not be committed yet:
	// see Leader.Settled.
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
func (l *Leader) HighWatermark() int64 { return l.replica.high.Load() }

// LastStable is the offset below which every transaction is decided; never
// above the high watermark.
func (l *Leader) LastStable() int64 { return l.Log().LastStableOffset(l.HighWatermark()) }

// Fresh says that the high watermark has not reached what the leader had when
// its epoch began. Whoever asks it for the latest offset would see it fall, and
// is told OFFSET_NOT_AVAILABLE (KIP-207).
func (l *Leader) Fresh() bool { return l.HighWatermark() < l.begin }

// Append validates a record set, gives it offsets and writes it. The bytes of
// set are changed in place. The append may not be committed yet: see Settled.
//
// Errors: ErrNotLeader, ErrNotEnoughReplicas, and the log's.
func (l *Leader) Append(set []byte, o AppendOptions) (Appended, error) {
	l.role.RLock()
	if l.retired {
		l.role.RUnlock()
		return Appended{}, ErrNotLeader
	}
	if o.Acks == -1 && !l.enough(&l.inSync) {
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

// enough says whether so many replicas suffice for an acks=all write.
func (l *Leader) enough(inSync *atomic.Int32) bool {
	has := int(inSync.Load())
	if has >= int(l.replicas.Load()) {
		return true // all are; more cannot be asked for
	}
	return has >= isr.Required(l.Log().Config().MinInsyncReplicas, int(l.replicas.Load()))
}

func (l *Leader) appended(done log.Appended, synced bool) {
	l.mu.Lock()
	l.hidden.add(done.Bytes)
	c := l.conditions()
	l.progress.Appended(done.LastOffset+1, synced, c.Now)
	e := l.raise(&c)
	l.mu.Unlock()
	e.Written = int64(done.Bytes)
	l.replica.watchers.Notify(e)
}

// sync makes the log durable up to its end and raises the high watermark.
func (l *Leader) sync() {
	l.queued.Store(false) // an append from here on asks again
	l.mu.Lock()
	end := l.progress.End()
	l.mu.Unlock()
	err := l.onLog(func(lg *log.Log) error { return lg.Sync(end) })
	if err != nil {
		l.replica.logger().Error("cannot make records durable; waiting producers are refused", "error", err)
		l.replica.lost()
		return
	}
	l.mu.Lock()
	l.progress.Synced(end)
	c := l.conditions()
	e := l.raise(&c)
	l.mu.Unlock()
	l.replica.watchers.Notify(e)
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

// Settled says whether an append that ends at offset can be answered: with
// acks=1 when the leader answers for it, which is at once unless records must be
// on disk first, and with acks=-1 when it is committed. To be woken for the next
// look, watch with wait.Safe or wait.Committed from the offset on. An epoch that
// has risen with the same leader changes nothing.
//
// Errors: ErrNotEnoughReplicasAfterAppend; while it is not settled, Alive's.
func (l *Leader) Settled(acks int16, offset int64) (bool, error) {
	if acks != -1 && l.safe.Load() >= offset {
		return true, nil
	}
	// Before the role: another may move the high watermark in another log.
	high := l.HighWatermark()
	now, err := l.present()
	switch {
	case err != nil:
		return true, err
	case acks != -1:
		return now.safe.Load() >= offset, nil
	case high < offset:
		return false, nil
	case !now.enough(&now.maximal):
		return true, ErrNotEnoughReplicasAfterAppend
	}
	return true, nil
}

// present returns the leadership that there is now: this one, or one that has
// followed on it without a break.
func (l *Leader) present() (*Leader, error) {
	now, err := l.replica.Leader(-1)
	if err == nil && now.first != l.first {
		return nil, ErrNotLeader
	}
	return now, err
}

// Wait returns when everything below offset is committed, as Settled with
// acks=-1 says. Errors: ErrNotLeader when the leadership ends first,
// ErrNotEnoughReplicasAfterAppend, the log's when the disk fails, ctx's.
func (l *Leader) Wait(ctx context.Context, offset int64) error {
	if done, err := l.Settled(-1, offset); done {
		return err
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
		if done, err := l.Settled(-1, offset); done {
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

// retire returns when no append of this epoch is under way; later ones are
// refused. It returns how far the followers have come.
func (l *Leader) retire() *isr.Progress {
	l.role.Lock()
	defer l.role.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	progress := l.progress
	return &progress
}
