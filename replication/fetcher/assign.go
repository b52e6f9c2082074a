package fetcher

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/log/checkpoint"
)

// loopKey names a loop: the leader, and which of its loops.
type loopKey struct{ leader, n int32 }

// assignment is one Following with what there is to tell about it.
type assignment struct {
	Following
	loop   *loop        // under Fetcher.mu
	behind atomic.Int64 // offsets; -1: unknown
	failed atomic.Bool
}

// assign gives partitions to their loops.
func (f *Fetcher) assign(list []Following) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.o.Now()
	for _, want := range list {
		old := f.follow[want.Partition]
		switch {
		case old == nil:
		case old.Following == want:
			if old.failed.Load() {
				old.loop.tell(want.Partition, old, now)
			}
			continue
		case old.TopicID == want.TopicID && old.Epoch > want.Epoch:
			continue // an order that was overtaken
		}
		a := &assignment{Following: want}
		a.behind.Store(-1)
		f.follow[want.Partition] = a
		f.place(a, old, now)
	}
}

// place gives an assignment to its loop and takes the one before, if there is
// one, from its.
func (f *Fetcher) place(a, old *assignment, now time.Time) {
	key := loopKey{leader: a.Leader, n: loopOf(a.Partition, f.o.Settings().Loops)}
	l := f.loops[key]
	if l == nil {
		l = newLoop(f, key)
		f.loops[key] = l
		f.ready = append(f.ready, l)
		f.signal()
	}
	if old != nil && old.loop != l {
		old.loop.tell(old.Partition, nil, now)
	}
	a.loop = l
	l.tell(a.Partition, a, now)
}

// withdraw takes partitions from their loops.
func (f *Fetcher) withdraw(list []checkpoint.Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.o.Now()
	for _, p := range list {
		if a := f.follow[p]; a != nil {
			delete(f.follow, p)
			a.loop.tell(p, nil, now)
		}
	}
}

// Again has the fetcher look at a follower's log anew: something else than the
// fetcher has shortened it, or found damage in it (partition.Options.Damaged). A
// partition that failed is tried again.
func (f *Fetcher) Again(list ...checkpoint.Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.o.Now()
	for _, p := range list {
		if a := f.follow[p]; a != nil {
			a.loop.tell(p, a, now)
		}
	}
}

// Resize spreads the partitions over the loops anew: num.replica.fetchers has
// changed.
func (f *Fetcher) Resize() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.o.Now()
	for p, old := range f.follow {
		if old.loop.key.n == loopOf(p, f.o.Settings().Loops) {
			continue
		}
		a := &assignment{Following: old.Following}
		a.behind.Store(old.behind.Load())
		f.follow[p] = a
		f.place(a, old, now)
	}
}

// minRate is MinRate.
func (f *Fetcher) minRate() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, rate, first := f.o.Now(), 0.0, true
	for _, l := range f.loops {
		if r := l.asked.Rate(now); first || r < rate {
			rate, first = r, false
		}
	}
	return rate
}

// loopOf is which of n loops a partition falls to; Kafka's rule.
func loopOf(p checkpoint.Partition, n int) int32 {
	var hash int32
	for _, c := range []byte(p.Topic) {
		hash = 31*hash + int32(c)
	}
	hash = 31*hash + p.Index
	if hash < 0 {
		hash = max(-hash, 0) // the least number has no opposite
	}
	return hash % int32(max(n, 1))
}

func (f *Fetcher) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run starts loops as they are made, and waits for them.
func (f *Fetcher) run(ctx context.Context) error {
	var loops sync.WaitGroup
	defer loops.Wait()
	for {
		f.mu.Lock()
		ready := f.ready
		f.ready = nil
		f.mu.Unlock()
		for _, l := range ready {
			loops.Go(func() { l.run(ctx) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		}
	}
}

func (f *Fetcher) lags() []Lag {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Lag, 0, len(f.follow))
	for p, a := range f.follow {
		out = append(out, Lag{Partition: p, Leader: a.Leader, Offsets: a.behind.Load(), Failed: a.failed.Load()})
	}
	return out
}
