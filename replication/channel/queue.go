package channel

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

// The pause before a request is sent again: it doubles up to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = time.Second
)

// queue is what waits for one life of one broker. Its fields are guarded by the
// Channel's mu.
type queue struct {
	broker  image.Broker
	waiting []*parcel
	more    chan struct{} // says that there is something waiting
	over    chan struct{} // closed when the broker is gone
	err     error         // of what was left, set before over is closed
}

// parcel is a batch on its way, perhaps made of several, and who waits for it.
type parcel struct {
	batch     Batch
	merged    *load // nil: batch is a single one
	deliverTo []*Delivery
}

// merge adds a batch to the parcel, if that comes to the same.
func (p *parcel) merge(b *Batch) bool {
	if p.merged == nil {
		p.merged = newLoad(&p.batch)
	}
	if !p.merged.fits(b) {
		return false
	}
	p.merged.take(b)
	return true
}

// contents is what there is to send.
func (p *parcel) contents() Batch {
	if p.merged == nil {
		return p.batch
	}
	return p.merged.batch()
}

func (p *parcel) settle(err error) {
	for _, d := range p.deliverTo {
		d.settle(err)
	}
}

// SetBrokers says who lives. What waits for a broker that is not among them, or
// that has registered anew since, is dropped.
func (c *Channel) SetBrokers(brokers []image.Broker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	live := make(map[int32]bool, len(brokers))
	for _, b := range brokers {
		live[b.ID] = true
		q := c.queues[b.ID]
		if q != nil && q.broker.Epoch == b.Epoch {
			q.broker = b // it may be reached elsewhere
			continue
		}
		c.end(b.ID, nil)
		q = &queue{broker: b, more: make(chan struct{}, 1), over: make(chan struct{})}
		c.queues[b.ID] = q
		c.starts = append(c.starts, q)
	}
	for id := range c.queues {
		if !live[id] {
			c.end(id, nil)
		}
	}
	ring(c.wake)
}

// Reset forgets all brokers and what waits for them: the office is lost. Who
// waits for a Delivery gets ErrReset.
func (c *Channel) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.queues {
		c.end(id, ErrReset)
	}
}

// end drops a broker's queue. mu is held.
func (c *Channel) end(id int32, err error) {
	q := c.queues[id]
	if q == nil {
		return
	}
	delete(c.queues, id)
	q.err = err
	close(q.over)
	for _, p := range q.waiting {
		p.settle(err)
	}
	q.waiting = nil
}

// Send puts batches behind what waits for their brokers. A batch for a broker
// that does not live is dropped.
func (c *Channel) Send(batches []Batch) *Delivery {
	d := newDelivery(len(batches))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range batches {
		q := c.queues[batches[i].Broker]
		if q == nil {
			d.settle(nil)
			continue
		}
		q.add(&batches[i], d)
		ring(q.more)
	}
	return d
}

// add merges a batch into what waits, or puts it behind.
func (q *queue) add(b *Batch, d *Delivery) {
	if n := len(q.waiting); n > 0 {
		if last := q.waiting[n-1]; last.merge(b) {
			last.deliverTo = append(last.deliverTo, d)
			return
		}
	}
	q.waiting = append(q.waiting, &parcel{batch: *b, deliverTo: []*Delivery{d}})
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// pause waits before another attempt; false: the broker is gone or ctx ended.
func (q *queue) pause(ctx context.Context, attempt int) bool {
	length := longestPause
	if attempt < 4 {
		length = firstPause << attempt
	}
	timer := time.NewTimer(length + rand.N(length/4))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.over:
		return false
	case <-ctx.Done():
		return false
	}
}

// requests are a batch's requests in their order.
func (b *Batch) requests() []kmsg.Request {
	var out []kmsg.Request
	if b.LeaderAndISR != nil {
		out = append(out, b.LeaderAndISR)
	}
	if b.UpdateMetadata != nil {
		out = append(out, b.UpdateMetadata)
		if b.NewsFirst {
			slices.Reverse(out)
		}
	}
	if b.StopReplica != nil {
		out = append(out, b.StopReplica)
	}
	return out
}
