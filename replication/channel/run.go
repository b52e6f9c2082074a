package channel

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

// Run sends until ctx ends, which gives nil.
func (c *Channel) Run(ctx context.Context) error {
	var goroutines sync.WaitGroup
	defer c.Reset() // nothing that waits is sent any more
	defer goroutines.Wait()
	for {
		c.mu.Lock()
		starts := c.starts
		c.starts = nil
		c.mu.Unlock()
		for _, q := range starts {
			goroutines.Go(func() { c.serve(ctx, q) })
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// serve sends what waits for one life of a broker until it is over.
func (c *Channel) serve(ctx context.Context, q *queue) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel() // before the wait
	watch.Go(func() {
		select {
		case <-q.over:
			cancel() // also what is under way
		case <-ctx.Done():
		}
	})
	for {
		p := c.next(q)
		if p != nil {
			p.settle(c.carry(ctx, q, p))
			continue
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return
		}
	}
}

// next takes what waits longest, nil if nothing does.
func (c *Channel) next(q *queue) *parcel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	p := q.waiting[0]
	q.waiting = q.waiting[1:]
	return p
}

// carry sends the requests of a batch, each until it is answered. What is left
// when the broker is gone is dropped.
func (c *Channel) carry(ctx context.Context, q *queue, p *parcel) error {
	batch := p.contents()
	batch.UpdateMetadata = c.numbered(batch.UpdateMetadata)
	for _, req := range batch.requests() {
		resp, ok := c.ask(ctx, q, req)
		if !ok {
			return c.outcome(q)
		}
		c.o.Answered(p.batch.Broker, req, resp)
	}
	return nil
}

// numbered is a request with the next number.
func (c *Channel) numbered(q *kmsg.UpdateMetadataRequest) *kmsg.UpdateMetadataRequest {
	if q == nil {
		return nil
	}
	own := *q
	own.UnknownTags = kmsg.Tags{}
	q.UnknownTags.Each(own.UnknownTags.Set)
	Number(&own, c.numbers.Add(1))
	return &own
}

// outcome is what became of a batch that was not carried to its end: nothing if
// the broker is gone, ErrReset if Run ends or the office is lost.
func (c *Channel) outcome(q *queue) error {
	select {
	case <-q.over:
		c.mu.Lock()
		defer c.mu.Unlock()
		return q.err
	default:
		return ErrReset
	}
}

// ask sends one request until it is answered; not ok: the broker is gone.
func (c *Channel) ask(ctx context.Context, q *queue, req kmsg.Request) (kmsg.Response, bool) {
	for attempt := 0; ; attempt++ {
		resp, err := c.attempt(ctx, q, req)
		if err == nil {
			return resp, ctx.Err() == nil
		}
		if ctx.Err() != nil {
			return nil, false
		}
		c.mu.Lock()
		b := q.broker
		c.mu.Unlock()
		c.o.Logger.Warn("a broker did not answer the controller; it is asked again",
			"broker", b.ID, "epoch", b.Epoch, "request", kmsg.NameForKey(req.Key()), "attempt", attempt+1, "error", err)
		if !q.pause(ctx, attempt) {
			return nil, false
		}
	}
}

func (c *Channel) attempt(ctx context.Context, q *queue, req kmsg.Request) (kmsg.Response, error) {
	c.mu.Lock()
	to := q.broker
	c.mu.Unlock()
	if to.ID == c.o.Self {
		return c.o.Local(ctx, req)
	}
	return c.remote(ctx, &to, req)
}

func (c *Channel) remote(ctx context.Context, to *image.Broker, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if err := c.o.Remote(ctx, to, onWire(req), resp); err != nil {
		return nil, err
	}
	return resp, nil
}
