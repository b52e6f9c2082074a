package partition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/isr"
	"github.com/leatmq/leat/partition/wait"
)

// led is the state of a partition that broker 1 leads, of the replicas 1, 2 and 3.
func led(epoch, partitionEpoch int32, inSync ...int32) partition.State {
	s := state(epoch)
	s.Replicas, s.ISR, s.PartitionEpoch = []int32{1, 2, 3}, inSync, partitionEpoch
	return s
}

func (w *world) leadAs(s partition.State) *partition.Leader {
	w.t.Helper()
	require.NoError(w.t, w.Lead(p, s))
	r, err := w.Get(p)
	require.NoError(w.t, err)
	l, err := r.Leader(s.LeaderEpoch)
	require.NoError(w.t, err)
	return l
}

func (w *world) follow(s partition.State) *partition.Follower {
	w.t.Helper()
	require.NoError(w.t, w.Follow(p, s))
	r, err := w.Get(p)
	require.NoError(w.t, err)
	f, err := r.Follower(s.LeaderEpoch)
	require.NoError(w.t, err)
	return f
}

// ask is a follower's fetch from its end: what the leader has, and what it makes of it.
func ask(t *testing.T, l *partition.Leader, id int32, f *partition.Follower) partition.Reading {
	t.Helper()
	got, err := l.ReadFollower(partition.FollowerRead{Replica: id, LeaderEpoch: l.Epoch(), ReadRequest: partition.ReadRequest{
		Offset: f.EndOffset(), MaxBytes: 1 << 20, LastFetchedEpoch: f.LatestEpoch(),
	}})
	require.NoError(t, err)
	require.Nil(t, got.Diverging)
	l.FollowerFetched(id, isr.Fetch{Offset: f.EndOffset(), Start: f.StartOffset(), LeaderEnd: got.EndOffset})
	return got
}

// replicate has a follower fetch once and take over what it got.
func replicate(t *testing.T, l *partition.Leader, id int32, f *partition.Follower) {
	t.Helper()
	got := ask(t, l, id, f)
	set, err := got.Slice.Bytes(nil)
	got.Slice.Release()
	require.NoError(t, err)
	_, err = f.Copy(f.EndOffset(), set)
	require.NoError(t, err)
	require.NoError(t, f.Advance(got.HighWatermark, got.StartOffset))
}

func TestFollowerCopiesAndLearnsWhatIsCommitted(t *testing.T) {
	w1, w2 := start(t), start(t)
	l, f := w1.leadAs(led(0, 0, 1, 2)), w2.follow(led(0, 0, 1, 2))
	done, err := produce(l, 3)
	require.NoError(t, err)
	require.Zero(t, l.HighWatermark())
	settled, err := l.Settled(-1, done.Committed)
	require.NoError(t, err)
	require.False(t, settled)
	settled, err = l.Settled(1, done.Committed)
	require.NoError(t, err)
	require.True(t, settled, "acks=1 asks for the leader alone")

	replicate(t, l, 2, f)
	require.EqualValues(t, 3, f.EndOffset())
	require.Zero(t, l.HighWatermark(), "that it was sent is not that it was written")
	replicate(t, l, 2, f)
	require.EqualValues(t, 3, l.HighWatermark())
	settled, err = l.Settled(-1, done.Committed)
	require.NoError(t, err)
	require.True(t, settled)
	require.Zero(t, f.HighWatermark(), "the leader did not know when it answered")
	replicate(t, l, 2, f)
	require.EqualValues(t, 3, f.HighWatermark())
	require.EqualValues(t, 3, w2.HighWatermark(p), "for the checkpoint")
	require.EqualValues(t, 0, f.LatestEpoch())
}

func TestConsumersReadFromFollowers(t *testing.T) {
	w1, w2 := start(t), start(t)
	l, f := w1.leadAs(led(4, 0, 1, 2)), w2.follow(led(4, 0, 1, 2))
	_, err := produce(l, 3)
	require.NoError(t, err)
	replicate(t, l, 2, f)
	read := func(epoch int32) (partition.Reading, error) {
		return f.Replica().Read(epoch, partition.ReadRequest{Offset: 0, MaxBytes: 1 << 20, LastFetchedEpoch: -1})
	}
	got, err := read(4)
	require.NoError(t, err)
	require.Zero(t, got.Slice.Len(), "not known to be committed")
	replicate(t, l, 2, f)
	replicate(t, l, 2, f)
	got, err = read(-1)
	require.NoError(t, err)
	require.Positive(t, got.Slice.Len())
	got.Slice.Release()
	_, err = read(3)
	require.ErrorIs(t, err, partition.ErrFencedEpoch)
	_, err = read(5)
	require.ErrorIs(t, err, partition.ErrUnknownEpoch)
	_, err = f.Replica().Leader(-1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
	_, err = f.Replica().Leader(5)
	require.ErrorIs(t, err, partition.ErrUnknownEpoch, "the epoch is looked at first")
	w2.Stop(p)
	_, err = read(-1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
}

// What an old fetch brings is refused, whatever the replica has become.
func TestALateCopyIsRefused(t *testing.T) {
	for name, become := range map[string]func(*world){
		"leader":                    func(w *world) { w.leadAs(led(2, 1, 1, 2)) },
		"follower at another epoch": func(w *world) { w.follow(led(2, 1, 1, 2)) },
		"nothing":                   func(w *world) { w.Stop(p) },
		"deleted":                   func(w *world) { require.NoError(w.t, w.Delete(p)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			f := w.follow(led(1, 0, 1, 2))
			require.NoError(t, f.Alive())
			become(w)
			_, err := f.Copy(0, batch(1))
			require.ErrorIs(t, err, partition.ErrNotFollower)
			require.ErrorIs(t, f.Truncate(0), partition.ErrNotFollower)
			require.ErrorIs(t, f.RestartAt(7), partition.ErrNotFollower)
			require.ErrorIs(t, f.Advance(1, 1), partition.ErrNotFollower)
			require.Error(t, f.Alive())
		})
	}
}

func TestCopyTakesOnlyWhatFollows(t *testing.T) {
	w := start(t)
	f := w.follow(led(1, 0, 1, 2))
	end, err := f.Copy(0, batch(4))
	require.NoError(t, err)
	require.EqualValues(t, 4, end)
	_, err = f.Copy(3, batch(4))
	require.ErrorIs(t, err, partition.ErrNotAtEnd)
	_, err = f.Copy(4, batch(8))
	require.ErrorIs(t, err, partition.ErrNotAtEnd, "the batch begins at 0, within the log")
	end, err = f.Copy(4, nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, end)
}

// A log that begins in the middle of a batch, where records were deleted.
func TestAnEmptyLogBeginsWhereTheBatchDoes(t *testing.T) {
	w := start(t)
	f := w.follow(led(1, 0, 1, 2))
	require.NoError(t, f.RestartAt(2))
	end, err := f.Copy(2, batch(5))
	require.NoError(t, err)
	require.EqualValues(t, 5, end)
	require.Zero(t, f.StartOffset())
	require.NoError(t, f.Advance(5, 2))
	require.EqualValues(t, 2, f.StartOffset())
	require.EqualValues(t, 5, f.HighWatermark())
}

func TestHighWatermarkOfAFollowerStaysInItsLog(t *testing.T) {
	w := start(t)
	f := w.follow(led(1, 0, 1, 2))
	for range 3 {
		_, err := f.Copy(f.EndOffset(), batchAt(f.EndOffset(), 2))
		require.NoError(t, err)
	}
	require.NoError(t, f.Advance(100, 0))
	require.EqualValues(t, 6, f.HighWatermark())
	require.NoError(t, f.Advance(5, 0))
	require.EqualValues(t, 5, f.HighWatermark(), "a new leader may know less")
	require.ErrorIs(t, f.Advance(5, 6), log.ErrOffsetOutOfRange)
	require.NoError(t, f.Advance(5, 3))
	require.NoError(t, f.Truncate(4))
	require.EqualValues(t, 4, f.EndOffset())
	require.EqualValues(t, 4, f.HighWatermark())
	require.NoError(t, f.RestartAt(20))
	require.EqualValues(t, 20, f.HighWatermark())
}

// A new leader begins with the high watermark it knew, also over a restart.
func TestHighWatermarkOutlivesRoles(t *testing.T) {
	w := start(t)
	f := w.follow(led(1, 0, 1, 2))
	_, err := f.Copy(0, batch(6))
	require.NoError(t, err)
	require.NoError(t, f.Advance(2, 0))
	l := w.leadAs(led(2, 1, 1, 2))
	require.EqualValues(t, 2, l.HighWatermark())
	require.True(t, l.Fresh())
	w.Close()
	require.NoError(t, w.dirs.Close(t.Context()))
	w.open()
	f = w.follow(led(3, 2, 1, 2))
	require.EqualValues(t, 2, f.HighWatermark())
	l = w.leadAs(led(4, 3, 1, 2))
	require.EqualValues(t, 2, l.HighWatermark())
	l.FollowerFetched(2, isr.Fetch{Offset: 6, LeaderEnd: 6})
	require.EqualValues(t, 6, l.HighWatermark())
	require.False(t, l.Fresh())
	alone := state(5)
	alone.PartitionEpoch = 4
	_, err = l.Append(batch(1), partition.AppendOptions{ProduceVersion: 9, Acks: 1})
	require.NoError(t, err)
	require.EqualValues(t, 6, l.HighWatermark())
	require.EqualValues(t, 7, w.leadAs(alone).HighWatermark(), "a single replica has nobody to wait for")
}

func TestOnlyReplicasAreFollowers(t *testing.T) {
	l := start(t).leadAs(led(1, 0, 1, 2))
	_, err := l.ReadFollower(partition.FollowerRead{Replica: 9, LeaderEpoch: 1})
	require.ErrorIs(t, err, partition.ErrUnknownEpoch)
	_, err = l.ReadFollower(partition.FollowerRead{Replica: 9, LeaderEpoch: -1})
	require.ErrorIs(t, err, partition.ErrNotLeader)
	l.FollowerFetched(9, isr.Fetch{})
	require.Len(t, l.Replicas(), 3)
}

// watcher is woken as it asks to be.
type watcher struct {
	wait.Watcher
	link  wait.Link
	woken int
}

func watch(r *partition.Replica, want wait.Want, from int64) *watcher {
	w := &watcher{link: wait.Link{Want: want, From: from}}
	w.Watch(r.Watchers(), &w.link)
	w.arm()
	return w
}

func (w *watcher) arm() {
	for k := w.Changed(); k != nil; {
		k = w.Seen(k)
	}
	w.Arm(1, func() { w.woken++ })
}

func TestEachWaiterIsWokenByWhatItWaitsFor(t *testing.T) {
	w1, w2 := start(t), start(t)
	l, f := w1.leadAs(led(0, 0, 1, 2)), w2.follow(led(0, 0, 1, 2))
	consumer, producer := watch(l.Replica(), wait.Committed, 0), watch(l.Replica(), wait.Committed, 3)
	copies, both := watch(l.Replica(), wait.Written, 0), watch(l.Replica(), wait.WrittenOrCommitted, 0)
	local := watch(f.Replica(), wait.Committed, 0)
	_, err := produce(l, 2)
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 1, 1}, []int{consumer.woken, producer.woken, copies.woken, both.woken})
	copies.arm()
	both.arm()
	replicate(t, l, 2, f)
	replicate(t, l, 2, f)
	require.Equal(t, []int{1, 0, 1, 2}, []int{consumer.woken, producer.woken, copies.woken, both.woken})
	require.Zero(t, local.woken)
	replicate(t, l, 2, f)
	require.Equal(t, 1, local.woken, "consumers of a follower")
	w1.follow(led(1, 1, 1, 2))
	require.Equal(t, []int{1, 2}, []int{producer.woken, copies.woken}, "another role wakes everybody")
	local.arm()
	require.NoError(t, f.Truncate(0))
	require.Equal(t, 2, local.woken)
}

func TestDeletedRecordsGoEverywhere(t *testing.T) {
	alive := map[int32]bool{1: true, 2: true}
	w1, w2 := startWith(t, partition.Options{Alive: func(id int32) bool { return alive[id] }}), start(t)
	l, f := w1.leadAs(led(0, 0, 1, 2)), w2.follow(led(0, 0, 1, 2))
	_, err := produce(l, 4)
	require.NoError(t, err)
	require.EqualValues(t, -1, l.LowWatermark())
	replicate(t, l, 2, f)
	replicate(t, l, 2, f)
	require.EqualValues(t, 0, l.LowWatermark())
	_, err = l.DeleteRecords(3)
	require.NoError(t, err)
	waiting := watch(l.Replica(), wait.Low, 3)
	replicate(t, l, 2, f)
	require.EqualValues(t, 3, f.StartOffset())
	require.Zero(t, waiting.woken)
	replicate(t, l, 2, f)
	require.EqualValues(t, 3, l.LowWatermark())
	require.Equal(t, 1, waiting.woken)
	standing := l.Replicas()
	require.Equal(t, []int64{4, 4, -1}, []int64{standing[0].End, standing[1].End, standing[2].End})
	require.Equal(t, []bool{true, true, false}, []bool{standing[0].InSync, standing[1].InSync, standing[2].InSync})
	alive[2] = false
	require.EqualValues(t, 3, l.LowWatermark())
}

// A file that is sent may be cut and written anew meanwhile, by a leader that
// follows another by now. What it has of a later epoch does not follow on what the
// follower has, though the offsets do.
func TestFollowerRefusesRecordsOfALaterEpoch(t *testing.T) {
	w1, w2 := start(t), start(t)
	l, f := w1.leadAs(led(6, 0, 1, 2)), w2.follow(led(5, 0, 1, 2))
	_, err := produce(l, 3)
	require.NoError(t, err)
	got := ask(t, l, 2, f)
	set, err := got.Slice.Bytes(nil)
	got.Slice.Release()
	require.NoError(t, err)
	_, err = f.Copy(0, set)
	require.ErrorIs(t, err, record.ErrCorrupt)
	require.Zero(t, f.EndOffset())
	require.EqualValues(t, -1, f.LatestEpoch())
	f = w2.follow(led(6, 1, 1, 2))
	_, err = f.Copy(0, set)
	require.NoError(t, err)
	require.EqualValues(t, 3, f.EndOffset())
}

// What a follower acknowledges by fetching on is to be on its disk, where the topic or
// the broker wants that.
func TestAFollowerSyncsBeforeItAcknowledges(t *testing.T) {
	for name, c := range map[string]struct {
		group    bool
		messages int64
		due      []bool // after each of four records
	}{
		"nobody asks":      {false, log.DefaultConfig().FlushMessages, []bool{false, false, false, false}},
		"leat.fsync=group": {true, log.DefaultConfig().FlushMessages, []bool{true, true, true, true}},
		"flush.messages=2": {false, 2, []bool{false, true, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWith(t, partition.Options{GroupCommit: c.group})
			s := led(3, 7, 2)
			s.Leader, s.Config.FlushMessages = 2, c.messages
			f := w.follow(s)
			lg := f.Replica().Log()
			for i, due := range c.due {
				_, err := f.Copy(int64(i), batchAt(int64(i), 1))
				require.NoError(t, err)
				require.Equal(t, due, f.SyncDue())
				if due {
					require.NoError(t, f.Sync())
					require.Equal(t, lg.EndOffset(), lg.RecoveryPoint())
					require.False(t, f.SyncDue())
				}
			}
		})
	}
}
