package partition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/isr"
)

// A follower that asks again for what it was given, because its leader's epoch has
// changed or a connection was lost, gets it again: that alone is no damage.
func TestAFollowerThatAsksAgainIsAnsweredAgain(t *testing.T) {
	w := startWith(t, partition.Options{Damaged: func(checkpoint.Partition, int32, int64) { t.Error("nothing is damaged") }})
	s := state(0)
	s.Replicas, s.ISR = []int32{1, 2}, []int32{1, 2}
	require.NoError(t, w.Lead(p, s))
	r, err := w.Get(p)
	require.NoError(t, err)
	l, err := r.Leader(0)
	require.NoError(t, err)
	_, err = produce(l, 3)
	require.NoError(t, err)
	for _, most := range []int{1 << 20, 1 << 20, 64, 1 << 20} { // 64 bytes end inside the batch
		got, err := l.ReadFollower(partition.FollowerRead{Replica: 2, LeaderEpoch: 0, ReadRequest: partition.ReadRequest{
			MaxBytes: most, MinOne: most > 64, LastFetchedEpoch: -1,
		}})
		require.NoError(t, err)
		l.FollowerFetched(2, isr.Fetch{Offset: 0, LeaderEnd: got.EndOffset})
		require.Equal(t, most > 64, got.Slice.Len() > 64)
		got.Slice.Release()
	}
}
