package log

import (
	"errors"
	"fmt"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// What can go wrong besides a bad record set (see package record) and a
// producer out of step (see package producer).
var (
	// ErrOffsetOutOfRange means that an offset lies before the log's start or
	// behind its end (OFFSET_OUT_OF_RANGE).
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrClosed means that the log was closed or deleted.
	ErrClosed = errors.New("log is closed")
	// ErrNoSpace means that the disk is full or nearly so. Nothing was
	// appended; reading, retention and deletion go on.
	ErrNoSpace = errors.New("no space left for the log")
	// ErrBusy means that no file could be opened, for too many are (sockets count).
	// Nothing was done; trying again later may help.
	ErrBusy = errors.New("too many open files")
	// ErrSetTooLarge means that one append is larger than a whole segment may
	// be (RECORD_LIST_TOO_LARGE).
	ErrSetTooLarge = errors.New("record set is larger than segment.bytes")
)

// IOError says that the disk failed under a log. The log takes no more appends:
// what it believes about its files may no longer be so. It wraps the cause.
type IOError struct {
	Op   string // what was tried: "append", "sync", "roll", ...
	Path string // the partition directory
	Err  error
}

// Error tells what failed where.
func (e *IOError) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the cause.
func (e *IOError) Unwrap() error { return e.Err }

// usable returns why nothing can be appended or changed, or nil.
func (l *Log) usable() error {
	if l.closed.Load() {
		return ErrClosed
	}
	if e := l.failed.Load(); e != nil {
		return e
	}
	return nil
}

// fail takes note that the disk failed: the log takes no appends from now on.
func (l *Log) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	e := &IOError{Op: op, Path: l.Dir(), Err: err}
	if l.failed.CompareAndSwap(nil, e) {
		l.o.OnIOError(e)
	}
	return e
}

// failWrite is fail for a step that leaves everything as it was when the disk is
// full: then the log goes on as soon as there is room.
func (l *Log) failWrite(op string, err error) error {
	var torn *segment.TornError
	if vfs.IsNoSpace(err) && !errors.As(err, &torn) {
		return fmt.Errorf("%s %s: %w: %w", op, l.Dir(), ErrNoSpace, err)
	}
	if !errors.As(err, &torn) {
		return l.failOpen(op, err)
	}
	return l.fail(op, err)
}

// failOpen is fail for a step that can be taken again when it could not open a file.
func (l *Log) failOpen(op string, err error) error {
	if vfs.IsBusy(err) {
		return fmt.Errorf("%s %s: %w: %w", op, l.Dir(), ErrBusy, err)
	}
	return l.fail(op, err)
}

// passes tells a full disk and a lack of file descriptors from a disk that failed.
func passes(err error) bool { return errors.Is(err, ErrNoSpace) || errors.Is(err, ErrBusy) }

// failRead tells damaged data and a log that was closed meanwhile from a failing disk.
func (l *Log) failRead(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case l.closed.Load():
		return ErrClosed
	case errors.Is(err, record.ErrCorrupt), errors.Is(err, record.ErrInvalidRecord), errors.Is(err, record.ErrTooLarge),
		errors.Is(err, record.ErrUnsupportedCompression):
		return fmt.Errorf("%s %s: %w", op, l.Dir(), err)
	}
	return l.failOpen(op, err)
}
