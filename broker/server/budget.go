package server

import (
	"sync"
	"sync/atomic"
)

// budget bounds the memory that all connections' read buffers hold together.
//
// A connection claims before it takes a buffer and returns the claim with it. Who
// does not get its claim waits, in order, and is not read meanwhile: that is
// the back-pressure. Since waiting connections keep what they have, all could wait
// for each other; therefore one at a time, the longest waiting, may overdraw
// until its request is done. So the memory is at most the limit plus one request.
type budget struct {
	limit   int64
	used    atomic.Int64
	waiting atomic.Int32 // claims in queue

	mu        sync.Mutex
	queue     []*claim // FIFO
	overdrawn bool     // somebody has the right to overdraw
}

// claim is a wait for n bytes.
type claim struct {
	n       int64
	granted chan struct{}
	// overdraws is set before granted is closed.
	overdraws bool
}

// try claims n bytes if they are free and nobody waits.
func (b *budget) try(n int64) bool {
	if b.waiting.Load() > 0 {
		return false
	}
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.give(n)
	return false
}

// force claims n bytes; for who has the right to overdraw.
func (b *budget) force(n int64) { b.used.Add(n) }

// wait claims n bytes, waiting for them until gone. It reports whether they are
// claimed, and whether together with the right to overdraw.
func (b *budget) wait(n int64, gone <-chan struct{}) (ok, overdraws bool) {
	if b.try(n) {
		return true, false
	}
	c := &claim{n: n, granted: make(chan struct{})}
	b.mu.Lock()
	// Before used is looked at: who gives later sees the claim in the queue.
	b.waiting.Add(1)
	b.queue = append(b.queue, c)
	b.grantLocked()
	b.mu.Unlock()
	select {
	case <-c.granted:
		return true, c.overdraws
	case <-gone:
		b.abandon(c)
		return false, false
	}
}

// abandon takes back a claim that may have been granted in this moment.
func (b *budget) abandon(c *claim) {
	b.mu.Lock()
	for i, q := range b.queue {
		if q == c {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			b.waiting.Add(-1)
			b.grantLocked()
			b.mu.Unlock()
			return
		}
	}
	b.mu.Unlock()
	b.give(c.n)
	if c.overdraws {
		b.settle()
	}
}

// give returns n claimed bytes.
func (b *budget) give(n int64) {
	b.used.Add(-n)
	if b.waiting.Load() > 0 {
		b.mu.Lock()
		b.grantLocked()
		b.mu.Unlock()
	}
}

// settle returns the right to overdraw.
func (b *budget) settle() {
	b.mu.Lock()
	b.overdrawn = false
	b.grantLocked()
	b.mu.Unlock()
}

// grantLocked grants from the head of the queue what can be granted.
func (b *budget) grantLocked() {
	for len(b.queue) > 0 {
		c := b.queue[0]
		if b.used.Add(c.n) > b.limit {
			if b.overdrawn {
				b.used.Add(-c.n)
				return
			}
			b.overdrawn, c.overdraws = true, true
		}
		b.queue[0] = nil
		b.queue = b.queue[1:]
		b.waiting.Add(-1)
		close(c.granted)
	}
}
