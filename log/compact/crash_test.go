package compact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// lived is a log with some history over several segments, all of it on disk.
func lived(t *testing.T, seed uint64) (*world, *model) {
	w := newWorld(t)
	require.NoError(t, w.l.Close())
	w.mem = crashfs.New(crashfs.Options{Seed: seed, Now: w.clock})
	w.disk = w.mem
	require.NoError(t, w.disk.MkdirAll("data", 0o755))
	require.NoError(t, w.disk.SyncDir("."))
	w.open()
	m := newModel(w)
	for i := range 12 {
		s := fmt.Sprint(i)
		m.put(0, []record.Record{kv("k"+fmt.Sprint(i%4), s+strings.Repeat("x", 60)), kv("l", s)})
		m.put(3, []record.Record{kv("p3t"+fmt.Sprint(i%2), s)})
		m.end(3, i%3 > 0)
		m.put(1, []record.Record{kv("m", ""), kv("n", s)})
	}
	w.roll()
	m.put(0, []record.Record{kv("k1", "active")})
	require.NoError(t, w.l.Flush(w.l.EndOffset()))
	return w, m
}

// TestEveryCrashPoint cuts the power after each change to the disk that a cleaning makes,
// and opens the log: nothing may be lost, and cleaning goes on.
func TestEveryCrashPoint(t *testing.T) {
	w, m := lived(t, 0)
	before := w.mem.Changes()
	require.True(t, w.clean())
	m.check(t)
	changes := w.mem.Changes() - before
	require.Greater(t, changes, 30)
	for seed := range uint64(6) {
		for n := range changes + 1 {
			w, m := lived(t, seed*1000+uint64(n))
			end := w.l.EndOffset()
			w.mem.StopAfter(n)
			_, err := w.tryClean(t.Context())
			require.Equal(t, n < changes, err != nil, "change %d: %v", n, err)
			if seed%2 == 0 {
				w.mem.Crash()
			} else {
				w.mem.Kill()
			}
			w.firstDirty = 0
			w.open()
			require.Equal(t, end, w.l.EndOffset(), "change %d", n)
			for _, mark := range []string{".cleaned", ".swap", ".deleted"} {
				require.Empty(t, w.files(mark), "change %d", n)
			}
			m.checkView(t)
			require.True(t, w.clean(), "change %d", n)
			m.check(t)
			require.NoError(t, w.l.Close())
		}
	}
}
