package crashfs

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// file is an open file.
type file struct {
	fs         *FS
	node       *node
	name       string
	flag       int
	generation int
	closed     bool
}

const accessMode = os.O_RDONLY | os.O_WRONLY | os.O_RDWR

// enter is the gate of every operation of an open file.
func (h *file) enter(op Op) error {
	op.Name = h.name
	if h.closed {
		return fail(string(op.Kind), h.name, fs.ErrClosed)
	}
	if h.generation != h.fs.generation {
		return fail(string(op.Kind), h.name, ErrCrashed)
	}
	return h.fs.enter(op)
}

// ReadAt reads what was last written, synced or not.
func (h *file) ReadAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.enter(Op{Kind: Read, Off: off, Len: len(p)}); err != nil {
		return 0, err
	}
	if h.flag&accessMode == os.O_WRONLY {
		return 0, fail("read", h.name, syscall.EBADF)
	}
	if off < 0 {
		return 0, fail("read", h.name, fs.ErrInvalid)
	}
	if off >= int64(len(h.node.data)) {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := copy(p, h.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes as much as fits on the disk.
func (h *file) WriteAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.enter(Op{Kind: Write, Off: off, Len: len(p)}); err != nil {
		return 0, err
	}
	if h.flag&accessMode == os.O_RDONLY {
		return 0, fail("write", h.name, syscall.EBADF)
	}
	if off < 0 {
		return 0, fail("write", h.name, fs.ErrInvalid)
	}
	room := h.room() - off
	n := int(min(int64(len(p)), max(0, room)))
	if n > 0 {
		h.fs.change(h.node, change{off, append([]byte(nil), p[:n]...)})
	}
	if n < len(p) {
		return n, fail("write", h.name, syscall.ENOSPC)
	}
	return n, nil
}

// room is the largest length that the file may have.
func (h *file) room() int64 {
	return max(int64(len(h.node.data)), int64(len(h.node.data))+h.fs.capacity-h.fs.used)
}

// Truncate cuts the file or lengthens it with zeros.
func (h *file) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.enter(Op{Kind: Truncate, Off: size}); err != nil {
		return err
	}
	if size < 0 || h.flag&accessMode == os.O_RDONLY {
		return fail("truncate", h.name, fs.ErrInvalid)
	}
	if size > h.room() {
		return fail("truncate", h.name, syscall.ENOSPC)
	}
	h.fs.change(h.node, change{off: size})
	return nil
}

// Sync makes content and length durable. Made to fail, it leaves a random part
// on the disk and forgets that the rest was waiting.
func (h *file) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.enter(Op{Kind: Sync}); err != nil {
		if h.generation == h.fs.generation && !h.closed && h.fs.changes < h.fs.stopAfter {
			h.node.settle(h.fs.rng)
		}
		return err
	}
	h.node.sync()
	return nil
}

// Stat describes the file.
func (h *file) Stat() (fs.FileInfo, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.enter(Op{Kind: Stat}); err != nil {
		return nil, err
	}
	return h.node.info(h.name), nil
}

// Close closes the file, which does not sync it.
func (h *file) Close() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.closed {
		return fail("close", h.name, fs.ErrClosed)
	}
	err := h.enter(Op{Kind: Close})
	h.closed = true
	if h.generation == h.fs.generation {
		h.node.opens--
		h.fs.release(h.node)
	}
	return err
}

// info describes a node under one of its names.
func (n *node) info(name string) fs.FileInfo {
	return info{base: base(name), size: int64(len(n.data)), dir: n.isDir(), mtime: n.mtime}
}

func base(name string) string {
	if e := split(name); len(e) > 0 {
		return e[len(e)-1]
	}
	return "/"
}

// info implements fs.FileInfo.
type info struct {
	base  string
	size  int64
	dir   bool
	mtime time.Time
}

func (i info) Name() string       { return i.base }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
