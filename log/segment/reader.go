package segment

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/leatmq/leat/log/record"
)

// Entry is one batch, or old message, in a data file.
type Entry struct {
	// Batch is the entry's bytes, valid until the next call. Where only headers
	// are read it may end anywhere behind the header.
	Batch    record.Batch
	Position int64
	Size     int64
}

// End is the position behind the entry.
func (e Entry) End() int64 { return e.Position + e.Size }

// DamageError says where the bytes of a data file stop making sense.
type DamageError struct {
	Position int64
	Err      error
}

// Error tells where and why.
func (e *DamageError) Error() string {
	return fmt.Sprintf("damaged at position %d: %v", e.Position, e.Err)
}

// Is reports that damage is of the kind record.ErrCorrupt.
func (e *DamageError) Is(target error) bool { return target == record.ErrCorrupt }

// Unwrap returns the cause: io.ErrUnexpectedEOF for an entry that is cut off.
func (e *DamageError) Unwrap() error { return e.Err }

// Reader walks the entries of a data file in order.
type Reader struct {
	file    io.ReaderAt
	pos     int64 // of the next entry
	end     int64 // of what may be read
	headers bool  // only headers are wanted
	buf     *[]byte
	window  []byte // the part of buf that holds the file's bytes from at on
	at      int64
}

// Sizes of the buffers: a window of headers is about what one index entry is good
// for; whole entries are read in pieces that a disk likes.
const (
	headerWindow = 4 << 10
	wholeWindow  = 256 << 10
	keepWindow   = 4 << 20 // larger ones, made for a huge batch, are not kept
)

var (
	headerBuffers = sync.Pool{New: func() any { b := make([]byte, headerWindow); return &b }}
	wholeBuffers  = sync.Pool{New: func() any { b := make([]byte, wholeWindow); return &b }}
)

// NewReader reads the whole entries of [pos, end) of a file. pos must be where an
// entry begins. Close gives its memory back.
func NewReader(file io.ReaderAt, pos, end int64) *Reader {
	return &Reader{file: file, pos: pos, end: end, at: pos, buf: wholeBuffers.Get().(*[]byte)}
}

// headerReader reads only the headers. It is a value so that it costs no memory.
func headerReader(file io.ReaderAt, pos, end int64) Reader {
	return Reader{file: file, pos: pos, end: end, at: pos, headers: true, buf: headerBuffers.Get().(*[]byte)}
}

// Close gives the memory back; entries are invalid from then on.
func (r *Reader) Close() {
	switch {
	case r.buf == nil:
	case r.headers:
		headerBuffers.Put(r.buf)
	case cap(*r.buf) <= keepWindow:
		wholeBuffers.Put(r.buf)
	}
	r.buf, r.window = nil, nil
}

// Next returns the next entry. The error is io.EOF at the end, a *DamageError
// when no entry begins or fits here, or the disk's.
func (r *Reader) Next() (Entry, error) {
	if r.pos >= r.end {
		return Entry{}, io.EOF
	}
	prefix, err := r.peek(record.PrefixSize)
	if err != nil {
		return Entry{}, err
	}
	size, err := record.Need(prefix)
	if err != nil {
		return Entry{}, &DamageError{r.pos, err}
	}
	if r.pos+int64(size) > r.end {
		return Entry{}, &DamageError{r.pos, io.ErrUnexpectedEOF}
	}
	need := size
	if r.headers {
		need = min(size, record.HeaderSize)
	}
	b, err := r.peek(need)
	if err != nil {
		return Entry{}, err
	}
	b = b[:min(size, len(b))]
	if !r.headers || len(b) == size {
		if b, _, err = record.Next(b); err != nil {
			return Entry{}, &DamageError{r.pos, err}
		}
	} else if size < record.HeaderSize && record.Batch(b).Magic() == 2 {
		return Entry{}, &DamageError{r.pos, fmt.Errorf("batch of %d bytes", size)}
	}
	e := Entry{Batch: b, Position: r.pos, Size: int64(size)}
	if err := e.check(); err != nil {
		return Entry{}, &DamageError{r.pos, err}
	}
	r.pos = e.End()
	return e, nil
}

// check looks at what every header must say.
func (e Entry) check() error {
	if base, delta := e.Batch.BaseOffset(), e.Batch.LastOffsetDelta(); base < 0 || delta < 0 || base > base+int64(delta) {
		return fmt.Errorf("base offset %d, last offset delta %d", base, delta)
	}
	return nil
}

// peek returns at least n bytes from pos on, fewer only at the end.
func (r *Reader) peek(n int) ([]byte, error) {
	n = int(min(int64(n), r.end-r.pos))
	if skip := r.pos - r.at; skip >= 0 && skip+int64(n) <= int64(len(r.window)) {
		return r.window[skip:], nil
	}
	if n > len(*r.buf) {
		b := make([]byte, n)
		*r.buf = b
	}
	r.window = (*r.buf)[:min(int64(len(*r.buf)), r.end-r.pos)]
	r.at = r.pos
	got, err := r.file.ReadAt(r.window, r.pos)
	r.window = r.window[:got]
	if got >= n {
		return r.window, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return nil, &DamageError{r.pos, io.ErrUnexpectedEOF} // the file is shorter than it should be
	}
	return nil, err
}
