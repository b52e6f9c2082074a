package segment

import (
	"errors"
	"io"

	"github.com/leatmq/leat/log/record"
)

// Slice is a range of whole batches in a data file: file, position, length;
// nothing has been read yet. It holds a reference, so that neither eviction nor
// deletion can close the file under it, until Release. The zero Slice is empty.
//
// A Slice is a value, but copies share the one reference: Release one of them.
type Slice struct {
	h      *handle
	pos    int64
	length int
}

// Len returns how many bytes it has.
func (s *Slice) Len() int { return s.length }

// ReadAt reads from the range; off 0 is its first byte.
func (s *Slice) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(s.length) {
		return 0, io.EOF
	}
	short := int64(len(p)) > int64(s.length)-off
	if short {
		p = p[:int64(s.length)-off]
	}
	n, err := s.h.file.ReadAt(p, s.pos+off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// WriteTo writes the whole range.
func (s *Slice) WriteTo(w io.Writer) (int64, error) {
	if s.length == 0 {
		return 0, nil
	}
	buf := wholeBuffers.Get().(*[]byte)
	defer wholeBuffers.Put(buf)
	var done int64
	for done < int64(s.length) {
		n, err := s.ReadAt((*buf)[:min(int64(len(*buf)), int64(s.length)-done)], done)
		if err != nil {
			return done, err
		}
		n, err = w.Write((*buf)[:n])
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Bytes appends the whole range to dst.
func (s *Slice) Bytes(dst []byte) ([]byte, error) {
	n := len(dst)
	dst = append(dst, make([]byte, s.length)...)
	if s.length == 0 {
		return dst, nil
	}
	got, err := s.ReadAt(dst[n:], 0)
	return dst[:n+got], err
}

// File gives descriptor and position for sendfile. ok is false where there is no
// descriptor (a disk in memory): use ReadAt. It is shared, so its own position must
// not be used, and it must not be kept after Release.
func (s *Slice) File() (fd uintptr, pos int64, ok bool) {
	if s.h == nil || !s.h.hasFD {
		return 0, 0, false
	}
	return s.h.fd, s.pos, true
}

// Cut shortens the slice to its first n bytes, which must end where a batch ends.
func (s *Slice) Cut(n int) { s.length = min(s.length, max(n, 0)) }

// FirstBatch returns the header of the first batch, for those who must know more
// than the bytes; nil when the slice is empty.
func (s *Slice) FirstBatch() (record.Batch, error) {
	b := make([]byte, min(record.HeaderSize, s.length))
	if len(b) == 0 {
		return nil, nil
	}
	if _, err := s.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return record.Batch(b), nil
}

// Release gives the reference back. The slice is empty afterwards.
func (s *Slice) Release() {
	if s.h != nil {
		s.h.release()
	}
	*s = Slice{}
}
