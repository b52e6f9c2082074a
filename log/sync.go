package log

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/log/segment"
)

// syncer lets many callers share one fdatasync: the first that comes syncs all that
// is there, those that come meanwhile wait, and then one of them syncs for all of
// them.
type syncer struct {
	done  atomic.Int64 // all below is on disk: the recovery point
	noted atomic.Int64 // see CheckpointOffset
	dirty atomic.Bool  // names of files in the directory changed since it was synced
	isNew atomic.Bool  // the directory itself may not be durable in its parent

	mu   sync.Mutex
	free *sync.Cond // running has become false
	// running is held by whoever syncs, and by Truncate and Close to keep syncs out.
	running bool
	last    time.Time // when a sync last ended
}

// namesChanged asks the next sync to make the directory durable too.
func (y *syncer) namesChanged() { y.dirty.Store(true) }

// enter waits until nobody syncs and keeps others out. It returns false without
// entering when meanwhile everything below upTo has become durable.
func (y *syncer) enter(upTo int64) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	for {
		if y.done.Load() >= upTo {
			return false
		}
		if !y.running {
			y.running = true
			return true
		}
		y.free.Wait()
	}
}

// exclude is enter for those who want nobody to sync, whatever is durable.
func (y *syncer) exclude() {
	y.mu.Lock()
	defer y.mu.Unlock()
	for y.running {
		y.free.Wait()
	}
	y.running = true
}

// leave lets the next one in.
func (y *syncer) leave() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.running = false
	y.free.Broadcast()
}

// RecoveryPoint returns the offset below which everything is on disk.
func (l *Log) RecoveryPoint() int64 { return l.sync.done.Load() }

// CheckpointOffset returns what a checkpoint is to name as the recovery point. That is
// what it named before, where a crash made a part of it doubtful: to name less would
// have each further crash begin its scan a segment earlier. See promised.
func (l *Log) CheckpointOffset() int64 { return max(l.sync.done.Load(), l.sync.noted.Load()) }

// LastFlush returns when Sync or Flush last reached the disk, or the log was opened.
func (l *Log) LastFlush() time.Time {
	l.sync.mu.Lock()
	defer l.sync.mu.Unlock()
	return l.sync.last
}

// Sync returns when everything below upTo is on disk. Many callers share one
// fdatasync. An offset behind the end means the end. A failed sync takes the log out
// of service: it must not be tried again, for the kernel may have dropped what it
// could not write.
func (l *Log) Sync(upTo int64) error {
	if upTo = min(upTo, l.EndOffset()); l.RecoveryPoint() >= upTo {
		return nil
	}
	if !l.sync.enter(upTo) {
		return nil
	}
	defer l.sync.leave()
	if err := l.usable(); err != nil {
		return err
	}
	return l.syncNow()
}

// Flush is Sync, and it also writes the indexes and what else waits to be written.
func (l *Log) Flush(upTo int64) error {
	if err := l.writePending(); err != nil {
		return err
	}
	return l.Sync(upTo)
}

func (l *Log) writePending() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.writeDirtyEpochs(); err != nil {
		return err
	}
	if err := l.writeMeta(); err != nil {
		return err
	}
	return l.failWrite("flush", l.active().Save())
}

// syncNow makes durable what there is; the caller has entered the syncer, and no
// lock is needed: what is appended meanwhile is the next one's.
func (l *Log) syncNow() error {
	end := l.EndOffset() // before the segments: they hold at least so much
	list, from := *l.segments.Load(), l.RecoveryPoint()
	for i, s := range list {
		var err error
		switch {
		case i == len(list)-1:
			err = s.SyncData()
		case s.Next() >= from: // where it is equal, the data was synced, but not the rest
			err = errors.Join(s.SyncAll(), l.syncSnapshot(s.Next()))
		}
		if err != nil && !errors.Is(err, segment.ErrRetired) { // retention may take one away
			return l.failOpen("sync", err)
		}
	}
	if err := l.syncNames(); err != nil {
		return l.failOpen("sync", err)
	}
	l.sync.mu.Lock()
	l.sync.last = l.o.Now()
	l.sync.mu.Unlock()
	l.sync.done.Store(max(end, from))
	return nil
}

// syncSnapshot makes the snapshot at an offset durable, if there is one.
func (l *Log) syncSnapshot(offset int64) error {
	f, err := l.fs().OpenFile(l.home.Path(snapshotName(offset)), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncNames makes the names of the files durable, where they changed.
func (l *Log) syncNames() error {
	dir := l.Dir()
	if l.sync.dirty.Swap(false) {
		if err := l.fs().SyncDir(dir); err != nil {
			l.sync.dirty.Store(true)
			return err
		}
	}
	if l.sync.isNew.Swap(false) {
		if err := l.fs().SyncDir(filepath.Dir(dir)); err != nil {
			l.sync.isNew.Store(true)
			return err
		}
	}
	return nil
}
