package isr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/isr"
)

// Registrations are numbered by ZooKeeper: one that was restored, or is another ensemble,
// gives smaller numbers. Who goes on asking under one is alive, and is believed.
func TestRegistrationsAreNumberedFromBelowAgain(t *testing.T) {
	p := lead(1, 2)
	now := time.Unix(1_700_000_000, 0)
	p.Appended(4, true, now)
	fetched := func(offset, epoch int64) bool {
		f := isr.Fetch{Offset: offset, LeaderEnd: 4, Epoch: epoch}
		ok := p.Fetched(2, f, now)
		require.Equal(t, !ok, p.Outlived(2, f))
		return ok
	}
	require.True(t, fetched(0, 60))
	require.False(t, fetched(4, 50))
	now = now.Add(time.Hour)
	require.False(t, fetched(4, 50), "on its way too, while the leader was stopped")
	for range 40 {
		now = now.Add(time.Second)
		require.False(t, fetched(4, 50))
		require.True(t, fetched(1, 60), "it is this one that is alive")
	}
	for range 30 {
		require.False(t, fetched(2, 7))
		now = now.Add(time.Second)
	}
	require.True(t, fetched(2, 7))
	require.Equal(t, []int64{7}, p.Epochs([]int32{2}))
	require.True(t, fetched(3, 8))
	require.False(t, fetched(4, 7))
}
