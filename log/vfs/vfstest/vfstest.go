// Package vfstest is what every vfs.FS must do, as tests.
package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/vfs"
)

// Run tests a file system. open gives a fresh one, or a fresh empty directory
// on it, for each part.
func Run(t *testing.T, open func(t *testing.T) (fsys vfs.FS, dir string)) {
	parts := []struct {
		name string
		test func(t *testing.T, fsys vfs.FS, dir string)
	}{
		{"ReadAndWriteAtOffsets", testReadWrite},
		{"OpenFlags", testOpenFlags},
		{"Truncate", testTruncate},
		{"ClosedFile", testClosed},
		{"RemovedFileStaysReadable", testRemovedOpen},
		{"Rename", testRename},
		{"Directories", testDirectories},
		{"MissingNames", testMissing},
		{"ModificationTime", testChtimes},
		{"Lock", testLock},
		{"Free", testFree},
		{"Preallocate", testPreallocate},
		{"WriteFileAtomic", testAtomic},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			fsys, dir := open(t)
			p.test(t, fsys, dir)
		})
	}
}

const readWrite = os.O_RDWR | os.O_CREATE

func create(t *testing.T, fsys vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(name, readWrite, 0o644)
	require.NoError(t, err)
	if content != "" {
		_, err = f.WriteAt([]byte(content), 0)
		require.NoError(t, err)
	}
	return f
}

func content(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name)
	require.NoError(t, err)
	return string(b)
}

func testReadWrite(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "f"), "hello world")
	n, err := f.WriteAt([]byte("W"), 6)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = f.WriteAt([]byte("end"), 20)
	require.NoError(t, err)

	b := make([]byte, 5)
	_, err = f.ReadAt(b, 6)
	require.NoError(t, err)
	require.Equal(t, "World", string(b))
	_, err = f.ReadAt(b, 11)
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\x00\x00", string(b), "a gap reads as zeros")
	n, err = f.ReadAt(b, 20)
	require.Equal(t, 3, n)
	require.ErrorIs(t, err, io.EOF)
	n, err = f.ReadAt(b, 23)
	require.Equal(t, 0, n)
	require.ErrorIs(t, err, io.EOF)

	info, err := f.Stat()
	require.NoError(t, err)
	require.Equal(t, int64(23), info.Size())
	require.Equal(t, "f", info.Name())
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

func testOpenFlags(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "f")
	require.NoError(t, create(t, fsys, name, "old").Close())
	_, err := fsys.OpenFile(name, readWrite|os.O_EXCL, 0o644)
	require.ErrorIs(t, err, fs.ErrExist)

	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("x"), 0)
	require.Error(t, err, "a file open for reading takes no writes")
	require.NoError(t, f.Close())
	require.Equal(t, "old", content(t, fsys, name))

	f, err = fsys.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF, "a file open for writing gives no reads")
	require.NoError(t, f.Close())
	require.Empty(t, content(t, fsys, name))
}

func testTruncate(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "f")
	f := create(t, fsys, name, "0123456789")
	require.NoError(t, f.Truncate(4))
	require.Equal(t, "0123", content(t, fsys, name))
	require.NoError(t, f.Truncate(6))
	require.Equal(t, "0123\x00\x00", content(t, fsys, name))
	require.Error(t, f.Truncate(-1))
	require.NoError(t, f.Close())
}

func testClosed(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "f"), "x")
	require.NoError(t, f.Close())
	_, err := f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = f.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, fs.ErrClosed)
	require.ErrorIs(t, f.Truncate(0), fs.ErrClosed)
	require.ErrorIs(t, f.Sync(), fs.ErrClosed)
	require.ErrorIs(t, f.Close(), fs.ErrClosed)
}

func testRemovedOpen(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "f")
	f := create(t, fsys, name, "still here")
	require.NoError(t, fsys.Remove(name))
	_, err := fsys.Stat(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	b := make([]byte, 5)
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
	require.Equal(t, "still", string(b))
	require.NoError(t, f.Close())
}

func testRename(t *testing.T, fsys vfs.FS, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	fa := create(t, fsys, a, "A")
	require.NoError(t, create(t, fsys, b, "B").Close())
	require.NoError(t, fsys.Rename(a, b))
	require.Equal(t, "A", content(t, fsys, b))
	_, err := fa.WriteAt([]byte("X"), 0)
	require.NoError(t, err, "an open file follows its new name")
	require.NoError(t, fa.Close())
	require.Equal(t, "X", content(t, fsys, b))

	d := filepath.Join(dir, "d")
	require.NoError(t, fsys.MkdirAll(filepath.Join(d, "sub"), 0o755))
	require.Error(t, fsys.Rename(b, d), "a file does not replace a directory")
	require.NoError(t, fsys.Rename(d, filepath.Join(dir, "e")))
	_, err = fsys.Stat(filepath.Join(dir, "e", "sub"))
	require.NoError(t, err)
	require.NoError(t, fsys.SyncDir(dir))
}

func testDirectories(t *testing.T, fsys vfs.FS, dir string) {
	require.NoError(t, fsys.MkdirAll(filepath.Join(dir, "x", "y"), 0o755))
	require.NoError(t, fsys.MkdirAll(filepath.Join(dir, "x", "y"), 0o755), "again")
	require.NoError(t, create(t, fsys, filepath.Join(dir, "x", "b"), "1").Close())
	require.NoError(t, create(t, fsys, filepath.Join(dir, "x", "a"), "22").Close())
	list, err := fsys.ReadDir(filepath.Join(dir, "x"))
	require.NoError(t, err)
	require.Len(t, list, 3)
	for i, want := range []string{"a", "b", "y"} {
		require.Equal(t, want, list[i].Name(), "sorted")
		require.Equal(t, want == "y", list[i].IsDir())
	}
	info, err := list[0].Info()
	require.NoError(t, err)
	require.Equal(t, int64(2), info.Size())

	require.Error(t, fsys.Remove(filepath.Join(dir, "x")), "not empty")
	require.NoError(t, fsys.Remove(filepath.Join(dir, "x", "y")))
	require.NoError(t, fsys.RemoveAll(filepath.Join(dir, "x")))
	require.NoError(t, fsys.RemoveAll(filepath.Join(dir, "x")), "already gone")
	list, err = fsys.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, list)
}

func testMissing(t *testing.T, fsys vfs.FS, dir string) {
	none := filepath.Join(dir, "none")
	_, err := fsys.OpenFile(none, os.O_RDWR, 0)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.OpenFile(filepath.Join(none, "f"), readWrite, 0o644)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.Stat(none)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.ReadDir(none)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = vfs.ReadFile(fsys, none)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, fsys.Remove(none), fs.ErrNotExist)
	require.ErrorIs(t, fsys.Rename(none, none+"2"), fs.ErrNotExist)
	require.ErrorIs(t, fsys.SyncDir(none), fs.ErrNotExist)
	_, err = fsys.Barrier(none)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, fsys.Chtimes(none, time.Unix(0, 0)), fs.ErrNotExist)
}

func testChtimes(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "f")
	require.NoError(t, create(t, fsys, name, "x").Close())
	want := time.Unix(1_700_000_000, 0)
	require.NoError(t, fsys.Chtimes(name, want))
	info, err := fsys.Stat(name)
	require.NoError(t, err)
	require.True(t, info.ModTime().Equal(want))
}

func testLock(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, ".lock")
	held, err := fsys.Lock(name)
	require.NoError(t, err)
	_, err = fsys.Lock(name)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.ErrorContains(t, err, name)
	var locked *vfs.LockedError
	require.True(t, errors.As(err, &locked))
	if locked.PID != 0 {
		require.Equal(t, os.Getpid(), locked.PID)
	}
	require.NoError(t, held.Close())
	again, err := fsys.Lock(name)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func testFree(t *testing.T, fsys vfs.FS, dir string) {
	free, total, err := fsys.Free(dir)
	require.NoError(t, err)
	require.NotZero(t, total)
	require.LessOrEqual(t, free, total)
}

func testPreallocate(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "f")
	f := create(t, fsys, name, "abc")
	require.NoError(t, vfs.Preallocate(f, 0, 1<<20))
	require.Equal(t, "abc", content(t, fsys, name), "the length stays")
	require.NoError(t, f.Truncate(3))
	require.NoError(t, f.Close())
}

func testAtomic(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "f")
	require.NoError(t, vfs.WriteFileAtomic(fsys, name, []byte("one")))
	require.NoError(t, vfs.WriteFileAtomic(fsys, name, []byte("2")))
	require.Equal(t, "2", content(t, fsys, name))
	list, err := fsys.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, list, 1, "nothing else is left")
	require.Error(t, vfs.WriteFileAtomic(fsys, filepath.Join(dir, "none", "f"), nil))
}
