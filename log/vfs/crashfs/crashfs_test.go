package crashfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/log/vfs/vfstest"
)

func TestConformance(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		disk := crashfs.New(crashfs.Options{})
		require.NoError(t, disk.MkdirAll("/data", 0o755))
		return disk, "/data"
	})
}

func open(t *testing.T, disk *crashfs.FS, name string) vfs.File {
	t.Helper()
	f, err := disk.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	return f
}

func write(t *testing.T, f vfs.File, off int64, b []byte) {
	t.Helper()
	_, err := f.WriteAt(b, off)
	require.NoError(t, err)
}

// outcomes runs a scenario on many seeds and counts what a file holds after the
// crash; "-" stands for no file.
func outcomes(t *testing.T, name string, scenario func(*crashfs.FS)) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(500) {
		disk := crashfs.New(crashfs.Options{Seed: seed})
		scenario(disk)
		disk.Crash()
		b, err := vfs.ReadFile(disk, name)
		if errors.Is(err, fs.ErrNotExist) {
			seen["-"]++
			continue
		}
		require.NoError(t, err)
		seen[string(b)]++
	}
	return seen
}

func keys(m map[string]int) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

func TestSyncedSurvives(t *testing.T) {
	got := outcomes(t, "/f", func(disk *crashfs.FS) {
		f := open(t, disk, "/f")
		write(t, f, 0, []byte("kept"))
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir("/"))
	})
	require.Equal(t, []string{"kept"}, keys(got))
}

func TestUnsyncedWriteIsKeptOrLost(t *testing.T) {
	got := outcomes(t, "/f", func(disk *crashfs.FS) {
		f := open(t, disk, "/f")
		require.NoError(t, disk.SyncDir("/"))
		write(t, f, 0, []byte("ab"))
		require.NoError(t, f.Sync())
		write(t, f, 2, []byte("cd"))
	})
	require.ElementsMatch(t, []string{"ab", "abcd", "ab\x00\x00"}, keys(got))
}

func TestWritesTearAtSectors(t *testing.T) {
	const sectors = 4
	whole := bytes.Repeat([]byte{1}, sectors*512)
	seen := map[[sectors]bool]bool{}
	for seed := range uint64(2000) {
		disk := crashfs.New(crashfs.Options{Seed: seed})
		f := open(t, disk, "/f")
		write(t, f, 0, make([]byte, sectors*512))
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir("/"))
		write(t, f, 0, whole)
		disk.Crash()
		b, err := vfs.ReadFile(disk, "/f")
		require.NoError(t, err)
		require.Len(t, b, len(whole))
		var pattern [sectors]bool
		for i := range sectors {
			sector := b[i*512 : (i+1)*512]
			require.True(t, bytes.Count(sector, []byte{sector[0]}) == 512, "a sector is whole")
			pattern[i] = sector[0] == 1
		}
		seen[pattern] = true
	}
	require.Len(t, seen, 1<<sectors, "every subset of the sectors occurs")
}

func TestNamesNeedSyncDir(t *testing.T) {
	created := outcomes(t, "/f", func(disk *crashfs.FS) {
		f := open(t, disk, "/f")
		write(t, f, 0, []byte("x"))
		require.NoError(t, f.Sync())
	})
	require.ElementsMatch(t, []string{"-", "x"}, keys(created), "a creation")

	removed := outcomes(t, "/f", func(disk *crashfs.FS) {
		f := open(t, disk, "/f")
		write(t, f, 0, []byte("x"))
		require.NoError(t, f.Sync())
		require.NoError(t, f.Close())
		require.NoError(t, disk.SyncDir("/"))
		require.NoError(t, disk.Remove("/f"))
	})
	require.ElementsMatch(t, []string{"-", "x"}, keys(removed), "a removal")

	renamed := outcomes(t, "/f", func(disk *crashfs.FS) {
		require.NoError(t, vfs.WriteFileAtomic(disk, "/f", []byte("old")))
		f := open(t, disk, "/g")
		write(t, f, 0, []byte("new"))
		require.NoError(t, f.Sync())
		require.NoError(t, disk.Rename("/g", "/f"))
	})
	require.ElementsMatch(t, []string{"old", "new"}, keys(renamed), "a rename")
}

// TestRenameAcrossDirectoriesIsAtomic also syncs only the directory that the
// file left: it must not be nowhere.
func TestRenameAcrossDirectoriesIsAtomic(t *testing.T) {
	for seed := range uint64(500) {
		disk := crashfs.New(crashfs.Options{Seed: seed})
		for _, d := range []string{"/a", "/b"} {
			require.NoError(t, disk.MkdirAll(d, 0o755))
		}
		require.NoError(t, disk.SyncDir("/"))
		require.NoError(t, vfs.WriteFileAtomic(disk, "/a/f", []byte("x")))
		require.NoError(t, disk.Rename("/a/f", "/b/f"))
		synced := seed%3 == 0
		if synced {
			require.NoError(t, disk.SyncDir("/b"))
		} else if seed%3 == 1 {
			require.NoError(t, disk.SyncDir("/a"))
		}
		disk.Crash()
		_, errA := disk.Stat("/a/f")
		_, errB := disk.Stat("/b/f")
		require.NotEqual(t, errA == nil, errB == nil, "in exactly one place")
		if synced {
			require.NoError(t, errB)
		}
	}
}

func TestLostDirectoryTakesItsFiles(t *testing.T) {
	got := outcomes(t, "/d/f", func(disk *crashfs.FS) {
		require.NoError(t, disk.MkdirAll("/d", 0o755))
		f := open(t, disk, "/d/f")
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir("/d"))
	})
	require.ElementsMatch(t, []string{"-", ""}, keys(got))
}

func TestRemoveAllMayStopHalfway(t *testing.T) {
	left := map[int]bool{}
	for seed := range uint64(300) {
		disk := crashfs.New(crashfs.Options{Seed: seed})
		require.NoError(t, disk.MkdirAll("/d", 0o755))
		for _, name := range []string{"/d/1", "/d/2", "/d/3"} {
			require.NoError(t, vfs.WriteFileAtomic(disk, name, nil))
		}
		require.NoError(t, disk.SyncDir("/"))
		require.NoError(t, disk.RemoveAll("/d"))
		disk.Crash()
		list, err := disk.ReadDir("/d")
		if err != nil {
			require.ErrorIs(t, err, fs.ErrNotExist)
			left[-1] = true
			continue
		}
		left[len(list)] = true
	}
	require.Equal(t, map[int]bool{-1: true, 0: true, 1: true, 2: true, 3: true}, left)
}

func TestKillKeepsWhatWasWritten(t *testing.T) {
	disk := crashfs.New(crashfs.Options{})
	f := open(t, disk, "/f")
	write(t, f, 0, []byte("x"))
	l, err := disk.Lock("/lock")
	require.NoError(t, err)
	disk.Kill()
	_, err = f.WriteAt([]byte("y"), 0)
	require.ErrorIs(t, err, crashfs.ErrCrashed)
	require.ErrorIs(t, l.Close(), crashfs.ErrCrashed)
	b, err := vfs.ReadFile(disk, "/f")
	require.NoError(t, err)
	require.Equal(t, "x", string(b))
	_, err = disk.Lock("/lock")
	require.NoError(t, err, "the dead hold no locks")
}

func TestFullDisk(t *testing.T) {
	disk := crashfs.New(crashfs.Options{Capacity: 10})
	f := open(t, disk, "/f")
	write(t, f, 0, []byte("12345678"))
	n, err := f.WriteAt([]byte("abcd"), 8)
	require.Equal(t, 2, n, "what fits is written")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.True(t, vfs.IsNoSpace(err))
	require.ErrorIs(t, f.Truncate(11), syscall.ENOSPC)
	write(t, f, 0, []byte("again"))
	free, total, err := disk.Free("/")
	require.NoError(t, err)
	require.Equal(t, [2]uint64{0, 10}, [2]uint64{free, total})

	require.NoError(t, disk.Remove("/f"))
	require.Equal(t, int64(10), disk.Used(), "an open file still takes room")
	require.NoError(t, f.Close())
	require.Equal(t, int64(0), disk.Used())
}

func TestRules(t *testing.T) {
	disk := crashfs.New(crashfs.Options{})
	f := open(t, disk, "/f")
	var seen []crashfs.Op
	disk.SetRule(func(op crashfs.Op) error {
		seen = append(seen, op)
		if op.Kind == crashfs.Write && op.Off >= 4 {
			return syscall.EIO
		}
		return nil
	})
	write(t, f, 0, []byte("ab"))
	_, err := f.WriteAt([]byte("c"), 4)
	require.ErrorIs(t, err, syscall.EIO)
	require.Equal(t, []crashfs.Op{
		{Kind: crashfs.Write, Name: "/f", Len: 2},
		{Kind: crashfs.Write, Name: "/f", Off: 4, Len: 1},
	}, seen)
	disk.SetRule(nil)
	write(t, f, 4, []byte("c"))
}

// TestFailedSyncLosesData shows why a failed sync must not be retried.
func TestFailedSyncLosesData(t *testing.T) {
	got := outcomes(t, "/f", func(disk *crashfs.FS) {
		f := open(t, disk, "/f")
		require.NoError(t, disk.SyncDir("/"))
		write(t, f, 0, []byte("x"))
		disk.Fail(crashfs.Sync, syscall.EIO)
		require.ErrorIs(t, f.Sync(), syscall.EIO)
		disk.SetRule(nil)
		require.NoError(t, f.Sync(), "it reports success")
	})
	require.Greater(t, got[""], 50)
	require.Greater(t, got["x"], 50)
}

func TestStopAfter(t *testing.T) {
	disk := crashfs.New(crashfs.Options{})
	f := open(t, disk, "/f")
	write(t, f, 0, []byte("ab"))
	require.Equal(t, 2, disk.Changes())
	disk.StopAfter(1)
	write(t, f, 2, []byte("c"))
	_, err := f.WriteAt([]byte("d"), 3)
	require.ErrorIs(t, err, crashfs.ErrCrashed)
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, crashfs.ErrCrashed, "reads stop too")
	disk.Kill()
	b, err := vfs.ReadFile(disk, "/f")
	require.NoError(t, err)
	require.Equal(t, "abc", string(b))
}

func TestFlip(t *testing.T) {
	disk := crashfs.New(crashfs.Options{})
	require.NoError(t, vfs.WriteFileAtomic(disk, "/f", []byte{0, 0}))
	require.NoError(t, disk.Flip("/f", 1, 3))
	disk.Crash()
	b, err := vfs.ReadFile(disk, "/f")
	require.NoError(t, err)
	require.Equal(t, []byte{0, 8}, b)
}

func TestSameSeedSameCrash(t *testing.T) {
	run := func(seed uint64) string {
		disk := crashfs.New(crashfs.Options{Seed: seed})
		for _, name := range []string{"/a", "/b", "/c", "/d"} {
			f := open(t, disk, name)
			write(t, f, 0, bytes.Repeat([]byte{7}, 3000))
		}
		disk.Crash()
		all := ""
		for _, name := range []string{"/a", "/b", "/c", "/d"} {
			b, err := vfs.ReadFile(disk, name)
			if err == nil {
				all += name + string(b)
			}
		}
		return all
	}
	for seed := range uint64(50) {
		require.Equal(t, run(seed), run(seed))
	}
}
