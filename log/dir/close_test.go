package dir_test

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// many is enough logs to share one sync when they are closed.
const many = 300

// fillMany gives many logs one record each.
func fillMany(t *testing.T, s *dir.Set) {
	t.Helper()
	for i := range int32(many) {
		fill(t, create(t, s, part("many", i)), "v", 1)
	}
}

func TestManyLogsShareTheSyncsOfTheirEnd(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	fillMany(t, s)
	syncs := map[crashfs.Kind]int{}
	w.disk.SetRule(func(op crashfs.Op) error { syncs[op.Kind]++; return nil })
	w.close(s)
	w.disk.SetRule(nil)
	require.Equal(t, 2, syncs[crashfs.SyncAll], "contents, then names")
	require.Less(t, syncs[crashfs.Sync]+syncs[crashfs.SyncDir], many, "of the checkpoints only")

	w.disk.Crash()
	s = w.open()
	require.Zero(t, w.said.count("recover"), "the mark is there: %s", w.said.text.String())
	for i := range int32(many) {
		l, ok := s.Get(part("many", i))
		require.True(t, ok)
		require.Equal(t, []string{"v0"}, values(t, l))
	}
	w.close(s)
}

func TestManyLogsThatCannotBeSyncedAreNotMarkedClean(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	fillMany(t, s)
	w.disk.Fail(crashfs.SyncAll, syscall.EIO)
	require.ErrorIs(t, s.Close(context.Background()), syscall.EIO)
	w.disk.SetRule(nil)
	_, err := w.disk.Stat("/data/.kafka_cleanshutdown")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestManyLogsAreNotClosedAfterTheTime(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	fillMany(t, s)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("time is up"))
	require.ErrorIs(t, s.Close(ctx), context.Canceled)
	_, err := w.disk.Stat("/data/.kafka_cleanshutdown")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestCrashWhileManyLogsAreClosed(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, seed)
		s := w.open()
		fillMany(t, s)
		for i := range int32(many) {
			l, _ := s.Get(part("many", i))
			require.NoError(t, l.Flush(1))
			fill(t, l, "w", 1)
		}
		left := int(seed) * 311 // operations until the disk is gone
		w.disk.SetRule(func(crashfs.Op) error {
			if left--; left < 0 {
				return syscall.EIO
			}
			return nil
		})
		closed := s.Close(context.Background()) == nil
		w.disk.SetRule(nil)
		w.disk.Crash()
		s = w.open()
		for i := range int32(many) {
			l, ok := s.Get(part("many", i))
			require.True(t, ok)
			got := values(t, l)
			require.Equal(t, "v0", got[0], "what was flushed stays")
			require.True(t, !closed || len(got) == 2, "closed means safe")
		}
		w.close(s)
	}
}
