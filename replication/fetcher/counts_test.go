package fetcher_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/replication/fetcher"
)

// What was copied is told in bytes of the log, and a loop's rate is that of its
// fetches, until a minute after the last.
func TestCopiesAndFetchesAreCounted(t *testing.T) {
	var copied atomic.Int64
	o := fetcher.Options{Copied: func(p checkpoint.Partition, bytes int) {
		if p == p0 {
			copied.Add(int64(bytes))
		}
	}}
	inWorldWith(t, o, func(t *testing.T, w *world) {
		require.Zero(t, w.MinRate())
		for _, id := range []int32{1, 2} {
			p := map[int32]checkpoint.Partition{1: p0, 2: p1}[id]
			w.nodes[id].lead(p, 0)
			w.nodes[id].append(p, "a", "b")
			w.follow(p, id, 0)
		}
		synctest.Wait()
		require.EqualValues(t, w.log(p0).Size(), copied.Load())
		elapse(2 * time.Minute)
		require.InDelta(t, 2, w.MinRate(), 0.1, "a long poll takes half a second")
		w.Unfollow(p1)
		elapse(time.Second)
		require.InDelta(t, 2, w.MinRate(), 0.1, "a loop without partitions does not count")
		w.Unfollow(p0)
		elapse(time.Second)
		require.Zero(t, w.MinRate())
	})
}
