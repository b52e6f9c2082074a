package server

import (
	"errors"
	"sync"
	"time"
)

// answer is one request's place in the order of answers.
type answer struct {
	Response
	key           int16
	counted       int16 // the key that Hooks.Sent is told
	flexible      bool
	correlationID int32
	size          int // of the request
	received      time.Time

	// Guarded by order.mu once enqueued.
	behind *answer
	ready  bool
	// bytes is what the answer takes on the wire; set by output.append.
	bytes int
}

// order is the queue of answers of one connection: a request enters when its
// handler answers or parks it, and leaves when all before it are written.
// At most one goroutine at a time is the writer (sending).
type order struct {
	mu         sync.Mutex
	moved      sync.Cond // answers left, the writer stopped, or the connection ended
	head, tail *answer
	count      int   // answers not yet written, those the writer has taken included
	size       int64 // sum of their requests' sizes and, where ready, bodies
	sending    bool
	closed     bool

	// The writer's own.
	out     output
	taken   *answer // the answers in out
	writing writing
}

// enqueue gives the answer its place.
func (c *Conn) enqueue(a *answer, ready bool) {
	o := &c.order
	o.mu.Lock()
	defer o.mu.Unlock()
	a.ready = ready
	if o.closed {
		if ready {
			a.give()
		}
		return
	}
	if o.tail == nil {
		o.head = a
	} else {
		o.tail.behind = a
	}
	o.tail = a
	o.count++
	o.size += int64(a.size)
	if ready {
		o.size += int64(len(a.Buf))
	}
}

// complete makes a parked answer ready and sends it if it is its turn.
func (c *Conn) complete(a *answer) {
	o := &c.order
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		a.give()
		return
	}
	a.ready = true
	o.size += int64(len(a.Buf))
	o.mu.Unlock()
	c.flush(false)
}

// takeLocked detaches ready answers from the head, some batchMax of bodies at most.
func (o *order) takeLocked() *answer {
	first := o.head
	var last *answer
	for a, n := o.head, 0; a != nil && a.ready && n < batchMax; a = a.behind {
		n += len(a.Buf)
		last = a
	}
	if last == nil {
		return nil
	}
	o.head, last.behind = last.behind, nil
	if o.head == nil {
		o.tail = nil
	}
	return first
}

// flush sends what is ready, unless somebody is sending already, who then
// goes on with it. With wait it waits for the socket; without, a goroutine of the
// server does.
func (c *Conn) flush(wait bool) {
	o := &c.order
	o.mu.Lock()
	if o.sending || o.closed {
		o.mu.Unlock()
		return
	}
	o.sending = true
	c.sendLocked(wait)
}

// finish goes on as the writer where flush(false) had to stop.
func (c *Conn) finish() {
	if err := c.write(true); err != nil {
		c.abort(ending{cause: CauseIO, err: err})
	}
	c.order.mu.Lock()
	c.sentLocked()
	c.sendLocked(true)
}

// sendLocked is the writer's loop. It unlocks.
func (c *Conn) sendLocked(wait bool) {
	o := &c.order
	for {
		if o.taken = o.takeLocked(); o.taken == nil || o.closed {
			c.sentLocked()
			o.sending = false
			o.moved.Broadcast()
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		err := o.out.encode(o.taken)
		if err == nil {
			err = c.write(wait)
		}
		if errors.Is(err, errFull) {
			// The connection's goroutine waits for the writer, so Serve's
			// count of goroutines is above zero.
			c.server.work.Go(c.finish)
			return
		}
		if err != nil {
			c.abort(ending{cause: CauseIO, err: err})
		}
		o.mu.Lock()
		c.sentLocked()
	}
}

// sentLocked gives back what was taken, which is now out or in vain.
func (c *Conn) sentLocked() {
	o := &c.order
	sent := c.server.config.Hooks.Sent
	if o.closed {
		sent = nil
	}
	for a := o.taken; a != nil; {
		behind := a.behind
		o.count--
		o.size -= int64(a.size + len(a.Buf))
		if sent != nil {
			sent(a.counted, a.bytes, c.server.config.Now().Sub(a.received))
		}
		a.give()
		a = behind
	}
	o.taken = nil
	o.out.reset()
	o.moved.Broadcast()
}

// admit waits until the connection may have one more request under way. It
// reports false when the connection is gone.
func (c *Conn) admit() bool {
	o := &c.order
	o.mu.Lock()
	defer o.mu.Unlock()
	full := func() bool {
		return o.count >= c.server.config.MaxInflightRequests || o.size >= c.server.config.MaxInflightBytes
	}
	for full() && !o.closed {
		o.mu.Unlock()
		c.flush(true)
		o.mu.Lock()
		if full() && !o.closed {
			o.moved.Wait()
		}
	}
	return !o.closed
}

// settle waits until all answers are out, parked ones included, or the connection is gone.
func (c *Conn) settle() {
	c.flush(true)
	o := &c.order
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.count > 0 && !o.closed) || o.sending {
		o.moved.Wait()
	}
}

// inflight returns how many requests are unanswered.
func (o *order) inflight() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}

// abandon drops what is ready; who completes the rest finds the queue closed.
func (o *order) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for a := o.head; a != nil; {
		behind := a.behind
		a.behind = nil
		if a.ready {
			a.give()
		}
		a = behind
	}
	o.head, o.tail = nil, nil
	o.moved.Broadcast()
}
