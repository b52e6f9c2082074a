package channel

import (
	"context"
	"sync"
)

// Delivery is what became of one Send.
type Delivery struct {
	mu   sync.Mutex
	left int
	err  error
	done chan struct{} // closed when left is 0
}

func newDelivery(batches int) *Delivery {
	d := &Delivery{left: batches, done: make(chan struct{})}
	if batches == 0 {
		close(d.done)
	}
	return d
}

// Done is closed when every broker has answered or is gone.
func (d *Delivery) Done() <-chan struct{} { return d.done }

// Wait waits until every broker has answered what was sent to it, whatever the
// answer, or is gone or registered anew. Errors: ErrReset, ctx's.
func (d *Delivery) Wait(ctx context.Context) error {
	select {
	case <-d.done:
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle notes that one batch is through; err is ErrReset or nil.
func (d *Delivery) settle(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.err = err
	}
	if d.left--; d.left == 0 {
		close(d.done)
	}
}
