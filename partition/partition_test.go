package partition_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// world is a set over directories on a disk in memory.
type world struct {
	*partition.Set
	t    *testing.T
	disk *crashfs.FS
	dirs *dir.Set
	o    partition.Options
}

func start(t *testing.T) *world { return startWith(t, partition.Options{}) }

func startWith(t *testing.T, o partition.Options) *world {
	w := &world{t: t, disk: crashfs.New(crashfs.Options{}), o: o}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.dirs, err = dir.Open([]string{"/data", "/other"}, dir.Options{
		FS: w.disk, Logger: quiet, BrokerID: 1, MinFree: -1,
		HighWatermark: func(p checkpoint.Partition) int64 { return w.HighWatermark(p) },
		Swap:          func(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error { return w.Swap(p, swap) },
	})
	require.NoError(w.t, err)
	w.o.Dirs, w.o.Logger = w.dirs, quiet
	w.Set = partition.NewSet(w.o)
}

// run does the set's background work until the returned function is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := w.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	return func() { cancel(); all.Wait() }
}

var p = checkpoint.Partition{Topic: "orders", Index: 3}

func state(epoch int32) partition.State {
	return partition.State{
		TopicID: [16]byte{1}, Leader: 1, LeaderEpoch: epoch, ISR: []int32{1}, Replicas: []int32{1},
		Config: log.DefaultConfig(), New: epoch == 0,
	}
}

func (w *world) lead(epoch int32) *partition.Leader {
	w.t.Helper()
	require.NoError(w.t, w.Lead(p, state(epoch)))
	r, err := w.Get(p)
	require.NoError(w.t, err)
	l, err := r.Leader(epoch)
	require.NoError(w.t, err)
	return l
}

// batch is a record batch of n records.
func batch(n int) []byte {
	var b record.Builder
	b.Reset(record.Spec{LeaderEpoch: -1})
	for range n {
		b.Append(&record.Record{Timestamp: 1, Value: []byte("v")})
	}
	set, err := b.Finish(nil)
	if err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint32(set[17:], crc32.Checksum(set[21:], crc32.MakeTable(crc32.Castagnoli)))
	return set
}

func produce(l *partition.Leader, n int) (partition.Appended, error) {
	return l.Append(batch(n), partition.AppendOptions{ProduceVersion: 9, Acks: -1, Origin: log.Client})
}

func TestLeaderAppendsAndShows(t *testing.T) {
	w := start(t)
	l := w.lead(0)
	done, err := produce(l, 3)
	require.NoError(t, err)
	require.EqualValues(t, 0, done.BaseOffset)
	require.EqualValues(t, 3, done.Committed)
	require.EqualValues(t, 3, l.HighWatermark())
	require.EqualValues(t, 3, l.LastStable())
	require.EqualValues(t, 3, w.HighWatermark(p))
	got, err := l.Read(partition.ReadRequest{Offset: 1, MaxBytes: 1 << 20, LastFetchedEpoch: -1})
	require.NoError(t, err)
	first, err := got.Slice.FirstBatch()
	require.NoError(t, err)
	require.EqualValues(t, 0, first.BaseOffset())
	got.Slice.Release()
	for _, offset := range []int64{-1, 4} {
		_, err = l.Read(partition.ReadRequest{Offset: offset, MaxBytes: 1, LastFetchedEpoch: -1})
		require.ErrorIs(t, err, log.ErrOffsetOutOfRange)
	}
}

func TestNobodyHasWhatIsNotThere(t *testing.T) {
	w := start(t)
	_, err := w.Get(p)
	require.ErrorIs(t, err, partition.ErrUnknown)
	_, err = w.Find([]byte("orders"), 3)
	require.ErrorIs(t, err, partition.ErrUnknown)
	require.EqualValues(t, -1, w.HighWatermark(p))
	require.NoError(t, w.Delete(p), "deleting what is not there succeeds")
}

func TestEpochsAreFenced(t *testing.T) {
	w := start(t)
	l := w.lead(4)
	for epoch, want := range map[int32]error{-1: nil, 4: nil, 3: partition.ErrFencedEpoch, 5: partition.ErrUnknownEpoch} {
		got, err := l.Replica().Leader(epoch)
		require.ErrorIs(t, err, want)
		require.Equal(t, want == nil, got == l)
	}
	require.ErrorIs(t, w.Lead(p, state(3)), partition.ErrStaleEpoch)
	require.NoError(t, w.Lead(p, state(4)), "the same again")
	require.NoError(t, l.Alive())
	require.EqualValues(t, 4, l.Log().LatestEpoch())
}

// A leader that was replaced refuses, whoever still holds it.
func TestRetiredLeaderRefuses(t *testing.T) {
	w := start(t)
	old := w.lead(0)
	_, err := produce(old, 1)
	require.NoError(t, err)
	fresh := w.lead(1)
	_, err = produce(old, 1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
	_, err = old.DeleteRecords(-1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
	require.ErrorIs(t, old.Alive(), partition.ErrNotLeader)
	require.NoError(t, old.Wait(t.Context(), 1), "the same leader has what it had")
	require.EqualValues(t, 1, fresh.Begin())
	_, err = produce(fresh, 1)
	require.NoError(t, err)
	epoch, end := fresh.Log().EndOffsetForEpoch(0)
	require.EqualValues(t, 0, epoch)
	require.EqualValues(t, 1, end)
}

func TestDeletedReplicaIsUnknown(t *testing.T) {
	w := start(t)
	l := w.lead(0)
	require.NoError(t, w.Delete(p))
	_, err := l.Replica().Leader(-1)
	require.ErrorIs(t, err, partition.ErrUnknown)
	_, err = w.Get(p)
	require.ErrorIs(t, err, partition.ErrUnknown)
	fresh := w.lead(0)
	require.EqualValues(t, 0, fresh.Log().EndOffset())
}

// Another topic of the same name is not served from the old one's log.
func TestLogOfAnotherTopicIsRefused(t *testing.T) {
	w := start(t)
	w.lead(0)
	other := state(1)
	other.TopicID = [16]byte{2}
	require.ErrorIs(t, w.Lead(p, other), partition.ErrInconsistentID)
}

func TestClosedSetRefuses(t *testing.T) {
	w := start(t)
	l := w.lead(0)
	w.Close()
	_, err := produce(l, 1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
	_, err = l.Replica().Leader(-1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
}

// Where records must be on disk first, they are shown when they are.
func TestGroupCommitShowsWhatIsOnDisk(t *testing.T) {
	w := startWith(t, partition.Options{GroupCommit: true})
	l := w.lead(0)
	done, err := produce(l, 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, done.Committed)
	require.EqualValues(t, 0, l.HighWatermark())
	got, err := l.Read(partition.ReadRequest{Offset: 0, MaxBytes: 1 << 20, MinOne: true, LastFetchedEpoch: -1})
	require.NoError(t, err)
	require.Zero(t, got.Slice.Len())
	stop := w.run()
	defer stop()
	require.NoError(t, l.Wait(t.Context(), 2))
	require.EqualValues(t, 2, l.Log().RecoveryPoint())
}

// Appends from everywhere share syncs, and each is committed.
func TestGroupCommitOfMany(t *testing.T) {
	w := startWith(t, partition.Options{GroupCommit: true})
	stop := w.run()
	defer stop()
	l := w.lead(0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				done, err := produce(l, 1)
				if err == nil {
					err = l.Wait(context.Background(), done.Committed)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 800, l.HighWatermark())
}

// A disk that fails while it should make records durable takes its directory
// offline, and whoever waits is told.
func TestFailingSyncTakesTheDirectoryOffline(t *testing.T) {
	w := startWith(t, partition.Options{GroupCommit: true})
	l := w.lead(0)
	done, err := produce(l, 1)
	require.NoError(t, err)
	w.disk.Fail(crashfs.Sync, errors.New("the disk is gone"))
	stop := w.run()
	defer stop()
	require.ErrorIs(t, l.Wait(t.Context(), done.Committed), partition.ErrOffline)
	_, err = l.Replica().Leader(-1)
	require.ErrorIs(t, err, partition.ErrOffline)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	w := start(t)
	l := w.lead(0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Wait(ctx, 5), context.DeadlineExceeded)
	require.False(t, l.Replica().Watchers().Watched())
}

// Everything that was there before a clean stop is there after it.
func TestLedAgainAfterARestart(t *testing.T) {
	w := start(t)
	_, err := produce(w.lead(0), 5)
	require.NoError(t, err)
	w.Close()
	require.NoError(t, w.dirs.Close(t.Context()))
	w.open()
	l := w.lead(1)
	require.EqualValues(t, 5, l.HighWatermark())
	require.EqualValues(t, 5, l.Begin())
}

func TestConfigureReachesEveryPartition(t *testing.T) {
	w := start(t)
	for i := range int32(5) {
		require.NoError(t, w.Lead(checkpoint.Partition{Topic: "orders", Index: i}, state(0)))
	}
	require.NoError(t, w.Lead(checkpoint.Partition{Topic: "other"}, state(0)))
	c := log.DefaultConfig()
	c.MaxMessageBytes = 77
	w.Configure("orders", c)
	n := 0
	for _, r := range w.All() {
		if r.Log().Config().MaxMessageBytes == 77 {
			n++
		}
	}
	require.Equal(t, 5, n)
	require.Len(t, w.All(), 6)
}

// Appends of one epoch and the change to the next do not overlap: what the old
// leader acknowledged lies before the new one's beginning.
func TestRetirementWaitsForAppends(t *testing.T) {
	w := start(t)
	w.lead(0)
	r, err := w.Get(p)
	require.NoError(t, err)
	for epoch := int32(1); epoch < 20; epoch++ {
		old, err := r.Leader(-1)
		require.NoError(t, err)
		var all sync.WaitGroup
		last := make([]int64, 4)
		for i := range last {
			all.Go(func() {
				for range 20 {
					done, err := produce(old, 1)
					if err != nil {
						return
					}
					last[i] = done.LastOffset
				}
			})
		}
		fresh := w.lead(epoch)
		all.Wait()
		for _, offset := range last {
			require.True(t, offset == 0 || offset < fresh.Begin(), "offset %d of epoch %d, which ended at %d", offset, epoch-1, fresh.Begin())
		}
	}
}

// A log that moves to another directory goes on as if nothing had happened.
func TestMovedLogGoesOn(t *testing.T) {
	w := start(t)
	stop := w.run()
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := w.dirs.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	l := w.lead(0)
	from := l.Replica().Dir().Path()
	to := map[string]string{"/data": "/other", "/other": "/data"}[from]
	next := int64(0)
	appendMore := func() {
		done, err := produce(l, 1)
		require.NoError(t, err)
		require.Equal(t, next, done.BaseOffset)
		next++
		got, err := l.Read(partition.ReadRequest{Offset: 0, MaxBytes: 1, MinOne: true, LastFetchedEpoch: -1})
		require.NoError(t, err)
		got.Slice.Release()
	}
	appendMore()
	require.NoError(t, w.dirs.Move(p, to))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); l.Replica().Dir().Path() != to; appendMore() {
		select {
		case <-tick.C:
		case <-late:
			require.FailNow(t, "the log does not move")
		}
	}
	appendMore()
	require.Equal(t, next, l.HighWatermark())
	require.NoError(t, l.Alive())
	cancel()
	all.Wait()
}

// An idle partition costs less than 4 KiB, its log included.
func TestIdlePartitionIsSmall(t *testing.T) {
	const partitions = 1000
	w := start(t)
	for i := range int32(partitions) {
		require.NoError(t, w.Lead(checkpoint.Partition{Topic: "idle", Index: i}, state(0)))
	}
	w.Close()
	require.NoError(t, w.dirs.Close(t.Context()))
	w.Set, w.dirs, w.o = nil, nil, partition.Options{}
	before := heap()
	w.open()
	for i := range int32(partitions) {
		require.NoError(t, w.Lead(checkpoint.Partition{Topic: "idle", Index: i}, state(1)))
	}
	each := (heap() - before) / partitions
	t.Logf("%d bytes each", each)
	require.Less(t, each, int64(4096))
	runtime.KeepAlive(w)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// batchAt is a record batch of n records as a leader has written it.
func batchAt(offset int64, n int) []byte {
	set := batch(n)
	record.Batch(set).SetBaseOffset(offset)
	return set
}
