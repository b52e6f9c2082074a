package partition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
)

// Options say what a Set is made of.
type Options struct {
	// Dirs holds the logs.
	Dirs *dir.Set
	// GroupCommit makes every append wait for the disk before it is committed;
	// all that wait share one fsync (leat.fsync=group).
	GroupCommit bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// MaxLag is replica.lag.time.max.ms: how long a follower may be behind and
	// stay in sync. 0: 30 s.
	MaxLag time.Duration
	// Alive says whether a broker is registered, as far as this one knows. It
	// must not block. Nil: all are.
	Alive func(broker int32) bool
	// Propose asks the controller for another in-sync set; the answer comes by
	// Set.Answered. It must not block. Nil: in-sync sets stay as they are.
	Propose func(Proposal)
	// Damaged is told, once for each range, that a replica with a role at a leader
	// epoch has lost committed records, or that its disk has changed them, from an
	// offset on. As a follower it fetches them again by itself; a leader should
	// give way to another replica in sync. It must not block. Nil: nobody.
	Damaged func(p checkpoint.Partition, leaderEpoch int32, offset int64)
	// Logger gets what fails in the background; nil: slog.Default().
	Logger *slog.Logger
}

// Set is all partitions that this broker has a replica of. All methods may be
// called concurrently; finding one takes no lock that appends share.
type Set struct {
	o      Options
	seed   maphash.Seed
	shards [64]shard
	commit commit

	mu     sync.Mutex
	topics map[string][]*Replica // all replicas, by topic
}

// shard holds the replicas whose names hash to it.
type shard struct {
	mu       sync.RWMutex
	replicas map[checkpoint.Partition]*Replica
}

// NewSet returns a set without replicas. Those that the directories hold join
// it as the controller orders to lead them.
func NewSet(o Options) *Set {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxLag = cmp.Or(o.MaxLag, 30*time.Second)
	if o.Propose == nil {
		o.Propose = func(Proposal) {}
	}
	if o.Damaged == nil {
		o.Damaged = func(checkpoint.Partition, int32, int64) {}
	}
	s := &Set{o: o, seed: maphash.MakeSeed(), topics: make(map[string][]*Replica)}
	s.commit.more = make(chan struct{}, 1)
	return s
}

// Run makes records durable for topics that want it, and looks after followers
// that fall behind, until ctx ends.
func (s *Set) Run(ctx context.Context) error {
	var shrinking sync.WaitGroup
	defer shrinking.Wait()
	shrinking.Go(func() {
		tick := time.NewTicker(s.o.MaxLag / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.shrink()
			}
		}
	})
	return s.commit.run(ctx)
}

// Get returns this broker's replica. Error: ErrUnknown.
func (s *Set) Get(p checkpoint.Partition) (*Replica, error) {
	sh := s.shard(maphash.String(s.seed, p.Topic), p.Index)
	sh.mu.RLock()
	r := sh.replicas[p]
	sh.mu.RUnlock()
	if r == nil {
		return nil, ErrUnknown
	}
	return r, nil
}

// Find is Get for a name that is still in a request's buffer. It allocates
// nothing.
func (s *Set) Find(topic []byte, index int32) (*Replica, error) {
	sh := s.shard(maphash.Bytes(s.seed, topic), index)
	sh.mu.RLock()
	r := sh.replicas[checkpoint.Partition{Topic: string(topic), Index: index}]
	sh.mu.RUnlock()
	if r == nil {
		return nil, ErrUnknown
	}
	return r, nil
}

func (s *Set) shard(hash uint64, index int32) *shard {
	return &s.shards[(hash+uint64(uint32(index)))%uint64(len(s.shards))]
}

// Lead makes this broker the leader of a partition at the state's epoch. The
// log is opened, or created if there is none. At the epoch that it leads at
// already, it takes over replicas and in-sync set. A state with a partition
// epoch older than the present one is skipped.
//
// Errors: ErrStaleEpoch, ErrInconsistentID, ErrOffline, *log.IOError.
func (s *Set) Lead(p checkpoint.Partition, st State) error {
	return s.assign(p, st, (*Replica).lead)
}

// Follow makes this broker a follower of the state's leader at its epoch, as
// Lead does.
//
// Errors: ErrStaleEpoch, ErrInconsistentID, ErrOffline, *log.IOError.
func (s *Set) Follow(p checkpoint.Partition, st State) error {
	return s.assign(p, st, (*Replica).follow)
}

func (s *Set) assign(p checkpoint.Partition, st State, role func(*Replica, State) error) error {
	r, err := s.Get(p)
	if err != nil {
		if r, err = s.open(p, st); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := role(r, st); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	s.add(r)
	r.confess()
	return nil
}

// Stop gives the role up: the replica takes part in nothing until the next Lead
// or Follow, at whatever epoch. Its log stays. Whoever waits is woken. Stopping
// what is not there succeeds.
func (s *Set) Stop(p checkpoint.Partition) {
	if r, err := s.Get(p); err == nil {
		r.stop()
	}
}

// add has the replica found from now on.
func (s *Set) add(r *Replica) {
	sh := s.shard(maphash.String(s.seed, r.id.Topic), r.id.Index)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.replicas[r.id] == r {
		return
	}
	if sh.replicas == nil {
		sh.replicas = make(map[checkpoint.Partition]*Replica)
	}
	sh.replicas[r.id] = r
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[r.id.Topic] = append(s.topics[r.id.Topic], r)
}

// take has the replica not found any more, and returns it; nil if there is none.
func (s *Set) take(p checkpoint.Partition) *Replica {
	sh := s.shard(maphash.String(s.seed, p.Topic), p.Index)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.replicas[p]
	if r == nil {
		return nil
	}
	delete(sh.replicas, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.topics[p.Topic], func(other *Replica) bool { return other == r })
	if s.topics[p.Topic] = left; len(left) == 0 {
		delete(s.topics, p.Topic)
	}
	return r
}

// open finds or makes the log of a replica that is not in the set yet.
func (s *Set) open(p checkpoint.Partition, st State) (*Replica, error) {
	l, ok := s.o.Dirs.Get(p)
	if ok && st.Aside && another(l.TopicID(), st.TopicID) {
		if err := s.o.Dirs.SetAside(p); err != nil {
			return nil, err
		}
		s.o.Logger.Warn("a log is of an earlier topic of that name: it is set aside with the suffix -stray and kept",
			"topic", p.Topic, "partition", p.Index, "end", l.EndOffset())
		ok = false
	}
	if !ok {
		var err error
		l, err = s.o.Dirs.Create(p, dir.NewLog{TopicID: st.TopicID, Config: st.Config, Fresh: st.New})
		if err != nil {
			return nil, err
		}
		if !st.New && st.LeaderEpoch > 0 {
			s.o.Logger.Warn("a partition that should have a log here has none; it begins empty",
				"topic", p.Topic, "partition", p.Index)
		}
	}
	d, ok := s.o.Dirs.DirOf(p)
	if !ok {
		return nil, ErrOffline
	}
	r := &Replica{id: p, set: s}
	r.at.Store(&place{log: l, dir: d})
	r.epoch.Store(-1)
	r.partitionEpoch = -1
	r.high.Store(s.o.Dirs.HighWatermark(p))
	r.short.Store(r.high.Load() > l.EndOffset())
	r.high.Store(r.clampedHigh())
	return r, nil
}

// another says whether two ids are of different topics; zero is none's.
func another(a, b [16]byte) bool { return a != b && a != [16]byte{} && b != [16]byte{} }

// Delete gives the replica up and removes its data. Whoever waits on it is
// woken. Deleting what is not there succeeds.
func (s *Set) Delete(p checkpoint.Partition) error {
	if r := s.take(p); r != nil {
		r.remove()
	}
	if err := s.o.Dirs.Delete(p); err != nil && !errors.Is(err, dir.ErrUnknown) {
		return fmt.Errorf("delete %s: %w", p, err)
	}
	return nil
}

// Swap has a replica's log replaced by its copy in another directory: swap does
// it while nothing changes the log, and returns the log and directory to use
// from then on. It is what dir.Options.Swap asks for.
//
// Errors: ErrUnknown, and what swap returns; then the log stays.
func (s *Set) Swap(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
	r, err := s.Get(p)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone.Load() {
		return ErrUnknown
	}
	if l := r.leader.Load(); l != nil {
		l.role.Lock()
		defer l.role.Unlock()
	}
	if f := r.follower.Load(); f != nil {
		f.role.Lock()
		defer f.role.Unlock()
	}
	fresh, d, err := swap()
	if err != nil {
		return err
	}
	r.at.Store(&place{log: fresh, dir: d})
	return nil
}

// Configure gives a topic's replicas a new configuration.
func (s *Set) Configure(topic string, c log.Config) {
	s.mu.Lock()
	replicas := slices.Clone(s.topics[topic])
	s.mu.Unlock()
	for _, r := range replicas {
		r.configure(c)
	}
}

// All returns the replicas in no particular order.
func (s *Set) All() []*Replica {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Replica
	for _, replicas := range s.topics {
		out = append(out, replicas...)
	}
	return out
}

// HighWatermark returns a partition's high watermark as far as this broker
// knows it, -1 when it has no replica.
func (s *Set) HighWatermark(p checkpoint.Partition) int64 {
	r, err := s.Get(p)
	if err != nil {
		return -1
	}
	return r.HighWatermark()
}

// DirOffline wakes whoever waits on a partition in the directory: its disk has
// failed.
func (s *Set) DirOffline(d *dir.Dir) {
	for _, r := range s.All() {
		if r.Dir() == d {
			r.lost()
		}
	}
}

// Close retires every role: appends and copies are refused from now on, and whoever
// waits is woken. It does not close the logs.
func (s *Set) Close() {
	for _, r := range s.All() {
		r.stop()
	}
}
