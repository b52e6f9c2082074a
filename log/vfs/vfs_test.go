package vfs_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/log/vfs/vfstest"
)

// TestMain lets this binary be its own second process, holding a lock until
// its standard input ends.
func TestMain(m *testing.M) {
	if name := os.Getenv("VFS_TEST_HOLD"); name != "" {
		_, err := vfs.OS.Lock(name)
		fmt.Println(err)
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOS(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.OS, t.TempDir() })
}

func TestLockNamesTheOtherProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), ".lock")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "VFS_TEST_HOLD="+name)
	stdin, err := other.StdinPipe()
	require.NoError(t, err)
	stdout, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "<nil>\n", line)

	_, err = vfs.OS.Lock(name)
	var locked *vfs.LockedError
	require.True(t, errors.As(err, &locked), "%v", err)
	require.Equal(t, name, locked.Path)
	require.Equal(t, other.Process.Pid, locked.PID)
	require.ErrorContains(t, err, fmt.Sprint("process ", other.Process.Pid))

	require.NoError(t, stdin.Close())
	require.NoError(t, other.Wait())
	held, err := vfs.OS.Lock(name)
	require.NoError(t, err, "a dead process holds nothing")
	require.NoError(t, held.Close())
}

// TestWriteFileAtomicCrash cuts the power at every step and expects one of the
// two contents, and the new one once the call has returned.
func TestWriteFileAtomicCrash(t *testing.T) {
	for seed := range uint64(200) {
		for stop := range 6 {
			disk := crashfs.New(crashfs.Options{Seed: seed})
			require.NoError(t, vfs.WriteFileAtomic(disk, "/f", []byte("old")))
			disk.StopAfter(stop)
			err := vfs.WriteFileAtomic(disk, "/f", []byte("renewed"))
			disk.Crash()
			got, readErr := vfs.ReadFile(disk, "/f")
			require.NoError(t, readErr)
			if err == nil {
				require.Equal(t, "renewed", string(got))
			} else {
				require.Contains(t, []string{"old", "renewed"}, string(got), "seed %d, stopped after %d", seed, stop)
			}
		}
	}
}

func TestOSFileHasDescriptor(t *testing.T) {
	f, err := vfs.OS.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	_, ok := f.(interface{ Fd() uintptr })
	require.True(t, ok)
	require.NoError(t, f.Close())
}

// BenchmarkAppend compares 64 KiB appends with and without reserved space.
func BenchmarkAppend(b *testing.B) {
	const block, segment = 64 << 10, 256 << 20
	for _, ahead := range []int64{0, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("ahead=%dMiB", ahead>>20), func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "f")
			f, err := vfs.OS.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
			require.NoError(b, err)
			buf := make([]byte, block)
			b.SetBytes(block)
			var pos, reserved int64
			for b.Loop() {
				if pos == segment {
					require.NoError(b, f.Truncate(0))
					pos, reserved = 0, 0
				}
				if ahead > 0 && pos+block > reserved {
					require.NoError(b, vfs.Preallocate(f, reserved, ahead))
					reserved += ahead
				}
				_, err := f.WriteAt(buf, pos)
				require.NoError(b, err)
				pos += block
			}
			require.NoError(b, f.Close())
		})
	}
}
