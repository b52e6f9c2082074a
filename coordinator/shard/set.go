package shard

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options make a Set.
type Options[M Machine] struct {
	// Topic is the internal topic's name, for the log.
	Topic string
	// Lead gives the partition that this broker leads at the epoch, or ErrNotLeader.
	Lead func(partition, epoch int32) (Log, error)
	// New makes a machine for a partition that is about to be loaded.
	New func(partition int32) M
	// Now is the clock.
	Now    func() time.Time
	Logger *slog.Logger
}

// Set has the shards of one internal topic that are led here.
type Set[M Machine] struct {
	options Options[M]
	timer   timer[M]
	queue   queue[M]

	// shards by partition; nil where another broker leads. Replaced as a whole.
	shards atomic.Pointer[[]*Shard[M]]

	mu     sync.Mutex // held to change shards
	closed bool       // Run has ended
}

// NewSet makes a set that leads nothing.
func NewSet[M Machine](o Options[M]) *Set[M] {
	s := &Set[M]{options: o}
	s.timer.now = o.Now
	s.timer.changed = make(chan struct{}, 1)
	s.queue.more = make(chan struct{}, 1)
	s.shards.Store(&[]*Shard[M]{})
	return s
}

// Load makes this broker the partition's coordinator from the epoch on. It returns at once.
// An epoch that is not newer than the present one is ignored.
func (s *Set[M]) Load(partition, epoch int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.at(partition)
	if s.closed || partition < 0 || old != nil && old.epoch >= epoch {
		return
	}
	if old != nil {
		old.retire()
	}
	sh := &Shard[M]{partition: partition, epoch: epoch, set: s}
	sh.alarm.Value = sh
	s.put(partition, sh)
	s.queue.push(sh)
}

// Unload ends it. An epoch older than the present one is ignored; -1 means whatever it is.
func (s *Set[M]) Unload(partition, epoch int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.at(partition)
	if old == nil || epoch >= 0 && epoch < old.epoch {
		return
	}
	s.put(partition, nil)
	old.retire()
}

// Enter locks the partition's shard for a request, until its Leave. Errors: ErrNotLeader,
// ErrLoading.
func (s *Set[M]) Enter(partition int32) (*Shard[M], error) {
	sh := s.at(partition)
	if sh == nil {
		return nil, ErrNotLeader
	}
	if err := sh.enter(); err != nil {
		return nil, err
	}
	return sh, nil
}

// All are the shards that are led here, loaded or not.
func (s *Set[M]) All() (all []*Shard[M]) {
	for _, sh := range *s.shards.Load() {
		if sh != nil {
			all = append(all, sh)
		}
	}
	return all
}

func (s *Set[M]) at(partition int32) *Shard[M] {
	shards := *s.shards.Load()
	if partition < 0 || int(partition) >= len(shards) {
		return nil
	}
	return shards[partition]
}

func (s *Set[M]) put(partition int32, sh *Shard[M]) {
	shards := slices.Clone(*s.shards.Load())
	for int(partition) >= len(shards) {
		shards = append(shards, nil)
	}
	shards[partition] = sh
	s.shards.Store(&shards)
}

// loaders is how many partitions are read at the same time.
const loaders = 4

// Run reads what Load was told and wakes the machines in time, until ctx ends. Then it
// retires all shards and returns nil.
func (s *Set[M]) Run(ctx context.Context) error {
	var all errgroup.Group
	for range loaders {
		all.Go(func() error { s.queue.run(ctx); return nil })
	}
	all.Go(func() error { s.timer.run(ctx); return nil })
	err := all.Wait()
	s.mu.Lock()
	s.closed = true
	shards := s.All()
	s.shards.Store(&[]*Shard[M]{})
	s.mu.Unlock()
	for _, sh := range shards {
		sh.retire()
	}
	return err
}
