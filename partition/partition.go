// Package partition is this broker's part in each partition: a Replica holds
// the log, a Leader is the right to write it, a Follower the right to copy into
// it what the leader has.
//
//	Set ── Replica ── *log.Log, high watermark
//	          ├────── Leader (epoch 7) ── followers' progress, in-sync set
//	          └────── Follower (epoch 7) ── whom it copies
//
// Roles are values: only a Leader can append, only a Follower can copy or
// truncate, and Replica.Leader and Replica.Follower give one only to a caller
// whose idea of the epoch is the right one. A role that has been replaced is
// retired and refuses, so nobody can forget to check.
//
//	         Lead(8)                    Follow(9)
//	none ──────────→ Leader 8 ─────────────────→ Follower 9
//	  ↑                  │ retired; whoever waits is woken │
//	  └────── Stop ──────┴──────────── Stop ───────────────┘
//
// The high watermark is the replica's and outlives the roles: a follower takes
// its leader's, a new leader begins with what it knew as a follower, and the
// directory's checkpoint keeps it over a restart. The rules are in package isr.
//
// The order of locks is Replica, role, Leader, the log's own, a wait.List.
// Waiters are woken and proposals made with none of them held.
package partition

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition/wait"
)

// What a partition refuses, beside what its log refuses.
var (
	// ErrUnknown means that this broker has no replica of the partition.
	ErrUnknown = errors.New("no replica of this partition here")
	// ErrOffline means that the disk with the replica has failed.
	ErrOffline = errors.New("the log directory of this partition is offline")
	// ErrNotLeader means that this broker does not lead the partition, or no
	// longer.
	ErrNotLeader = errors.New("not the leader of this partition")
	// ErrNotFollower means that this broker does not follow the partition's
	// leader, or no longer.
	ErrNotFollower = errors.New("not a follower of this partition")
	// ErrFencedEpoch means that the caller's leader epoch is older (KIP-320).
	ErrFencedEpoch = errors.New("the leader epoch in the request is older than the leader's")
	// ErrUnknownEpoch means that the caller's leader epoch is newer (KIP-320).
	ErrUnknownEpoch = errors.New("the leader epoch in the request is newer than the leader's")
	// ErrNotEnoughReplicas means that fewer replicas are in sync than
	// min.insync.replicas asks for. Nothing was written.
	ErrNotEnoughReplicas = errors.New("fewer in-sync replicas than required")
	// ErrNotEnoughReplicasAfterAppend means the same, found out when the records
	// had been written. They stay.
	ErrNotEnoughReplicasAfterAppend = errors.New("records are written, but fewer replicas are in sync than required")
	// ErrInconsistentID means that the log on disk is of another topic that had
	// the same name.
	ErrInconsistentID = errors.New("the log belongs to another topic of this name")
	// ErrStaleEpoch means that an order is older than the present role.
	ErrStaleEpoch = errors.New("order is older than the present role")
	// ErrNotAtEnd means that what is to be copied was fetched for another offset
	// than the log's end.
	ErrNotAtEnd = errors.New("records to be copied are not those at the end of the log")
)

// State is what the controller decided about a partition.
type State struct {
	TopicID        [16]byte // zero: the topic has none
	Leader         int32    // -1: none
	LeaderEpoch    int32
	ISR            []int32
	Replicas       []int32
	Adding         []int32 // those of them that a reassignment adds
	Removing       []int32 // and those that it will remove
	PartitionEpoch int32
	// LeaderRecovery is 1 after an unclean election (KIP-704). A leader has
	// nothing to recover, and treats it as 0 at once.
	LeaderRecovery int8
	Config         log.Config // the topic's configuration
	// New says that the replica has never been: an empty log is right.
	New bool
	// Aside: should the disk have a log of another topic of that name, from before the
	// broker was started, it is set aside and kept, and the replica begins empty.
	Aside bool
}

// Replica is this broker's copy of one partition.
type Replica struct {
	id  checkpoint.Partition
	set *Set
	at  atomic.Pointer[place] // never nil

	leader   atomic.Pointer[Leader]   // nil: none here
	follower atomic.Pointer[Follower] // nil: none here; never both
	epoch    atomic.Int32             // the role's leader epoch; -1 without a role
	gone     atomic.Bool              // deleted
	high     atomic.Int64             // the high watermark; written by the role, in start ≤ high ≤ end

	damaged atomic.Pointer[[]damage] // what the disk has changed; nil: nothing is known to be
	// short is set when the log ends below the high watermark of its checkpoint:
	// the disk has lost records that were shown.
	short atomic.Bool

	moving atomic.Pointer[reassignment] // nil: none is under way

	watchers wait.List

	mu             sync.Mutex // one change of role at a time
	partitionEpoch int32      // of the last order; -1 without a role
}

// place is where a replica is kept. It changes when the log is moved to another
// directory.
type place struct {
	log *log.Log
	dir *dir.Dir
}

// ID names the partition.
func (r *Replica) ID() checkpoint.Partition { return r.id }

// Log is the replica's log. Changing it is the Leader's and the Follower's.
// After the log was moved to another directory, one that was got before is
// closed.
func (r *Replica) Log() *log.Log { return r.at.Load().log }

// TopicID returns the topic's id; zero when it has none.
func (r *Replica) TopicID() [16]byte { return r.Log().TopicID() }

// Watchers is who waits for something to happen at the partition.
func (r *Replica) Watchers() *wait.List { return &r.watchers }

// Dir is the data directory that holds the replica.
func (r *Replica) Dir() *dir.Dir { return r.at.Load().dir }

// HighWatermark is the offset below which every record is safe to show, as far
// as this broker knows.
func (r *Replica) HighWatermark() int64 { return r.high.Load() }

// Epoch returns the epoch at which this broker leads, -1 when it does not.
func (r *Replica) Epoch() int32 {
	if l := r.leader.Load(); l != nil {
		return l.epoch
	}
	return -1
}

// Leader returns the leadership if this broker has it and the caller's epoch is
// the present one. Epoch -1 takes any.
//
// Errors: ErrUnknown, ErrOffline, ErrNotLeader, ErrFencedEpoch, ErrUnknownEpoch.
func (r *Replica) Leader(epoch int32) (*Leader, error) {
	l := r.leader.Load()
	if err := r.usable(); err != nil {
		return nil, err
	}
	if l != nil && (epoch == -1 || epoch == l.epoch) {
		return l, nil
	}
	if err := r.checkEpoch(epoch); err != nil {
		return nil, err
	}
	return nil, ErrNotLeader
}

// Leads says whether this broker leads the partition.
func (r *Replica) Leads() bool { return r.leader.Load() != nil }

// Follower returns the followership if this broker has it and the caller's
// epoch is the present one. Epoch -1 takes any.
//
// Errors: ErrUnknown, ErrOffline, ErrNotFollower, ErrFencedEpoch,
// ErrUnknownEpoch.
func (r *Replica) Follower(epoch int32) (*Follower, error) {
	f := r.follower.Load()
	if err := r.usable(); err != nil {
		return nil, err
	}
	if f != nil && (epoch == -1 || epoch == f.epoch) {
		return f, nil
	}
	if err := r.checkEpoch(epoch); err != nil {
		return nil, err
	}
	return nil, ErrNotFollower
}

func (r *Replica) usable() error {
	switch {
	case r.gone.Load():
		return ErrUnknown
	case r.Dir().Err() != nil:
		return ErrOffline
	}
	return nil
}

// checkEpoch compares a caller's epoch with the role's. A replica without a
// role has none to compare with.
func (r *Replica) checkEpoch(epoch int32) error {
	present := r.epoch.Load()
	switch {
	case epoch < 0 || present < 0 || epoch == present:
		return nil
	case epoch < present:
		return ErrFencedEpoch
	}
	return ErrUnknownEpoch
}

// lost wakes whoever waits: the role has changed or the disk has failed.
func (r *Replica) lost() { r.watchers.Notify(wait.Event{Lost: true}) }

func (r *Replica) logger() *slog.Logger {
	return r.set.o.Logger.With("topic", r.id.Topic, "partition", r.id.Index)
}
