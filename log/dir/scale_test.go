package dir_test

import (
	"context"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs"
)

// manyLogs makes a directory with n partitions of one record each, shut down
// cleanly, as fast as a disk takes it.
func manyLogs(tb testing.TB, path string, n int) {
	tb.Helper()
	s, err := dir.Open([]string{path}, quiet())
	require.NoError(tb, err)
	one := create(tb, s, part("seed", 0))
	_, err = write(one, "v")
	require.NoError(tb, err)
	require.NoError(tb, s.Close(context.Background()))
	seed := filepath.Join(path, "seed-0")
	points := map[checkpoint.Partition]int64{part("seed", 0): 1}
	for i := range n - 1 {
		linkDir(tb, seed, filepath.Join(path, "t-"+strconv.Itoa(i)))
		points[part("t", int32(i))] = 1
	}
	require.NoError(tb, checkpoint.WriteOffsets(vfs.OS, filepath.Join(path, checkpoint.RecoveryPointFile), points))
}

func quiet() dir.Options {
	return dir.Options{BrokerID: -1, Logger: (&messages{}).logger(), Threads: 2}
}

// TestManyPartitions: a clean start opens no data file, and keeps little.
func TestManyPartitions(t *testing.T) {
	const n = 2000
	path := t.TempDir()
	manyLogs(t, path, n)
	o := quiet()
	o.Files = log.NewFileCache(100)
	before, began := heap(), time.Now()
	s, err := dir.Open([]string{path}, o)
	require.NoError(t, err)
	took, perLog := time.Since(began), (heap()-before)/n
	t.Logf("%v, %d bytes of heap per log", took, perLog)
	require.Less(t, perLog, int64(4096))
	require.Equal(t, n, logs(s))
	require.Zero(t, o.Files.Len(), "no file stays open")
	l, ok := s.Get(part("t", n-2))
	require.True(t, ok)
	require.Equal(t, []string{"v"}, values(t, l))
	require.NoError(t, s.Close(context.Background()))
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkStart opens and closes 10,000 partitions after a clean stop.
func BenchmarkStart(b *testing.B) {
	const n = 10_000
	path := b.TempDir()
	manyLogs(b, path, n)
	for b.Loop() {
		s, err := dir.Open([]string{path}, quiet())
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, s.Close(context.Background()))
		b.StartTimer()
	}
}

// BenchmarkClose closes 10,000 partitions to which nothing was written.
func BenchmarkClose(b *testing.B) {
	const n = 10_000
	path := b.TempDir()
	manyLogs(b, path, n)
	for b.Loop() {
		b.StopTimer()
		s, err := dir.Open([]string{path}, quiet())
		require.NoError(b, err)
		b.StartTimer()
		require.NoError(b, s.Close(context.Background()))
	}
}

// BenchmarkIdleSecond is what 10,000 idle partitions cost each second.
func BenchmarkIdleSecond(b *testing.B) {
	path := b.TempDir()
	manyLogs(b, path, 10_000)
	s, err := dir.Open([]string{path}, quiet())
	require.NoError(b, err)
	for b.Loop() {
		for _, d := range s.Dirs() {
			dir.IdleSecond(d)
		}
	}
	require.NoError(b, s.Close(context.Background()))
}
