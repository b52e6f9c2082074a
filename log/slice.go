package log

import "io"

// Slice is a range of a log file that a read found: file, position, length;
// nothing has been read yet. It holds a reference, so that neither eviction nor
// deletion can close the file under it, until Release. The zero Slice is empty.
// A Slice is a value; copies share the one reference.
type Slice struct {
	base     int64
	position int64
	length   int
}

// Len returns how many bytes it has.
func (s *Slice) Len() int { return s.length }

// BaseOffset returns the base offset of its first batch.
func (s *Slice) BaseOffset() int64 { return s.base }

// ReadAt reads from the range; off 0 is its first byte.
func (s *Slice) ReadAt(p []byte, off int64) (int, error) { return 0, io.EOF }

// WriteTo writes the whole range.
func (s *Slice) WriteTo(w io.Writer) (int64, error) { return 0, nil }

// Bytes appends the whole range to dst.
func (s *Slice) Bytes(dst []byte) ([]byte, error) { return dst, nil }

// File gives descriptor and position for sendfile. ok is false where there is
// none (a disk in memory): use ReadAt. The descriptor is shared: its own
// position must not be used, and it must not be kept after Release.
func (s *Slice) File() (fd uintptr, pos int64, ok bool) { return 0, 0, false }

// Release gives the reference back. The slice is empty afterwards.
func (s *Slice) Release() { *s = Slice{} }
