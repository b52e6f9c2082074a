// Package vfs names the few file operations that a log needs, so that the disk
// below can be the real one (OS) or one in memory that crashes, tears writes,
// fills up and fails on command (package crashfs). Package vfstest holds what
// both must do.
//
// # What survives what
//
//	                         process dies    machine dies
//	written bytes            yes             only after File.Sync
//	a created file's name    yes             only after SyncDir of its directory
//	a rename, a removal      yes             only after SyncDir of the directory
//	all of these             yes             also after Barrier.Sync
//
// After a power cut any part of what was not synced may be there or not, in any
// order: a length without its bytes, a later write without an earlier one.
//
// # Errors
//
// Errors keep their cause: errors.Is(err, fs.ErrNotExist) and
// errors.Is(err, syscall.ENOSPC) work on everything returned here. A failed
// Sync must never be tried again: the kernel may have dropped the pages it
// could not write and report success the second time (fsyncgate, 2018).
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// FS is a file system as a log sees it. Names are slash-separated paths in the
// sense of package path/filepath. All methods may be called concurrently.
type FS interface {
	// OpenFile opens name as os.OpenFile does. O_APPEND is not supported:
	// everything is written with an explicit offset.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// RemoveAll removes name and all below it. A missing name is no error.
	RemoveAll(name string) error
	// Rename moves oldName to newName and replaces a file of that name.
	Rename(oldName, newName string) error
	// MkdirAll creates name and its missing parents.
	MkdirAll(name string, perm fs.FileMode) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes a file, following links.
	Stat(name string) (fs.FileInfo, error)
	// Chtimes sets a file's modification time.
	Chtimes(name string, mtime time.Time) error
	// SyncDir makes the names in a directory durable: creations, renames and
	// removals that came before.
	SyncDir(name string) error
	// Barrier returns what makes everything on the file system that holds name
	// durable at once. It must be closed. Where the system cannot, or would not
	// tell a failure, the error is errors.ErrUnsupported.
	Barrier(name string) (Barrier, error)
	// Lock takes the exclusive lock of a file, creating it when missing, and
	// does not wait: if another holds it the error is a *LockedError, for which
	// errors.Is(err, ErrLocked) is true. Closing gives the lock back.
	Lock(name string) (io.Closer, error)
	// Free tells how many bytes an ordinary user may still write to the file
	// system that holds name, and how large it is.
	Free(name string) (free, total uint64, err error)
}

// Barrier makes a whole file system durable: thousands of files for the price of
// one sync.
type Barrier interface {
	// Sync returns when all that was written before, bytes and names, is
	// durable. It fails if any write to the disk has failed since the Barrier
	// was made, whoever wrote it.
	Sync() error
	io.Closer
}

// File is an open file. Its methods may be called concurrently; after Close
// they fail with fs.ErrClosed. The files of OS also have Fd() uintptr.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the file's bytes and length durable (fdatasync). It does not
	// make its name durable: see FS.SyncDir.
	Sync() error
	// Truncate sets the length. Growing adds zeros.
	Truncate(size int64) error
	// Stat describes the file.
	Stat() (fs.FileInfo, error)
}

// ErrLocked is the kind of a *LockedError.
var ErrLocked = errors.New("already locked")

// LockedError says that another process, or another part of this one, holds a
// lock file.
type LockedError struct {
	Path string // the lock file
	PID  int    // who holds it; 0 when the system does not tell
}

// IsNoSpace reports whether err means that the disk, or the quota on it, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsBusy reports whether err means that the process or the system has no file
// descriptor left. It says nothing of the disk, and passes.
func IsBusy(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Preallocate reserves disk space for the bytes [off, off+size) of f without
// changing its length, where the file system can. Appends into reserved space
// cost the kernel a fifth less; Truncate to the real length gives the rest back.
// A file system that cannot reserve is no error; a full one is (see IsNoSpace).
func Preallocate(f File, off, size int64) error {
	if p, ok := f.(preallocator); ok {
		return p.Preallocate(off, size)
	}
	return nil
}

// preallocator is a File that can reserve space.
type preallocator interface {
	Preallocate(off, size int64) error
}
