package log_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
)

// makeLogs makes the directories of n logs, the i-th with i%4 records, without making
// them wait for the disk.
func makeLogs(t testing.TB, root string, n int) {
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("t-%d", i))
		if i >= 4 {
			require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, fmt.Sprintf("t-%d", i%4)))))
			continue
		}
		l := openLog(t, dir, fresh(testConfig()))
		require.NoError(t, l.AssignEpoch(3))
		appendN(t, l, i)
		require.NoError(t, l.Close())
	}
}

// idleLogs opens n logs of a few records in one directory.
func idleLogs(t testing.TB, root string, n int, files *log.FileCache) []*log.Log {
	logs := make([]*log.Log, n)
	o := fresh(testConfig())
	o.Files = files
	for i := range logs {
		var err error
		logs[i], err = open(filepath.Join(root, fmt.Sprintf("t-%d", i)), o)
		require.NoError(t, err)
	}
	return logs
}

func closeAll(t testing.TB, logs []*log.Log) {
	for _, l := range logs {
		require.NoError(t, l.Close())
	}
}

// An idle log costs less than 4 KiB and no file, and opening it next to nothing.
func TestIdleLogsCostLittle(t *testing.T) {
	const n = 1000
	root := t.TempDir()
	files := log.NewFileCache(100)
	makeLogs(t, root, n)
	before := heap()
	began := time.Now()
	logs := idleLogs(t, root, n, files)
	took := time.Since(began)
	each := int64(heap()-before) / n
	t.Logf("%d bytes each, opened in %v each", each, took/n)
	require.Less(t, each, int64(4096))
	require.Zero(t, files.Len())
	require.Zero(t, files.IndexBytes())
	require.Less(t, openFiles(t), 50)
	for i, l := range logs {
		require.Equal(t, int64(i%4), l.EndOffset())
	}
	closeAll(t, logs)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func openFiles(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // only Linux tells
	}
	return len(list)
}

func BenchmarkOpenIdle(b *testing.B) {
	root := b.TempDir()
	files := log.NewFileCache(100)
	makeLogs(b, root, 1000)
	b.ResetTimer()
	for range b.N {
		logs := idleLogs(b, root, 1000, files)
		b.StopTimer()
		closeAll(b, logs)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/log")
}
