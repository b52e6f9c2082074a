package log

import (
	"errors"
	"fmt"
	"io"

	"github.com/leatmq/leat/log/record"
)

// Copy appends batches as they are, with the offsets and epochs that their leader
// gave them: for a copy of another log. They must not begin before the end; offsets
// may be missing where the leader compacted. A batch cut short at the end is left
// out. It returns the new end offset.
//
// Errors: *record.Error for batches that are damaged, ErrOffsetOutOfRange for those
// that overlap, ErrNoSpace, ErrClosed, *IOError. On any error nothing was appended.
func (l *Log) Copy(set []byte) (end int64, err error) {
	w := works.Get().(*work)
	defer works.Put(w)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	in, err := l.measure(set)
	if err != nil || in.bytes == 0 {
		return l.EndOffset(), err
	}
	set = set[:in.bytes]
	if err := w.describe(set); err != nil { // what could not be applied is not written
		return 0, err
	}
	if err := l.writeMeta(); err != nil {
		return 0, err
	}
	if err := l.write(set, in.base, in.maxTimestamp, in.last); err != nil {
		return 0, err
	}
	if err := l.apply(set, w); err != nil {
		return 0, err
	}
	l.end.Store(in.last + 1)
	return in.last + 1, nil
}

// copied is what a set to be copied holds.
type copied struct {
	bytes              int // of whole batches
	base, last         int64
	maxTimestamp, next int64
}

// measure checks a set that is to be copied.
func (l *Log) measure(set []byte) (copied, error) {
	in := copied{base: -1, maxTimestamp: -1, next: l.EndOffset()}
	for rest := set; ; {
		b, after, err := record.Next(rest)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return in, nil
		}
		if err != nil {
			return in, err
		}
		if !b.CheckCRC() {
			return in, &record.Error{Kind: record.ErrCorrupt, Detail: fmt.Sprintf("CRC of the batch at offset %d", b.BaseOffset())}
		}
		if b.BaseOffset() < in.next {
			return in, fmt.Errorf("%w: %w: offset %d where at least %d was due", ErrOffsetOutOfRange, errGap, b.BaseOffset(), in.next)
		}
		if in.base < 0 {
			in.base = b.BaseOffset()
		}
		in.bytes += b.Size()
		in.last, in.next = b.LastOffset(), b.NextOffset()
		in.maxTimestamp = max(in.maxTimestamp, b.MaxTimestamp())
		rest = after
	}
}

// errGap means that what is copied overlaps the log.
var errGap = errors.New("copied batches do not follow on the log's end")
