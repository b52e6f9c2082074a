// Package shard runs the state machines of an internal topic, one for each of its partitions
// that this broker leads: decide, append, apply, answer.
//
//	Load ──▶ loading ──(log read to its end)──▶ active ──▶ gone ◀── Unload, or a newer Load
//	            │  ▲
//	    (error) ▼  │ (a little later)
//	           failed
//
// A request enters its shard, which locks it, lets the machine decide, appends with the
// shard's Writer what the machine wants written, lets the machine apply it, and leaves.
// An append that fails has changed nothing. The answer is given after Wait, when the log is
// committed up to where it stood when the shard was left: so no answer is built on what a
// failover could take back.
//
// The timers of all machines are one heap and one goroutine, in Set.Run.
package shard

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leatmq/leat/coordinator/deadline"
)

// ErrLoading says that the partition is led here but has not been read yet.
var ErrLoading = errors.New("the internal partition is being loaded")

// Machine is the state of one partition and its rules. It is only used with its shard locked,
// or, before Loaded, by nobody else.
type Machine interface {
	// Replay takes the next whole batches of the log while loading. With an error the
	// loading begins again later, with a new machine.
	Replay(batches []byte) error
	// Loaded is called once, after the last Replay.
	Loaded(w *Writer)
	// Deadline is a time before which Tick has nothing to do; false for never.
	Deadline() (time.Time, bool)
	// Tick does all that is due.
	Tick(w *Writer)
	// Retire is called once when the partition is led here no longer.
	Retire()
}

// Shard is one partition. Machine and Writer may be used between Enter and Leave.
type Shard[M Machine] struct {
	Machine M
	Writer  Writer

	partition int32
	epoch     int32
	set       *Set[M]

	mu    sync.Mutex
	phase phase
	abort context.CancelFunc // ends the loading that is under way; nil when none is
	armed time.Time          // when the set's timer wakes the shard; zero for never
	alarm deadline.Entry[*Shard[M]]
}

type phase uint8

const (
	loading phase = iota
	failed        // loading begins again at the alarm
	active
	gone
)

// Partition is the number of the partition.
func (s *Shard[M]) Partition() int32 { return s.partition }

// enter locks the shard for a request.
func (s *Shard[M]) enter() error {
	s.mu.Lock()
	switch s.phase {
	case active:
		if s.Writer.log.Led() {
			return nil
		}
		fallthrough // the order to retire comes later, or, with a broken disk, never
	case gone:
		s.mu.Unlock()
		return ErrNotLeader
	default:
		s.mu.Unlock()
		return ErrLoading
	}
}

// Again enters the shard anew after Leave. Error: ErrNotLeader.
func (s *Shard[M]) Again() error { return s.enter() }

// Leave unlocks the shard. It must not be used afterwards, but for Wait.
func (s *Shard[M]) Leave() {
	s.rearm()
	s.mu.Unlock()
}

// rearm sees to it that the machine is woken in time. A deadline that was put off needs
// nothing: the shard wakes too early once.
func (s *Shard[M]) rearm() {
	at, ok := s.Machine.Deadline()
	if ok && (s.armed.IsZero() || at.Before(s.armed)) {
		s.armed = at
		s.set.timer.set(&s.alarm, at)
	}
}

// past is a context that is over: who is asked to wait with it answers whether there is
// anything to wait for.
var past = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Wait returns when everything below end is committed, at most after the given time. Errors:
// ErrTimedOut, ErrNotLeader, the log's, ctx's.
func (s *Shard[M]) Wait(ctx context.Context, end int64, atMost time.Duration) error {
	if s.Writer.log.Wait(past, end) == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	err := s.Writer.log.Wait(limited, end)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return ErrTimedOut
	}
	return err
}

// wake is the timer's call at the shard's alarm.
func (s *Shard[M]) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = time.Time{}
	switch s.phase {
	case active:
		s.Machine.Tick(&s.Writer)
		s.rearm()
	case failed:
		s.phase = loading
		s.set.queue.push(s)
	}
}

// retire ends the shard.
func (s *Shard[M]) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abort != nil {
		s.abort()
	}
	if s.phase == active {
		s.Machine.Retire()
	}
	s.phase = gone
	s.set.timer.clear(&s.alarm)
}
