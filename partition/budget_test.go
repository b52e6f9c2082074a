package partition_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/isr"
)

// onDisk is a leader over files in a temporary directory.
func onDisk(t testing.TB, s partition.State) *partition.Leader {
	dirs, err := dir.Open([]string{t.TempDir()}, dir.Options{Logger: quiet, BrokerID: 1, MinFree: -1})
	require.NoError(t, err)
	set := partition.NewSet(partition.Options{Dirs: dirs, Logger: quiet})
	t.Cleanup(func() {
		set.Close()
		require.NoError(t, dirs.Close(context.Background()))
	})
	require.NoError(t, set.Lead(p, s))
	r, err := set.Get(p)
	require.NoError(t, err)
	l, err := r.Leader(-1)
	require.NoError(t, err)
	return l
}

// once appends the set once more.
func once(t testing.TB, l *partition.Leader, set []byte) {
	record.Batch(set).SetBaseOffset(0)
	if _, err := l.Append(set, partition.AppendOptions{ProduceVersion: 9, Acks: -1, Origin: log.Client}); err != nil {
		t.Fatal(err)
	}
}

// An append allocates nothing of its own, with followers or without, nor does a
// follower's fetch that finds nothing new.
func TestAppendAndFetchAllocateNothing(t *testing.T) {
	if raceEnabled {
		return // pools do not keep what they get
	}
	for name, s := range map[string]partition.State{"alone": state(0), "with followers": led(0, 0, 1, 2)} {
		t.Run(name, func(t *testing.T) {
			l, set := onDisk(t, s), batch(10)
			for range 100 {
				once(t, l, set)
			}
			require.Less(t, testing.AllocsPerRun(500, func() { once(t, l, set) }), 1.0)
			if s.Replicas[len(s.Replicas)-1] == 1 {
				return
			}
			end := l.Log().EndOffset()
			q := partition.FollowerRead{Replica: 2, LeaderEpoch: 0, ReadRequest: partition.ReadRequest{Offset: end, MaxBytes: 1 << 20}}
			require.Zero(t, testing.AllocsPerRun(500, func() {
				got, err := l.ReadFollower(q)
				require.NoError(t, err)
				l.FollowerFetched(2, isr.Fetch{Offset: end, LeaderEnd: got.EndOffset})
			}))
		})
	}
}

// BenchmarkAppend is an append of ten small records by a leader without followers.
func BenchmarkAppend(b *testing.B) {
	l, set := onDisk(b, state(0)), batch(10)
	b.ReportAllocs()
	for b.Loop() {
		once(b, l, set)
	}
}
