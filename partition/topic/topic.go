// Package topic says what a topic is called and how it is identified: which
// names are legal, which two names may not stand side by side, which topics are
// Kafka's own, and the 16-byte ids that tell two incarnations of one name apart
// (KIP-516).
//
//	name   1..249 of [A-Za-z0-9._-], neither "." nor ".."
//	id     16 bytes, written as 22 characters of URL-safe base64 without padding
//
// Names differing only in '.' and '_' collide, because Kafka's metric names
// turn one into the other.
package topic

import (
	"errors"
	"fmt"
	"strings"
)

// MaxNameLength is the longest legal topic name in bytes. With "-<partition>"
// and a suffix behind it, a directory name stays below 255.
const MaxNameLength = 249

// Names of Kafka's internal topics.
const (
	ConsumerOffsets  = "__consumer_offsets"
	TransactionState = "__transaction_state"
	ClusterMetadata  = "__cluster_metadata"
)

// ErrInvalidName is what every refused name wraps.
var ErrInvalidName = errors.New("invalid topic name")

// NameError says why a name is refused. It wraps ErrInvalidName.
type NameError struct {
	Name   string
	Reason string
}

// Error is the sentence a client is told.
func (e *NameError) Error() string {
	return fmt.Sprintf("Topic name is invalid: %s", e.Reason)
}

// Unwrap makes errors.Is(err, ErrInvalidName) true.
func (e *NameError) Unwrap() error { return ErrInvalidName }

// Validate returns nil for a legal name and a *NameError otherwise.
func Validate(name string) error {
	switch {
	case name == "":
		return &NameError{Name: name, Reason: "the empty string is not allowed"}
	case name == "." || name == "..":
		return &NameError{Name: name, Reason: fmt.Sprintf("'%s' is not allowed", name)}
	case len(name) > MaxNameLength:
		return &NameError{Name: name, Reason: fmt.Sprintf(
			"the length of '%s' is longer than the max allowed length %d", name, MaxNameLength)}
	}
	for i := 0; i < len(name); i++ {
		if !legal(name[i]) {
			return &NameError{Name: name, Reason: fmt.Sprintf(
				"'%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)}
		}
	}
	return nil
}

func legal(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == '-'
}

// MayCollide says whether another name could differ from this one only in '.'
// and '_'. Most names have neither, so most creations need no search.
func MayCollide(name string) bool { return strings.ContainsAny(name, "._") }

// Unify is the form in which two colliding names are equal.
func Unify(name string) string { return strings.ReplaceAll(name, ".", "_") }

// Collide says whether two different names have the same unified form.
func Collide(a, b string) bool { return a != b && Unify(a) == Unify(b) }

// Internal says whether clients see the topic marked as Kafka's own.
func Internal(name string) bool {
	return name == ConsumerOffsets || name == TransactionState
}
