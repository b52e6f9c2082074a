package partition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition"
)

// What a killed broker left in the kernel's memory counts only when it is on disk, where
// the topic or the broker wants that: a producer that repeats it is told that it is safe.
func TestWhatIsLedAgainAfterAKillIsOnDiskFirst(t *testing.T) {
	for name, c := range map[string]struct {
		group    bool
		messages int64
	}{"leat.fsync=group": {true, log.DefaultConfig().FlushMessages}, "flush.messages=1": {false, 1}} {
		t.Run(name, func(t *testing.T) {
			w := startWith(t, partition.Options{GroupCommit: c.group})
			lead := func(epoch int32) *partition.Leader {
				s := state(epoch)
				s.Config.FlushMessages = c.messages
				require.NoError(t, w.Lead(p, s))
				r, err := w.Get(p)
				require.NoError(t, err)
				l, err := r.Leader(epoch)
				require.NoError(t, err)
				return l
			}
			_, err := produce(lead(0), 2) // nobody syncs
			require.NoError(t, err)
			w.disk.Kill()
			w.open()
			l := lead(1)
			require.EqualValues(t, 2, l.HighWatermark())
			require.EqualValues(t, 2, l.Log().RecoveryPoint())
			w.disk.Crash()
			w.open()
			require.EqualValues(t, 2, lead(2).HighWatermark())

			_, err = produce(lead(2), 1)
			require.NoError(t, err)
			w.disk.Kill()
			w.open()
			s := led(3, 7, 2)
			s.Leader, s.Config.FlushMessages = 2, c.messages
			f := w.follow(s)
			require.EqualValues(t, 3, f.EndOffset(), "a follower acknowledges it with its first fetch")
			require.EqualValues(t, 3, f.Replica().Log().RecoveryPoint())
		})
	}
}

// A broker that starts on a full disk serves what it has, and takes records again when
// there is room.
func TestAFullDiskCanBeLed(t *testing.T) {
	w := start(t)
	_, err := produce(w.lead(0), 5)
	require.NoError(t, err)
	w.Close()
	require.NoError(t, w.dirs.Close(t.Context()))
	w.open()
	w.disk.SetCapacity(w.disk.Used())
	l := w.lead(1)
	got, err := l.Read(partition.ReadRequest{Offset: 0, MaxBytes: 1 << 20, LastFetchedEpoch: -1})
	require.NoError(t, err)
	require.Positive(t, got.Slice.Len())
	got.Slice.Release()
	_, err = produce(l, 1)
	require.ErrorIs(t, err, log.ErrNoSpace)
	w.disk.SetCapacity(0)
	_, err = produce(l, 1)
	require.NoError(t, err)
	w.Close()
	require.NoError(t, w.dirs.Close(t.Context()))
	w.open()
	require.EqualValues(t, 1, w.lead(1).Log().LatestEpoch())
	epoch, end := w.lead(1).Log().EndOffsetForEpoch(0)
	require.EqualValues(t, 0, epoch)
	require.EqualValues(t, 5, end)
}
