package crashfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/leatmq/leat/log/vfs"
)

var _ vfs.FS = (*FS)(nil)

// split cleans a name into its elements. Relative names start at the root.
func split(name string) []string {
	clean := strings.Trim(filepath.Clean("/"+name), "/")
	if clean == "" {
		return nil
	}
	return strings.Split(clean, "/")
}

func fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// walk finds the node at the end of the elements.
func (f *FS) walk(elems []string) (*node, error) {
	n := f.root
	for _, e := range elems {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		child, ok := n.names[e]
		if !ok {
			return nil, fs.ErrNotExist
		}
		n = child
	}
	return n, nil
}

func (f *FS) lookup(op, name string) (*node, error) {
	n, err := f.walk(split(name))
	if err != nil {
		return nil, fail(op, name, err)
	}
	return n, nil
}

// parent finds the directory that holds, or would hold, name.
func (f *FS) parent(op, name string) (dir *node, base string, err error) {
	elems := split(name)
	if len(elems) == 0 {
		return nil, "", fail(op, name, fs.ErrInvalid)
	}
	dir, err = f.walk(elems[:len(elems)-1])
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, "", fail(op, name, err)
	}
	return dir, elems[len(elems)-1], nil
}

// OpenFile opens a file. A directory cannot be opened.
func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flag&os.O_APPEND != 0 {
		return nil, fail("open", name, fs.ErrInvalid)
	}
	n, lookErr := f.walk(split(name))
	kind := Open
	if lookErr != nil && flag&os.O_CREATE != 0 || flag&os.O_TRUNC != 0 {
		kind = Create
	}
	if err := f.enter(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	switch {
	case lookErr != nil && flag&os.O_CREATE == 0:
		return nil, fail("open", name, lookErr)
	case lookErr != nil:
		dir, base, err := f.parent("open", name)
		if err != nil {
			return nil, err
		}
		n = &node{mtime: f.now(), linked: true}
		f.do(part{dir, base, n})
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, fail("open", name, fs.ErrExist)
	case n.isDir():
		return nil, fail("open", name, syscall.EISDIR)
	case flag&os.O_TRUNC != 0:
		f.change(n, change{off: 0})
	}
	n.opens++
	return &file{fs: f, node: n, name: name, generation: f.generation, flag: flag}, nil
}

// change alters a file's content and lists the change as waiting.
func (f *FS) change(n *node, c change) {
	f.used -= int64(len(n.data))
	n.data = c.apply(n.data)
	f.used += int64(len(n.data))
	n.waiting = append(n.waiting, c)
	n.mtime = f.now()
}

// unlink takes a file's name away; its bytes count as used until it is closed.
func (f *FS) unlink(n *node) {
	n.linked = false
	f.release(n)
}

func (f *FS) release(n *node) {
	if !n.linked && n.opens == 0 {
		f.used -= int64(len(n.data))
		n.data = nil
	}
}

// ReadDir lists a directory by name.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: ReadDir, Name: name}); err != nil {
		return nil, err
	}
	n, err := f.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.isDir() {
		return nil, fail("readdir", name, syscall.ENOTDIR)
	}
	list := make([]fs.DirEntry, 0, len(n.names))
	for _, base := range sortedNames(n.names) {
		list = append(list, fs.FileInfoToDirEntry(n.names[base].info(base)))
	}
	return list, nil
}

// Stat describes a file or directory.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: Stat, Name: name}); err != nil {
		return nil, err
	}
	n, err := f.lookup("stat", name)
	if err != nil {
		return nil, err
	}
	return n.info(filepath.Base(name)), nil
}

// Chtimes sets a modification time, durably at once.
func (f *FS) Chtimes(name string, mtime time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: Chtimes, Name: name}); err != nil {
		return err
	}
	n, err := f.lookup("chtimes", name)
	if err != nil {
		return err
	}
	n.mtime = mtime
	return nil
}

// SyncDir makes the names in a directory durable.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, lookErr := f.lookup("syncdir", name)
	if err := f.enter(Op{Kind: SyncDir, Name: name}); err != nil {
		return err
	}
	if lookErr != nil {
		return lookErr
	}
	if !n.isDir() {
		return fail("syncdir", name, syscall.ENOTDIR)
	}
	n.syncNames()
	return nil
}

// Barrier is of the whole disk, whatever the name.
func (f *FS) Barrier(name string) (vfs.Barrier, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.lookup("syncfs", name); err != nil {
		return nil, err
	}
	return &barrier{fs: f, name: name}, nil
}

type barrier struct {
	fs   *FS
	name string
}

// Sync makes every file and every name durable.
func (b *barrier) Sync() error {
	b.fs.mu.Lock()
	defer b.fs.mu.Unlock()
	if err := b.fs.enter(Op{Kind: SyncAll, Name: b.name}); err != nil {
		return err
	}
	b.fs.root.syncAll()
	return nil
}

func (b *barrier) Close() error { return nil }

// syncAll makes a node durable, and all below it.
func (n *node) syncAll() {
	if !n.isDir() {
		n.sync()
		return
	}
	n.syncNames()
	for _, child := range n.names {
		child.syncAll()
	}
}

// Free tells the room left.
func (f *FS) Free(name string) (free, total uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: Free, Name: name}); err != nil {
		return 0, 0, err
	}
	if _, err := f.lookup("statfs", name); err != nil {
		return 0, 0, err
	}
	return uint64(max(0, f.capacity-f.used)), uint64(f.capacity), nil
}
