package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Error is what the clients return: what was tried, why it failed, and what
// may be done about it.
type Error struct {
	// Op is what was tried, such as `create topic "a"`.
	Op string
	// Err is the cause. errors.Is finds the Kafka error (package kerr) in it.
	Err error
	// Hint is the next step, empty when there is nothing useful to say.
	Hint string
}

// Error says what failed, why, and the next step, on one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s", e.Op, cause(e.Err))
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// cause is err in the words of a person: Kafka's code and its description, or
// the broker's own message where it sent one.
func cause(err error) string {
	var withMessage *kadm.ErrAndMessage
	var code *kerr.Error
	switch {
	case errors.As(err, &withMessage) && withMessage.ErrMessage != "":
		if errors.As(withMessage.Err, &code) {
			return code.Message + ": " + withMessage.ErrMessage
		}
		return withMessage.ErrMessage
	case errors.As(err, &code):
		return code.Message + ": " + strings.TrimSuffix(code.Description, ".")
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	default:
		return err.Error()
	}
}

// wrap gives err its operation and hint; nil stays nil.
func (c Config) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	return &Error{Op: op, Err: err, Hint: c.hint(err)}
}

// hints are the next steps for Kafka errors that people meet.
var hints = map[error]string{
	kerr.UnknownTopicOrPartition:  "`leat topic list` shows the topics; `leat topic create` makes one",
	kerr.TopicAlreadyExists:       "`leat topic describe` shows it; --if-not-exists makes this no error",
	kerr.InvalidTopicException:    "names have 1 to 249 of a-z A-Z 0-9 . _ -, and a.b cannot stand beside a_b",
	kerr.InvalidReplicationFactor: "there must be at least as many brokers as replicas",
	kerr.InvalidPartitions:        "a topic's partition count can only grow",
	kerr.NonEmptyGroup:            "stop the group's consumers first; `leat group describe` names them",
	kerr.GroupIDNotFound:          "`leat group list` shows the groups",
	kerr.MessageTooLarge:          "raise the topic's max.message.bytes: `leat topic alter NAME -c max.message.bytes=N`",
	kerr.InvalidConfig:            "docs/configuration.md lists the keys and their ranges",
	kerr.TopicDeletionDisabled:    "the broker runs with delete.topic.enable=false",
}

// hint is the next step for err, empty when none is known.
func (c Config) hint(err error) string {
	for code, hint := range hints {
		if errors.Is(err, code) {
			return hint
		}
	}
	var dns *net.DNSError
	at := strings.Join(c.bootstrap(), ",")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens on %s; start a broker with `leat broker`, or name another with --bootstrap or LEAT_BOOTSTRAP", at)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q does not resolve; check --bootstrap or LEAT_BOOTSTRAP", dns.Name)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout):
		return fmt.Sprintf("is %s a Kafka listener, and does its advertised address lead back to it? `leat broker --help` explains --advertise", at)
	}
	return ""
}
