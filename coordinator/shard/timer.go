package shard

import (
	"context"
	"sync"
	"time"

	"github.com/leatmq/leat/coordinator/deadline"
)

// timer wakes the shards of a set. Its lock is taken inside a shard's, never the other way.
type timer[M Machine] struct {
	now     func() time.Time
	changed chan struct{} // an earlier deadline was set; capacity 1

	mu   sync.Mutex
	heap deadline.Heap[*Shard[M]]
}

func (t *timer[M]) set(e *deadline.Entry[*Shard[M]], at time.Time) {
	t.mu.Lock()
	before, some := t.heap.Next()
	t.heap.Set(e, at)
	t.mu.Unlock()
	if some && !at.Before(before) {
		return
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *timer[M]) clear(e *deadline.Entry[*Shard[M]]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heap.Clear(e)
}

// next takes a shard that is due off the heap, or tells when the next one will be.
func (t *timer[M]) next() (sh *Shard[M], at time.Time, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.heap.Pop(t.now()); e != nil {
		return e.Value, time.Time{}, true
	}
	at, some = t.heap.Next()
	return nil, at, some
}

// run wakes the shards in time until ctx ends.
func (t *timer[M]) run(ctx context.Context) {
	clock := time.NewTimer(0)
	defer clock.Stop()
	for ctx.Err() == nil {
		sh, at, some := t.next()
		if sh != nil {
			sh.wake()
			continue
		}
		clock.Stop()
		if some {
			clock.Reset(at.Sub(t.now()))
		}
		select {
		case <-ctx.Done():
		case <-t.changed:
		case <-clock.C:
		}
	}
}
