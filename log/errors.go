package log

import (
	"errors"
	"fmt"
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
	// ErrSetTooLarge means that one append is larger than a whole segment may
	// be (RECORD_LIST_TOO_LARGE).
	ErrSetTooLarge = errors.New("record set is larger than segment.bytes")
)

// IOError says that the disk failed under a log. The log takes no more appends:
// what it believes about its files may no longer be so. It wraps the cause.
type IOError struct {
	Op   string // what was tried: "append", "flush", "roll", ...
	Path string // the partition directory or the file
	Err  error
}

// Error tells what failed where.
func (e *IOError) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the cause.
func (e *IOError) Unwrap() error { return e.Err }
