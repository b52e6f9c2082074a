package record

import (
	"errors"
	"fmt"
)

// The kinds of Error; each stands for one error code of the protocol.
var (
	// ErrCorrupt is CORRUPT_MESSAGE: the bytes are not what their writer meant.
	ErrCorrupt = errors.New("record set is corrupt")
	// ErrInvalidRecord is INVALID_RECORD: well-formed bytes that say what they must not.
	ErrInvalidRecord = errors.New("record set is invalid")
	// ErrInvalidTimestamp is INVALID_TIMESTAMP.
	ErrInvalidTimestamp = errors.New("record timestamp is invalid")
	// ErrTooLarge is MESSAGE_TOO_LARGE.
	ErrTooLarge = errors.New("record batch is too large")
	// ErrUnsupportedCompression is UNSUPPORTED_COMPRESSION_TYPE.
	ErrUnsupportedCompression = errors.New("compression type is not supported")
	// ErrUnsupportedForFormat is UNSUPPORTED_FOR_MESSAGE_FORMAT.
	ErrUnsupportedForFormat = errors.New("message format does not support this")
)

// Error is why a record set was refused. errors.Is finds its Kind.
type Error struct {
	// Kind is one of the Err values of this package.
	Kind error
	// Message is what Kafka tells the producer about it; empty where Kafka says nothing.
	Message string
	// Detail is what was wrong, for logs and for people.
	Detail string
	// Records lists the records at fault where Kafka lists them (Produce 8 and later).
	Records []RecordError
	// Early says that the set was refused before any log was asked. Kafka answers such a
	// refusal, like ErrCorrupt and ErrTooLarge, without a log start offset.
	Early bool
}

// RecordError is what is wrong with one record of a refused batch.
type RecordError struct {
	Index   int // of the record in its batch
	Message string
}

// Error gives the kind and the most that is known.
func (e *Error) Error() string {
	switch {
	case e.Detail != "":
		return e.Kind.Error() + ": " + e.Detail
	case e.Message != "":
		return e.Kind.Error() + ": " + e.Message
	default:
		return e.Kind.Error()
	}
}

// Unwrap gives the Kind.
func (e *Error) Unwrap() error { return e.Kind }

func corrupt(format string, args ...any) error {
	return &Error{Kind: ErrCorrupt, Detail: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &Error{Kind: ErrInvalidRecord, Detail: fmt.Sprintf(format, args...)}
}

func tooLarge(size int, r *Rules) error {
	return &Error{Kind: ErrTooLarge, Detail: fmt.Sprintf("batch of %d bytes where %d are allowed", size, r.MaxBatchBytes)}
}
