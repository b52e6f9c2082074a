package compact_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// lived is a log with some history, all of it on disk, on a disk that decides by the seed
// what a crash keeps.
func lived(t *testing.T, seed uint64, history func(*model)) (*world, *model) {
	t.Helper()
	w := newWorld(t)
	require.NoError(t, w.l.Close())
	w.mem = crashfs.New(crashfs.Options{Seed: seed, Now: w.clock})
	w.disk = w.mem
	require.NoError(t, w.disk.MkdirAll("data", 0o755))
	require.NoError(t, w.disk.SyncDir("."))
	w.open()
	m := newModel(w)
	history(m)
	require.NoError(t, w.l.Flush(w.l.EndOffset()))
	w.recovery = w.l.RecoveryPoint() // so that what compaction leaves is taken as it is
	return w, m
}

// busy is a history over several segments, with transactions and tombstones.
func busy(m *model) {
	for i := range 12 {
		s := fmt.Sprint(i)
		m.put(0, []record.Record{kv("k"+fmt.Sprint(i%4), s+strings.Repeat("x", 60)), kv("l", s)})
		m.put(3, []record.Record{kv("p3t"+fmt.Sprint(i%2), s)})
		m.end(3, i%3 > 0)
		m.put(1, []record.Record{kv("m", ""), kv("n", s)})
	}
	m.w.roll()
	m.put(0, []record.Record{kv("k1", "active")})
}

// abortedOnce has been cleaned once, and only the marker of an aborted transaction is left
// in the first segment, with its transaction index: the next cleaning removes that.
func abortedOnce(m *model) {
	m.put(3, []record.Record{kv("p3a", "aborted")})
	m.end(3, false)
	m.w.roll()
	m.put(3, []record.Record{kv("p3a", strings.Repeat("x", 600))})
	m.end(3, true)
	m.w.roll()
	m.w.clean()
	m.put(0, []record.Record{kv("k", "1")})
	m.w.roll()
}

// changes lists what a cleaning changes on the disk.
func changes(t *testing.T, history func(*model)) (list []crashfs.Op) {
	w, m := lived(t, 0, history)
	w.mem.SetRule(func(op crashfs.Op) error {
		switch op.Kind {
		case crashfs.Create, crashfs.Write, crashfs.Sync, crashfs.Rename, crashfs.Remove, crashfs.Chtimes, crashfs.SyncDir:
			list = append(list, op)
		}
		return nil
	})
	before := w.mem.Changes()
	require.True(t, w.clean())
	require.Len(t, list, w.mem.Changes()-before)
	w.mem.SetRule(nil)
	m.check(t)
	return list
}

// crash lets a cleaning stop before change number n, cuts the power, or for seed 0 kills
// the process, opens the log, and lets check look at it.
func crash(t *testing.T, seed uint64, n int, history func(*model), check func(w *world, m *model)) {
	w, m := lived(t, seed*1000+uint64(n), history)
	end := w.l.EndOffset()
	w.mem.StopAfter(n)
	_, err := w.tryClean(t.Context())
	require.Error(t, err)
	if seed == 0 {
		w.mem.Kill()
	} else {
		w.mem.Crash()
	}
	w.open()
	require.Equal(t, end, w.l.EndOffset(), "change %d", n)
	for _, mark := range []string{".cleaned", ".swap", ".deleted"} {
		require.Empty(t, w.files(mark), "change %d", n)
	}
	m.checkView(t)
	check(w, m)
	require.NoError(t, w.l.Close())
}

// TestEveryCrashPoint loses nothing, and cleaning goes on.
func TestEveryCrashPoint(t *testing.T) {
	for n := range changes(t, busy) {
		for seed := range uint64(3) {
			crash(t, seed, n, busy, func(w *world, m *model) {
				w.firstDirty = 0
				require.True(t, w.clean())
				m.check(t)
			})
		}
	}
}

// TestNoOldIndexBesideANewLog crashes when the new log has its name and that is not yet
// durable. Where the marker was found to be without transaction, and got its delete
// horizon, the index must not tell of the transaction any more.
func TestNoOldIndexBesideANewLog(t *testing.T) {
	ops := changes(t, abortedOnce)
	named := slices.IndexFunc(ops, func(op crashfs.Op) bool { return strings.HasSuffix(op.To, "00000.log") })
	require.Positive(t, named)
	for seed := range uint64(80) {
		crash(t, seed, named+1, abortedOnce, func(w *world, _ *model) {
			_, marked := w.batches()[0].DeleteHorizon()
			aborted, err := w.l.AbortedTxns(nil, 0, w.l.EndOffset())
			require.NoError(t, err)
			require.True(t, marked)
			require.Empty(t, aborted)
		})
	}
}
