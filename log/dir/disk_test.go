package dir_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// errBroken is what a dying disk says, errFull a full one.
var errBroken, errFull = syscall.EIO, syscall.ENOSPC

func link(t *testing.T, target, name string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, name))
}

// breakDisk makes every change below a path fail.
func breakDisk(w *world, path string) {
	w.disk.SetRule(func(op crashfs.Op) error {
		if strings.HasPrefix(op.Name, path) && (op.Kind == crashfs.Sync || op.Kind == crashfs.Write) {
			return errBroken
		}
		return nil
	})
}

func TestFailedDiskTakesItsDirectoryOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.paths = []string{"/a", "/b"}
		var told atomic.Int32
		w.o.OnOffline = func(d *dir.Dir, err error) {
			require.Equal(t, "/a", d.Path())
			require.ErrorIs(t, err, errBroken)
			told.Add(1)
		}
		s := w.open()
		bad, good := create(t, s, part("t", 0)), create(t, s, part("t", 1))
		other := create(t, s, part("t", 2))
		fill(t, bad, "v", 3)
		run(t, s, func() {
			breakDisk(w, "/a")
			require.Error(t, bad.Flush(3))
			synctest.Wait()
			require.Equal(t, int32(1), told.Load())
			require.ErrorIs(t, s.Dirs()[0].Err(), dir.ErrOffline)
			require.ErrorIs(t, s.Dirs()[0].Err(), errBroken)
			require.NoError(t, s.Dirs()[1].Err())

			_, err := write(other, "x")
			require.Error(t, err, "a log of the directory whose own files did not fail yet")
			require.ErrorIs(t, s.Delete(part("t", 0)), dir.ErrOffline)
			fill(t, good, "v", 3)
			later(10 * time.Minute)
			require.Equal(t, int32(1), told.Load())
		})
		require.Equal(t, 1, w.said.count("level=ERROR", "offline"), "one loud line")
		require.NoError(t, s.Close(context.Background()))
		require.False(t, exists(w.disk, "/a/.kafka_cleanshutdown"))
		require.True(t, exists(w.disk, "/b/.kafka_cleanshutdown"))
		require.Equal(t, []string{"v0", "v1", "v2"}, reopenedValues(t, w, 1))
	})
}

// reopenedValues restarts and reads partition t-index.
func reopenedValues(t *testing.T, w *world, index int32) []string {
	w.disk.SetRule(nil)
	s := w.open()
	defer w.close(s)
	l, ok := s.Get(part("t", index))
	require.True(t, ok)
	return values(t, l)
}

func TestDirectoryThatCannotBeLoaded(t *testing.T) {
	w := newWorld(t, 1)
	w.paths = []string{"/a", "/b"}
	s := w.open()
	create(t, s, part("t", 0))
	create(t, s, part("t", 1))
	w.close(s)
	w.disk.SetRule(func(op crashfs.Op) error {
		if strings.HasPrefix(op.Name, "/a/t-0") {
			return errBroken
		}
		return nil
	})
	s = w.open()
	require.ErrorIs(t, s.Dirs()[0].Err(), dir.ErrOffline)
	_, ok := s.Get(part("t", 1))
	require.True(t, ok, "the other directory serves")
	require.NoError(t, s.Close(context.Background()))
	require.False(t, exists(w.disk, "/a/.kafka_cleanshutdown"), "an error while loading is no clean shutdown")

	w.disk.SetRule(func(op crashfs.Op) error {
		if op.Kind == crashfs.ReadDir {
			return errBroken
		}
		return nil
	})
	_, err := dir.Open(w.paths, w.o)
	require.ErrorIs(t, err, dir.ErrOffline, "no directory is left")
	require.ErrorIs(t, err, errBroken)
}

func TestLowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity, mark = 1 << 20, 64 << 10
		w := newWorld(t, 1)
		w.disk.SetCapacity(capacity)
		w.o.MinFree = mark
		s := w.open()
		l := create(t, s, part("t", 0))
		create(t, s, part("u", 0))
		run(t, s, func() {
			var err error
			for err == nil {
				_, err = write(l, strings.Repeat("x", 16<<10))
				later(time.Second)
			}
			require.ErrorIs(t, err, log.ErrNoSpace)
			free, total, freeErr := s.Dirs()[0].Space()
			require.NoError(t, freeErr)
			require.Equal(t, uint64(capacity), total)
			require.Less(t, free, uint64(mark))
			require.Greater(t, free, uint64(0), "before it is really full")
			require.NoError(t, s.Dirs()[0].Err(), "it is not offline")
			require.Equal(t, 1, w.said.count("level=ERROR", "takes no more records"))
			require.NotEmpty(t, values(t, l), "reading goes on")

			require.NoError(t, s.Delete(part("t", 0)))
			later(65 * time.Second)
			other, _ := s.Get(part("u", 0))
			_, err = write(other, "v")
			require.NoError(t, err, "there is space again")
			require.Equal(t, 1, w.said.count("takes records again"))
		})
		w.close(s)
	})
}

func TestDefaultSpaceMark(t *testing.T) {
	for _, tt := range []struct{ capacity, mark int64 }{
		{1 << 30, 1 << 30 / 100}, // 1 %
		{1 << 40, 256 << 20},     // the lesser
	} {
		w := newWorld(t, 1)
		w.disk.SetCapacity(tt.capacity)
		w.o.MinFree = 0
		free := tt.mark
		w.o.FS = roomy{w.disk, &free, tt.capacity}
		s := w.open()
		require.Zero(t, w.said.count("takes no more records"))
		w.close(s)
		free = tt.mark - 1
		s = w.open()
		require.Equal(t, 1, w.said.count("takes no more records"))
		w.close(s)
	}
}

// roomy is a disk that claims to have so much room.
type roomy struct {
	*crashfs.FS
	free  *int64
	total int64
}

func (r roomy) Free(string) (free, total uint64, err error) {
	return uint64(*r.free), uint64(r.total), nil
}

// TestFullDisk has no mark: the disk itself says when it is full.
func TestFullDisk(t *testing.T) {
	w := newWorld(t, 1)
	w.disk.SetCapacity(256 << 10)
	s := w.open()
	l := create(t, s, part("t", 0))
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = write(l, strings.Repeat("x", 10_000))
	}
	require.ErrorIs(t, err, log.ErrNoSpace)
	require.NoError(t, s.Dirs()[0].Err())
	require.Len(t, values(t, l), n-1)
	w.disk.SetCapacity(1 << 20)
	_, err = write(l, "after")
	require.NoError(t, err)
	s = w.reopen(s)
	l, _ = s.Get(part("t", 0))
	require.Len(t, values(t, l), n)
	w.close(s)
}

// TestFullDiskAtShutdown: nothing is lost, and nobody claims that all was well.
func TestFullDiskAtShutdown(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	fill(t, create(t, s, part("t", 0)), "v", 10)
	w.disk.SetCapacity(w.disk.Used())
	err := s.Close(context.Background())
	require.Error(t, err)
	require.True(t, errors.Is(err, syscall.ENOSPC) || errors.Is(err, log.ErrNoSpace), "%v", err)
	require.False(t, exists(w.disk, "/data/.kafka_cleanshutdown"))
	w.disk.SetCapacity(0)
	w.disk.Kill()
	require.Len(t, reopenedValues(t, w, 0), 10)
}

// TestFullDiskAtStart: a log that must be repaired and cannot is put aside, the
// others serve, and the next start with room repairs it.
func TestFullDiskAtStart(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	for i := range int32(2) {
		fill(t, create(t, s, part("t", i)), "v", 10)
	}
	w.disk.Kill()
	w.disk.SetRule(func(op crashfs.Op) error {
		if strings.HasPrefix(op.Name, "/data/t-0/") && (op.Kind == crashfs.Write || op.Kind == crashfs.Create) {
			return errFull
		}
		return nil
	})
	s = w.open()
	require.NoError(t, s.Dirs()[0].Err())
	_, ok := s.Get(part("t", 0))
	require.False(t, ok)
	l, ok := s.Get(part("t", 1))
	require.True(t, ok)
	require.Len(t, values(t, l), 10)
	w.close(s)
	require.False(t, exists(w.disk, "/data/.kafka_cleanshutdown"))
	require.Len(t, reopenedValues(t, w, 0), 10)
}
