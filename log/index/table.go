package index

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/leatmq/leat/log/vfs"
)

// table is what the three indexes have in common: fixed-size entries, the last
// of them in memory, the first of them in the file.
type table struct {
	entrySize int
	data      []byte // entries [first, Len)
	first     int    // number of entries that are not in memory; first <= written
	written   int    // number of entries that are in the file
	unsynced  bool   // the file was written to and may not be on disk
}

// Len returns the number of entries.
func (t *table) Len() int { return t.first + len(t.data)/t.entrySize }

// Written returns how many of them are in the file.
func (t *table) Written() int { return t.written }

// Unwritten returns how many bytes Save would write.
func (t *table) Unwritten() int { return (t.Len() - t.written) * t.entrySize }

// Loaded reports whether all entries are in memory.
func (t *table) Loaded() bool { return t.first == 0 }

// Bytes returns how much memory the entries take.
func (t *table) Bytes() int { return cap(t.data) }

// at returns entry i of those in memory: first <= i < Len.
func (t *table) at(i int) []byte {
	p := (i - t.first) * t.entrySize
	return t.data[p : p+t.entrySize : p+t.entrySize]
}

// InFile sets the number of entries to those in a file of the given size,
// without reading it. Nothing is in memory.
func (t *table) InFile(size int64) {
	n := int(size) / t.entrySize
	t.data, t.first, t.written = nil, n, n
}

// Drop forgets the entries in memory that are in the file as well.
func (t *table) Drop() {
	rest := t.data[(t.written-t.first)*t.entrySize:]
	t.data, t.first = append([]byte(nil), rest...), t.written
}

// Save appends to the file what it lacks; with sync it is on disk afterwards.
func (t *table) Save(fsys vfs.FS, path string, sync bool) error {
	n := t.Unwritten()
	if n == 0 && !(sync && t.unsynced) {
		return nil
	}
	err := withFile(fsys, path, os.O_WRONLY|os.O_CREATE, func(f vfs.File) error {
		if n > 0 {
			if _, err := f.WriteAt(t.data[len(t.data)-n:], int64(t.written*t.entrySize)); err != nil {
				return err
			}
		}
		if sync {
			return f.Sync()
		}
		return nil
	})
	if err == nil {
		t.written, t.unsynced = t.Len(), !sync
	}
	return err
}

// Replace makes the file hold exactly the entries in memory, which must be all.
func (t *table) Replace(fsys vfs.FS, path string) error {
	if !t.Loaded() {
		return fmt.Errorf("%s: %w", path, ErrNotLoaded)
	}
	err := withFile(fsys, path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, func(f vfs.File) error {
		_, err := f.WriteAt(t.data, 0)
		return err
	})
	if err == nil {
		t.written, t.unsynced = t.Len(), true
	}
	return err
}

// reset forgets everything, as if the file were empty.
func (t *table) reset() { t.data, t.first, t.written = nil, 0, 0 }

// truncate keeps the first n entries, which must be all in memory. The file is
// to be Replaced if it had more.
func (t *table) truncate(n int) {
	if n < t.Len() {
		t.data = t.data[:n*t.entrySize]
		t.written = min(t.written, n)
	}
}

// load reads the file's entries in front of those in memory. decode says how many
// entries there are, or why the bytes cannot be entries.
func (t *table) load(fsys vfs.FS, path string, decode func(data []byte) (int, error)) error {
	if t.Loaded() {
		return nil
	}
	data, err := vfs.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: it is missing", path, ErrCorrupt)
	}
	if err != nil {
		return err
	}
	if want := t.written * t.entrySize; len(data) < want {
		return fmt.Errorf("%s: %w: %d bytes, want %d", path, ErrCorrupt, len(data), want)
	}
	data = data[:t.written*t.entrySize]
	n, err := decode(data)
	if err == nil && n < t.written {
		err = fmt.Errorf("%w: %d entries, want %d", ErrCorrupt, n, t.written)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	unwritten := t.data[(t.written-t.first)*t.entrySize:]
	t.data, t.first = append(data, unwritten...), 0
	return nil
}

// readLast returns the bytes of the last entry, from the file when they are not in
// memory; nil when there is none.
func (t *table) readLast(fsys vfs.FS, path string) ([]byte, error) {
	n := t.Len()
	if n == 0 {
		return nil, nil
	}
	if len(t.data) > 0 {
		return t.at(n - 1), nil
	}
	b := make([]byte, t.entrySize)
	err := withFile(fsys, path, os.O_RDONLY, func(f vfs.File) error {
		_, err := f.ReadAt(b, int64((n-1)*t.entrySize))
		return err
	})
	if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w: less than %d entries", path, ErrCorrupt, n)
	}
	return b, err
}

// add appends an entry's bytes and returns where to put them.
func (t *table) add() []byte {
	n := len(t.data)
	if n+t.entrySize > cap(t.data) {
		grown := make([]byte, n, max(8*t.entrySize, 2*cap(t.data)))
		copy(grown, t.data)
		t.data = grown
	}
	t.data = t.data[:n+t.entrySize]
	return t.data[n:]
}

// withFile opens a file for the length of one function.
func withFile(fsys vfs.FS, path string, flag int, do func(vfs.File) error) error {
	f, err := fsys.OpenFile(path, flag, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(do(f), f.Close())
}
