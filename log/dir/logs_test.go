package dir_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

func TestCreateAndRestart(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	p := part("orders", 3)
	l := create(t, s, p)
	fill(t, l, "v", 5)
	_, err := s.Create(p, dir.NewLog{Config: log.DefaultConfig()})
	require.ErrorIs(t, err, dir.ErrExists)
	got, ok := s.Get(p)
	require.True(t, ok)
	require.Same(t, l, got)
	_, ok = s.Get(part("orders", 4))
	require.False(t, ok)
	d, ok := s.DirOf(p)
	require.True(t, ok)
	require.Equal(t, "/data", d.Path())
	require.Equal(t, []dir.Entry{{Partition: p, Log: l}}, d.Logs())

	s = w.reopen(s)
	l, ok = s.Get(p)
	require.True(t, ok)
	require.Equal(t, []string{"v0", "v1", "v2", "v3", "v4"}, values(t, l))
	require.Equal(t, [16]byte{1, 2, 3}, l.TopicID())
	require.Equal(t, "/data/orders-3", l.Dir())
	w.close(s)
}

func TestNewLogsGoWhereFewestAre(t *testing.T) {
	w := newWorld(t, 1)
	w.paths = []string{"/a", "/b", "/c"}
	s := w.open()
	for i := range int32(7) {
		create(t, s, part("t", i))
	}
	var counts []int
	for _, d := range s.Dirs() {
		counts = append(counts, len(d.Logs()))
	}
	require.Equal(t, []int{3, 2, 2}, counts)
	require.NoError(t, s.Delete(part("t", 1)))
	require.NoError(t, s.Delete(part("t", 4)))
	create(t, s, part("u", 0))
	d, _ := s.DirOf(part("u", 0))
	require.Equal(t, "/b", d.Path())
	s = w.reopen(s)
	require.Equal(t, 6, logs(s))
	w.close(s)
}

// deletedDirs lists what waits to be removed.
func deletedDirs(t *testing.T, w *world) []string {
	t.Helper()
	var list []string
	for _, name := range names(t, w.disk, "/data") {
		if strings.HasSuffix(name, "-delete") {
			list = append(list, name)
		}
	}
	return list
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := w.open()
		p := part("orders", 3)
		require.ErrorIs(t, s.Delete(p), dir.ErrUnknown)
		l := create(t, s, p)
		fill(t, l, "old", 3)
		reading, err := l.Read(log.ReadRequest{UpTo: 3, MaxBytes: 1 << 20})
		require.NoError(t, err)
		require.NoError(t, l.Flush(3))
		require.NoError(t, s.Delete(p))
		_, ok := s.Get(p)
		require.False(t, ok)
		require.Regexp(t, `^orders-3\.[0-9a-f]{32}-delete$`, deletedDirs(t, w)[0])

		fill(t, create(t, s, p), "new", 1)
		run(t, s, func() {
			later(59 * time.Second)
			require.Len(t, deletedDirs(t, w), 1, "file.delete.delay.ms is not over")
			later(3 * time.Second)
			require.Empty(t, deletedDirs(t, w))
		})
		l, ok = s.Get(p)
		require.True(t, ok)
		require.Equal(t, []string{"new0"}, values(t, l))
		_, err = reading.Bytes(nil)
		require.NoError(t, err, "who reads it still can")
		reading.Release()
		w.close(s)
	})
}

func TestDeletionIsDurable(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed)
		s := w.open()
		l := create(t, s, part("t", 0))
		fill(t, l, "v", 3)
		require.NoError(t, l.Flush(3))
		require.NoError(t, s.Delete(part("t", 0)))
		w.disk.Crash()
		s = w.open()
		require.Zero(t, logs(s))
		require.Len(t, deletedDirs(t, w), 1)
		w.close(s)
	}
}

func TestDeletionGoesOnAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := w.open()
		fill(t, create(t, s, part("t", 0)), "v", 3)
		require.NoError(t, s.Delete(part("t", 0)))
		w.disk.Kill()
		s = w.open()
		require.Len(t, deletedDirs(t, w), 1)
		run(t, s, func() {
			later(62 * time.Second)
			require.Empty(t, deletedDirs(t, w))
		})
		w.close(s)
	})
}

func TestCloseRemovesWhatNobodyReads(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	fill(t, create(t, s, part("t", 0)), "v", 3)
	require.NoError(t, s.Delete(part("t", 0)))
	w.close(s)
	require.Empty(t, deletedDirs(t, w))
}

// TestNewLogInheritsNothing: checkpoints of a deleted log of the same name would
// truncate the new one, or trust what was not checked.
func TestNewLogInheritsNothing(t *testing.T) {
	files := []string{checkpoint.RecoveryPointFile, checkpoint.LogStartFile, checkpoint.HighWatermarkFile, checkpoint.CleanerFile}
	w := newWorld(t, 1)
	w.o.HighWatermark = nil
	s := w.open()
	p, q := part("t", 0), part("u", 0)
	l := create(t, s, p)
	create(t, s, q)
	fill(t, l, "v", 8)
	require.NoError(t, l.SetStartOffset(5))
	w.close(s)
	for _, name := range files {
		path := filepath.Join("/data", name)
		require.NoError(t, checkpoint.WriteOffsets(w.disk, path, map[checkpoint.Partition]int64{p: 5, q: 0, part("gone", 1): 7}))
	}
	s = w.open()
	require.NoError(t, s.Delete(p))
	for _, again := range []checkpoint.Partition{p, part("gone", 1)} {
		create(t, s, again)
		for _, name := range files {
			m, err := checkpoint.ReadOffsets(w.disk, filepath.Join("/data", name))
			require.NoError(t, err)
			require.NotContains(t, m, again, name)
			require.Contains(t, m, q, name)
		}
		require.Zero(t, s.HighWatermark(again))
	}
	l, _ = s.Get(p)
	fill(t, l, "new", 2)
	require.NoError(t, l.Flush(2))
	w.disk.Crash()
	s = w.open()
	l, ok := s.Get(p)
	require.True(t, ok)
	require.Equal(t, []string{"new0", "new1"}, values(t, l))
	w.close(s)
}

func TestCheckpointFiles(t *testing.T) {
	w := newWorld(t, 1)
	marks := map[checkpoint.Partition]int64{part("t", 0): 4}
	w.o.HighWatermark = func(p checkpoint.Partition) int64 {
		if hw, ok := marks[p]; ok {
			return hw
		}
		return -1
	}
	s := w.open()
	l := create(t, s, part("t", 0))
	create(t, s, part("u", 0))
	fill(t, l, "v", 6)
	require.NoError(t, l.SetStartOffset(2))
	require.NoError(t, l.Flush(5))
	require.NoError(t, s.Checkpoint())
	read := func(name string) map[checkpoint.Partition]int64 {
		m, err := checkpoint.ReadOffsets(w.disk, filepath.Join("/data", name))
		require.NoError(t, err)
		return m
	}
	require.Equal(t, map[checkpoint.Partition]int64{part("t", 0): l.RecoveryPoint(), part("u", 0): 0}, read(checkpoint.RecoveryPointFile))
	require.GreaterOrEqual(t, l.RecoveryPoint(), int64(5))
	require.Equal(t, map[checkpoint.Partition]int64{part("t", 0): 2}, read(checkpoint.LogStartFile))
	require.Equal(t, map[checkpoint.Partition]int64{part("t", 0): 4}, read(checkpoint.HighWatermarkFile))

	clear(marks)
	s = w.reopen(s)
	require.Equal(t, int64(4), s.HighWatermark(part("t", 0)), "kept while nobody knows a newer one")
	require.Zero(t, s.HighWatermark(part("u", 0)))
	l, _ = s.Get(part("t", 0))
	require.Equal(t, int64(2), l.StartOffset())
	before := w.disk.Changes()
	require.NoError(t, s.Checkpoint())
	require.Equal(t, before, w.disk.Changes(), "what is on disk is not written again")
	require.Equal(t, int64(4), read(checkpoint.HighWatermarkFile)[part("t", 0)])
	w.close(s)
}

// TestUnreadableCheckpointMeansFullScan damages a record that the recovery
// points and the clean mark vouch for: it must be found.
func TestUnreadableCheckpointMeansFullScan(t *testing.T) {
	for _, name := range []string{checkpoint.RecoveryPointFile, checkpoint.LogStartFile} {
		for _, damage := range []string{"garbage", "0\n5\nt 0 3\n", "1\n0\n"} {
			w := newWorld(t, 1)
			s := w.open()
			l := create(t, s, part("t", 0))
			fill(t, l, "v", 5)
			w.close(s)
			data := "/data/t-0/00000000000000000000.log"
			info, err := w.disk.Stat(data)
			require.NoError(t, err)
			require.NoError(t, w.disk.Flip(data, info.Size()-1, 0))

			s = w.open()
			l, _ = s.Get(part("t", 0))
			require.Equal(t, int64(5), l.EndOffset(), "trusted as it is after a clean shutdown")
			w.disk.Kill()
			require.NoError(t, vfs.WriteFileAtomic(w.disk, filepath.Join("/data", name), []byte(damage)))
			require.NoError(t, vfs.WriteFileAtomic(w.disk, "/data/.kafka_cleanshutdown", nil))
			s = w.open()
			l, _ = s.Get(part("t", 0))
			require.Equal(t, []string{"v0", "v1", "v2", "v3"}, values(t, l), "%s with %q", name, damage)
			require.Equal(t, 1, w.said.count("level=ERROR", name))
			w.close(s)
		}
	}
}

func TestBrokenLogIsLeftAlone(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	fill(t, create(t, s, part("t", 0)), "v", 5)
	create(t, s, part("u", 0))
	w.close(s)
	require.NoError(t, vfs.WriteFileAtomic(w.disk, "/data/t-0/partition.metadata", []byte("nonsense")))
	before := names(t, w.disk, "/data/t-0")
	s = w.open()
	_, ok := s.Get(part("t", 0))
	require.False(t, ok)
	require.Equal(t, 1, w.said.count("level=ERROR", "/data/t-0"))
	_, err := s.Create(part("t", 0), dir.NewLog{Config: log.DefaultConfig(), Fresh: true})
	require.ErrorIs(t, err, dir.ErrOffline)
	require.Equal(t, before, names(t, w.disk, "/data/t-0"))
	create(t, s, part("v", 0))
	w.close(s)
	require.False(t, exists(w.disk, "/data/.kafka_cleanshutdown"), "not everything was closed")
}

func TestLinkedLog(t *testing.T) {
	w := newWorld(t, 1)
	w.o.FS, w.paths = vfs.OS, []string{t.TempDir()}
	s := w.open()
	fill(t, create(t, s, part("t", 0)), "v", 2)
	w.close(s)
	elsewhere := filepath.Join(t.TempDir(), "moved")
	home := filepath.Join(w.paths[0], "t-0")
	require.NoError(t, vfs.OS.Rename(home, elsewhere))
	link(t, elsewhere, home)
	s = w.open()
	l, ok := s.Get(part("t", 0))
	require.True(t, ok)
	require.Len(t, values(t, l), 2)
	w.close(s)
}

func TestCreateNeedsTheDisk(t *testing.T) {
	w := newWorld(t, 1)
	w.paths = []string{"/a", "/b"}
	s := w.open()
	w.disk.SetRule(func(op crashfs.Op) error {
		if op.Kind == crashfs.SyncDir && op.Name == "/a" {
			return errBroken
		}
		return nil
	})
	_, err := s.Create(part("t", 0), dir.NewLog{Config: log.DefaultConfig(), Fresh: true})
	var disk *log.IOError
	require.ErrorAs(t, err, &disk)
	require.ErrorIs(t, s.Dirs()[0].Err(), dir.ErrOffline)
	w.disk.SetRule(nil)

	_, err = s.Create(part("t", 0), dir.NewLog{Config: log.DefaultConfig()})
	require.ErrorIs(t, err, dir.ErrOffline, "it may be in /a")
	_, err = s.Create(part("u", 0), dir.NewLog{Config: log.DefaultConfig(), Fresh: true})
	require.NoError(t, err)
	d, _ := s.DirOf(part("u", 0))
	require.Equal(t, "/b", d.Path())
	require.NoError(t, s.Close(context.Background()))
}
