package wait

import (
	"context"
	"sync"
	"time"
)

// Deadlines is all deadlines of a broker's waiters: one heap, one timer, one
// goroutine, however many wait.
type Deadlines struct {
	now  func() time.Time
	kick chan struct{} // the earliest deadline changed

	mu      sync.Mutex
	heap    []*Deadline // a binary heap by at; heap[i].index == i
	stopped bool        // Run has ended: nothing is added any more
}

// Deadline is one waiter's end of patience.
type Deadline struct {
	// Expire is called once when the time has come, on Run's goroutine, without
	// a lock held; stopping says that it has not come, but nobody will look at
	// the clock any more. It must not block. Set it before Add.
	Expire func(stopping bool)

	at    time.Time
	index int // in the heap, -1 or out of it; guarded by Deadlines.mu
	added bool
}

// NewDeadlines returns deadlines by the given clock; nothing expires before Run.
func NewDeadlines(now func() time.Time) *Deadlines {
	return &Deadlines{now: now, kick: make(chan struct{}, 1)}
}

// Add sets a deadline, which must not be set already. It returns false, and
// sets nothing, when Run has ended.
func (d *Deadlines) Add(e *Deadline, at time.Time) bool {
	d.mu.Lock()
	if d.stopped {
		d.mu.Unlock()
		return false
	}
	e.at, e.added = at, true
	e.index = len(d.heap)
	d.heap = append(d.heap, e)
	d.up(e.index)
	first := d.heap[0] == e
	d.mu.Unlock()
	if !first {
		return true
	}
	select {
	case d.kick <- struct{}{}:
	default: // Run has been told and has not looked yet
	}
	return true
}

// Remove takes a deadline back and returns whether it was set. When it returns
// false Expire has been called, is being called, or Add never was.
func (d *Deadlines) Remove(e *Deadline) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !e.added {
		return false
	}
	d.remove(e.index)
	return true
}

// Run expires deadlines until ctx ends, and then, at once, all that are left.
func (d *Deadlines) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(d.expire())
		select {
		case <-ctx.Done():
			d.stop()
			return nil
		case <-d.kick:
		case <-timer.C:
		}
	}
}

// expire calls everybody whose time has come and returns how long the next one
// has still to wait.
func (d *Deadlines) expire() time.Duration {
	for {
		d.mu.Lock()
		if len(d.heap) == 0 {
			d.mu.Unlock()
			return time.Hour
		}
		e := d.heap[0]
		if rest := e.at.Sub(d.now()); rest > 0 {
			d.mu.Unlock()
			return rest
		}
		d.remove(0)
		d.mu.Unlock()
		e.Expire(false)
	}
}

// stop expires everything and lets nothing more be added.
func (d *Deadlines) stop() {
	d.mu.Lock()
	left := d.heap
	d.heap, d.stopped = nil, true
	for _, e := range left {
		e.added = false
	}
	d.mu.Unlock()
	for _, e := range left {
		e.Expire(true)
	}
}

func (d *Deadlines) remove(i int) {
	last := len(d.heap) - 1
	d.heap[i].added = false
	d.swap(i, last)
	d.heap[last] = nil
	d.heap = d.heap[:last]
	if i < last {
		d.down(i)
		d.up(i)
	}
}

func (d *Deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d.heap[i].at.Before(d.heap[parent].at) {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d *Deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(d.heap) {
			return
		}
		if right := child + 1; right < len(d.heap) && d.heap[right].at.Before(d.heap[child].at) {
			child = right
		}
		if !d.heap[child].at.Before(d.heap[i].at) {
			return
		}
		d.swap(i, child)
		i = child
	}
}

func (d *Deadlines) swap(i, j int) {
	d.heap[i], d.heap[j] = d.heap[j], d.heap[i]
	d.heap[i].index, d.heap[j].index = i, j
}
