package shard

import (
	"context"
	"errors"
)

// Log is one internal partition led by this broker at one epoch: what is true for a shard.
// Once the leadership is lost every method answers ErrNotLeader.
type Log interface {
	// Append writes one batch at the end and returns the offset behind its last record. It
	// does not wait for replicas. The bytes are the caller's again afterwards.
	Append(batch []byte) (end int64, err error)
	// Wait returns nil when everything below end is committed, at once when it already is.
	Wait(ctx context.Context, end int64) error
	// Led says whether the leadership lasts: whoever is asked what needs no append must
	// not answer for a partition that another broker leads.
	Led() bool
	// Read hands over the log from its start to its end, committed or not: whole batches, in
	// order, in pieces of any size. A piece may be used until visit returns; an error of
	// visit ends the reading and is returned.
	Read(ctx context.Context, visit func(batches []byte) error) error
}

// The errors of a Log that callers tell apart. Others count as an unknown failure of the
// server.
var (
	// ErrNotLeader says that the partition is led elsewhere by now (NOT_LEADER_OR_FOLLOWER)
	// or that its disk failed (KAFKA_STORAGE_ERROR).
	ErrNotLeader = errors.New("the internal partition is not led here")
	// ErrUnavailable says that the partition is gone or has too few replicas in sync
	// (UNKNOWN_TOPIC_OR_PARTITION, NOT_ENOUGH_REPLICAS and NOT_ENOUGH_REPLICAS_AFTER_APPEND).
	ErrUnavailable = errors.New("the internal partition takes no records now")
	// ErrTooLarge says that the batch is larger than the topic takes (MESSAGE_TOO_LARGE,
	// RECORD_LIST_TOO_LARGE).
	ErrTooLarge = errors.New("the records are larger than the internal topic takes")
	// ErrTimedOut says that the replicas did not have the batch in time (REQUEST_TIMED_OUT).
	// It is in the log all the same.
	ErrTimedOut = errors.New("the replicas did not take the records in time")
)
