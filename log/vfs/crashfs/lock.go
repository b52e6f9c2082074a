package crashfs

import (
	"io"
	"io/fs"
	"os"

	"github.com/leatmq/leat/log/vfs"
)

// Lock takes the lock of a file, creating it.
func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: Lock, Name: name}); err != nil {
		return nil, err
	}
	n, err := f.walk(split(name))
	if err != nil {
		dir, base, err := f.parent("lock", name)
		if err != nil {
			return nil, err
		}
		n = &node{mtime: f.now(), linked: true}
		f.do(part{dir, base, n})
	}
	if f.locks[n] {
		return nil, &vfs.LockedError{Path: name, PID: os.Getpid()}
	}
	f.locks[n] = true
	return &lock{fs: f, node: n, generation: f.generation}, nil
}

// lock is a held lock file.
type lock struct {
	fs         *FS
	node       *node
	generation int
}

// Close gives the lock back.
func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.generation != l.fs.generation {
		return ErrCrashed
	}
	if !l.fs.locks[l.node] {
		return fs.ErrClosed
	}
	delete(l.fs.locks, l.node)
	return nil
}
