package partition_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// spoil changes a byte of the first segment.
func (w *world) spoil(lg *log.Log, at int64) {
	w.t.Helper()
	f, err := w.disk.OpenFile(filepath.Join(lg.Dir(), "00000000000000000000.log"), os.O_RDWR, 0)
	require.NoError(w.t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	require.NoError(w.t, err)
	b[0] ^= 0x55
	_, err = f.WriteAt(b, at)
	require.NoError(w.t, err)
	require.NoError(w.t, f.Close())
}

// told is what a set said about damage.
type told struct {
	p      checkpoint.Partition
	epoch  int32
	offset int64
}

func telling(t *testing.T) (*world, *[]told, *[]partition.Proposal) {
	all, proposed := new([]told), new([]partition.Proposal)
	return startWith(t, partition.Options{
		Damaged: func(p checkpoint.Partition, epoch int32, offset int64) { *all = append(*all, told{p, epoch, offset}) },
		Propose: func(p partition.Proposal) { *proposed = append(*proposed, p) },
	}), all, proposed
}

// three appends three batches of two records, and has the follower copy them.
func three(t *testing.T, l *partition.Leader, f *partition.Follower) (batch int64) {
	for range 3 {
		_, err := produce(l, 2)
		require.NoError(t, err)
	}
	for range 3 {
		replicate(t, l, 2, f)
	}
	require.EqualValues(t, 6, f.HighWatermark())
	return l.Log().Size() / 3
}

func readAt(l *partition.Leader, offset int64) (n int, err error) {
	got, err := l.Read(partition.ReadRequest{Offset: offset, MaxBytes: 1 << 20, LastFetchedEpoch: -1})
	defer got.Slice.Release()
	return got.Slice.Len(), err
}

// A leader's disk has changed records that a follower wants. The follower cannot use
// them, asks again, and the leader finds out why. Another leads; the records come back.
func TestDamagedRecordsAreNotServedAndFetchedAgain(t *testing.T) {
	w1, damaged, _ := telling(t)
	w2, _, proposed := telling(t)
	w3 := start(t)
	l, f2, f3 := w1.leadAs(led(1, 0, 1, 2)), w2.follow(led(1, 0, 1, 2)), w3.follow(led(1, 0, 1, 2))
	size := three(t, l, f2)
	w1.spoil(l.Log(), size+70)
	fetch := func(offset int64) error {
		got, err := l.ReadFollower(partition.FollowerRead{Replica: 3, LeaderEpoch: 1, ReadRequest: partition.ReadRequest{
			Offset: offset, MaxBytes: int(size), LastFetchedEpoch: -1,
		}})
		got.Slice.Release()
		return err
	}
	got := ask(t, l, 3, f3)
	got.Slice.Cut(int(size))
	set, err := got.Slice.Bytes(nil)
	got.Slice.Release()
	require.NoError(t, err)
	_, err = f3.Copy(0, set)
	require.NoError(t, err)
	got = ask(t, l, 3, f3)
	set, err = got.Slice.Bytes(nil)
	got.Slice.Release()
	require.NoError(t, err)
	_, err = f3.Copy(2, set)
	require.ErrorIs(t, err, record.ErrCorrupt)
	require.ErrorIs(t, fetch(2), record.ErrCorrupt)
	require.ErrorIs(t, fetch(2), record.ErrCorrupt)
	require.Equal(t, []told{{p, 1, 2}}, *damaged)
	n, err := readAt(l, 0)
	require.NoError(t, err)
	require.EqualValues(t, size, n, "up to the damage")
	_, err = readAt(l, 3)
	require.ErrorIs(t, err, record.ErrCorrupt)
	n, err = readAt(l, 4)
	require.NoError(t, err)
	require.EqualValues(t, size, n, "what lies behind it")

	next := led(2, 1, 1, 2)
	next.Leader = 2
	l2, f1 := w2.leadAs(next), w1.follow(next)
	require.EqualValues(t, 2, f1.EndOffset())
	require.EqualValues(t, 2, f1.HighWatermark())
	require.EqualValues(t, 6, l2.HighWatermark())
	replicate(t, l2, 1, f1)
	require.Equal(t, []int32{2}, (*proposed)[0].ISR, "it has lost what was committed, and must not be elected")
	replicate(t, l2, 1, f1)
	require.EqualValues(t, 6, f1.EndOffset())
	require.EqualValues(t, 6, f1.HighWatermark())
	require.NoError(t, f1.Alive())
}

// A follower on which consumers come upon damage drops it with the next fetch.
func TestAFollowerMendsItself(t *testing.T) {
	w1, w2 := start(t), start(t)
	l, f := w1.leadAs(led(1, 0, 1, 2)), w2.follow(led(1, 0, 1, 2))
	size := three(t, l, f)
	w2.spoil(f.Replica().Log(), size+16) // the magic of the second batch
	_, err := f.Replica().Read(-1, partition.ReadRequest{Offset: 2, MaxBytes: 1 << 20, LastFetchedEpoch: -1})
	require.ErrorIs(t, err, record.ErrCorrupt)
	require.NoError(t, f.Advance(6, 0))
	require.EqualValues(t, 2, f.EndOffset())
	replicate(t, l, 2, f)
	require.EqualValues(t, 6, f.EndOffset())
	got, err := f.Replica().Read(-1, partition.ReadRequest{Offset: 2, MaxBytes: 1 << 20, LastFetchedEpoch: -1})
	require.NoError(t, err)
	require.EqualValues(t, 2*size, got.Slice.Len())
	got.Slice.Release()
}

// A broker whose disk has lost committed records over a restart says so when it leads.
func TestALeaderWithLessThanItHadSaysSo(t *testing.T) {
	w, damaged, _ := telling(t)
	l := w.leadAs(led(1, 0, 1))
	for range 3 {
		_, err := produce(l, 2)
		require.NoError(t, err)
	}
	require.EqualValues(t, 6, l.HighWatermark())
	w.Close()
	require.NoError(t, w.dirs.Close(t.Context()))
	require.NoError(t, w.disk.Remove("/data/"+checkpoint.CleanShutdownFile))
	require.NoError(t, w.disk.Remove("/data/"+checkpoint.RecoveryPointFile))
	w.spoil(l.Log(), l.Log().Size()-1)
	w.open()
	l = w.leadAs(led(2, 1, 1, 2))
	require.EqualValues(t, 4, l.Begin())
	require.EqualValues(t, 4, l.HighWatermark())
	require.Equal(t, []told{{p, 2, 4}}, *damaged)
}
