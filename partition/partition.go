// Package partition is this broker's part in each partition: a Replica holds
// the log, a Leader is the right to write it.
//
//	Set ── Replica ── *log.Log
//	          └────── Leader (epoch 7) ── high watermark, last stable offset
//
// Leadership is a value: only a Leader can append or show what is committed,
// and Replica.Leader gives one only to a caller whose idea of the epoch is the
// right one. A Leader that has been replaced is retired and refuses, so nobody
// can forget to check.
//
//	Lead(epoch 7)        Lead(epoch 8) or Delete
//	no leader ──→ Leader 7 ──→ retired; whoever waits is woken
//
// The order of locks is Replica, Leader, the log's own, a wait.List. Waiters
// are woken with none of them held.
package partition

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition/isr"
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
	// ErrFencedEpoch means that the caller's leader epoch is older (KIP-320).
	ErrFencedEpoch = errors.New("the leader epoch in the request is older than the leader's")
	// ErrUnknownEpoch means that the caller's leader epoch is newer (KIP-320).
	ErrUnknownEpoch = errors.New("the leader epoch in the request is newer than the leader's")
	// ErrNotEnoughReplicas means that fewer replicas are in sync than
	// min.insync.replicas asks for. Nothing was written.
	ErrNotEnoughReplicas = errors.New("fewer in-sync replicas than required")
	// ErrInconsistentID means that the log on disk is of another topic that had
	// the same name.
	ErrInconsistentID = errors.New("the log belongs to another topic of this name")
	// ErrStaleEpoch means that an order to lead is older than the present
	// leadership.
	ErrStaleEpoch = errors.New("order to lead is older than the present leadership")
)

// State is what the controller decided about a partition.
type State struct {
	TopicID        [16]byte // zero: the topic has none
	Leader         int32
	LeaderEpoch    int32
	ISR            []int32
	Replicas       []int32
	PartitionEpoch int32
	Config         log.Config // the topic's configuration
	// New says that the replica has never been: an empty log is right.
	New bool
}

// Replica is this broker's copy of one partition.
type Replica struct {
	id  checkpoint.Partition
	set *Set
	at  atomic.Pointer[place] // never nil

	leader atomic.Pointer[Leader] // nil: none here
	gone   atomic.Bool            // deleted

	watchers wait.List

	mu sync.Mutex // one change of role at a time
}

// place is where a replica is kept. It changes when the log is moved to another
// directory.
type place struct {
	log *log.Log
	dir *dir.Dir
}

// ID names the partition.
func (r *Replica) ID() checkpoint.Partition { return r.id }

// Log is the replica's log. Appending to it is the Leader's. After the log was
// moved to another directory, one that was got before is closed.
func (r *Replica) Log() *log.Log { return r.at.Load().log }

// TopicID returns the topic's id; zero when it has none.
func (r *Replica) TopicID() [16]byte { return r.Log().TopicID() }

// Watchers is who waits for something to happen at the partition.
func (r *Replica) Watchers() *wait.List { return &r.watchers }

// Dir is the data directory that holds the replica.
func (r *Replica) Dir() *dir.Dir { return r.at.Load().dir }

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
	switch {
	case l == nil && r.gone.Load():
		return nil, ErrUnknown
	case r.Dir().Err() != nil:
		return nil, ErrOffline
	case l == nil:
		return nil, ErrNotLeader
	case epoch == -1 || epoch == l.epoch:
		return l, nil
	case epoch < l.epoch:
		return nil, ErrFencedEpoch
	}
	return nil, ErrUnknownEpoch
}

// lead makes this broker the leader at the state's epoch.
func (r *Replica) lead(s State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.adopt(s); err != nil {
		return err
	}
	old := r.leader.Load()
	switch {
	case old != nil && s.LeaderEpoch < old.epoch:
		return ErrStaleEpoch
	case old != nil && s.LeaderEpoch == old.epoch:
		old.setReplicas(s)
		return nil
	}
	if old != nil {
		old.retire()
		defer r.lost() // when there is a new leader to look at
	}
	err := r.Log().AssignEpoch(s.LeaderEpoch)
	if err == nil {
		err = r.secure()
	}
	if err != nil {
		r.leader.CompareAndSwap(old, nil)
		return err
	}
	l := &Leader{replica: r, epoch: s.LeaderEpoch, begin: r.Log().EndOffset()}
	l.progress = isr.Start(l.begin)
	l.high.Store(l.begin)
	l.setReplicas(s)
	r.leader.Store(l)
	return nil
}

// secure brings to the disk what the log has found there after a kill, where it counts
// only then: it is shown from now on, and whoever sends it again is told that it is safe.
func (r *Replica) secure() error {
	lg := r.Log()
	end := lg.EndOffset()
	if r.set.o.GroupCommit || end-lg.RecoveryPoint() >= lg.Config().FlushMessages {
		return lg.Sync(end)
	}
	return nil
}

func (r *Replica) configure(c log.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Log().Configure(c)
}

// adopt makes the log the topic's: its id and its configuration.
func (r *Replica) adopt(s State) error {
	r.Log().Configure(s.Config)
	had := r.Log().TopicID()
	switch {
	case s.TopicID == [16]byte{} || s.TopicID == had:
		return nil
	case had == [16]byte{}:
		return r.Log().SetTopicID(s.TopicID)
	}
	return ErrInconsistentID
}

// resign ends the leadership, if there is one, and wakes whoever waits on it.
func (r *Replica) resign() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.leader.Swap(nil); l != nil {
		l.retire()
	}
	r.lost()
}

// remove makes the replica refuse everything: it is about to be deleted.
func (r *Replica) remove() {
	r.gone.Store(true)
	r.resign()
}

// lost wakes whoever waits: the disk has failed.
func (r *Replica) lost() { r.watchers.Notify(wait.Event{Lost: true}) }

func (r *Replica) logger() *slog.Logger {
	return r.set.o.Logger.With("topic", r.id.Topic, "partition", r.id.Index)
}
