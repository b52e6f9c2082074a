package partition

import (
	"context"
	"sync"
)

// syncers is how many logs may be in fsync at the same time. A disk takes a few
// at once with profit; more only wait in its queue.
const syncers = 8

// commit is the group commit: leaders whose log has records that must reach
// the disk before they count. However many appends wait on a leader, it is in
// the queue once and is synced once for all of them.
type commit struct {
	more chan struct{} // something was added; capacity 1

	mu    sync.Mutex
	queue []*Leader
}

func (c *commit) add(l *Leader) {
	if l.queued.Swap(true) {
		return
	}
	c.mu.Lock()
	c.queue = append(c.queue, l)
	c.mu.Unlock()
	c.signal()
}

func (c *commit) signal() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// take returns the next leader to sync, or nil, and whether there are more.
func (c *commit) take() (l *Leader, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil, false
	}
	l = c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	return l, len(c.queue) > 0
}

func (c *commit) run(ctx context.Context) error {
	var all sync.WaitGroup
	for range syncers {
		all.Go(func() { c.work(ctx) })
	}
	all.Wait()
	return nil
}

func (c *commit) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.more:
		}
		for {
			l, more := c.take()
			if more {
				c.signal() // another worker takes the next one
			}
			if l == nil {
				break
			}
			l.sync()
		}
	}
}
