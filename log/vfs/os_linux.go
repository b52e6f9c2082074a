package vfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Sync is fdatasync: bytes and length, not the times.
func (f osFile) Sync() error {
	return f.control("fdatasync", func(fd int) error { return unix.Fdatasync(fd) })
}

// Preallocate reserves space beyond the end without changing the length.
func (f osFile) Preallocate(off, size int64) error {
	err := f.control("fallocate", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, size)
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// control runs one system call on the descriptor, again when interrupted, and
// gives its error the file's name.
func (f osFile) control(op string, call func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return &os.PathError{Op: op, Path: f.Name(), Err: err}
	}
	var callErr error
	err = rc.Control(func(fd uintptr) {
		callErr = unix.EINTR
		for errors.Is(callErr, unix.EINTR) {
			callErr = call(int(fd))
		}
	})
	if err != nil {
		callErr = os.ErrClosed // the only thing that hinders Control
	}
	if callErr != nil {
		return &os.PathError{Op: op, Path: f.Name(), Err: callErr}
	}
	return nil
}

// barrier is an open directory: syncfs tells of failures since it was opened.
type barrier struct{ osFile }

func (b barrier) Sync() error {
	return b.control("syncfs", func(fd int) error { return unix.Syncfs(fd) })
}

// Barrier needs Linux 5.8: before, syncfs kept failures to itself.
func (osFS) Barrier(name string) (Barrier, error) {
	var u unix.Utsname
	err := unix.Uname(&u)
	var major, minor int
	if err == nil {
		_, err = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	}
	if err != nil || major < 5 || major == 5 && minor < 8 {
		return nil, &os.PathError{Op: "syncfs", Path: name, Err: errors.ErrUnsupported}
	}
	d, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return barrier{osFile{d}}, nil
}

func (osFS) Free(name string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), nil
}

// nfsMagic is the statfs type of NFS, where flock is itself a record lock, so
// that the two locks of one process would exclude each other.
const nfsMagic = 0x6969

// lockFile takes two locks: flock, which is ours, and a record lock on the open
// file, because a Java broker locks with fcntl and would not see the first.
func lockFile(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return lockError(f, err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err == nil && st.Type == nfsMagic {
		return nil
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk); err != nil {
		return lockError(f, err)
	}
	return nil
}

func lockError(f *os.File, err error) error {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return &LockedError{Path: f.Name(), PID: lockHolder(f)}
	}
	return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
}

// lockHolder looks the file up in /proc/locks, whose lines read
//
//	1: FLOCK  ADVISORY  WRITE 4711 fd:01:2621500 0 EOF
//
// and returns 0 if it is not there (another machine, another pid namespace).
func lockHolder(f *os.File) int {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0
	}
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	for text := range strings.Lines(string(locks)) {
		w := strings.Fields(text)
		if len(w) < 6 || w[len(w)-3] != want {
			continue
		}
		if pid, err := strconv.Atoi(w[len(w)-4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}
