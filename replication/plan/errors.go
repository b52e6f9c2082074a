package plan

import (
	"errors"
	"fmt"
)

// What a plan can refuse. broker/api has the Kafka code of each.
var (
	ErrTopicExists          = errors.New("topic exists")
	ErrUnknownTopic         = errors.New("unknown topic or partition")
	ErrUnknownTopicID       = errors.New("unknown topic id")
	ErrInvalidTopic         = errors.New("invalid topic")
	ErrInvalidPartitions    = errors.New("invalid number of partitions")
	ErrInvalidReplication   = errors.New("invalid replication factor")
	ErrInvalidAssignment    = errors.New("invalid replica assignment")
	ErrInvalidConfig        = errors.New("invalid configuration")
	ErrInvalidRequest       = errors.New("invalid request")
	ErrReassigning          = errors.New("reassignment in progress")
	ErrNoReassignment       = errors.New("no reassignment in progress")
	ErrElectionNotNeeded    = errors.New("election not needed")
	ErrPreferredUnavailable = errors.New("preferred leader not available")
	ErrNoEligibleLeader     = errors.New("eligible leaders not available")
	ErrRacks                = errors.New("only some brokers have a rack")
	ErrDeletionDisabled     = errors.New("topic deletion is disabled")
	ErrUnknownBroker        = errors.New("broker not available")
	ErrStaleBrokerEpoch     = errors.New("stale broker epoch")
	ErrNotController        = errors.New("not the controller")
	ErrFencedLeaderEpoch    = errors.New("fenced leader epoch")
	ErrInvalidUpdateVersion = errors.New("invalid update version")
	ErrIneligibleReplica    = errors.New("ineligible replica")
)

// Error is a refusal: its kind, one of the errors of this package, and the
// sentence the client is told.
type Error struct {
	Kind    error
	Message string
}

// Error is the sentence.
func (e *Error) Error() string { return e.Message }

// Unwrap is the kind.
func (e *Error) Unwrap() error { return e.Kind }

func refuse(kind error, message string) error { return &Error{Kind: kind, Message: message} }

// NoSuchTopic is the refusal of a request about a topic that is not there.
func NoSuchTopic(name string) error {
	return refuse(ErrUnknownTopic, fmt.Sprintf("The topic '%s' does not exist.", name))
}
