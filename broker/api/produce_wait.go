package api

import (
	"bytes"
	"sync"
	"time"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/wait"
)

// waits says whether some records are appended and not committed yet.
func (c *produceCall) waits() bool {
	for i := range c.parts {
		if !c.parts[i].settled(c.acks) {
			return true
		}
	}
	return false
}

// settled says whether nothing is to be waited for. A row that can no longer be
// committed becomes an error.
func (p *producePart) settled(acks int16) bool {
	if p.code != 0 || p.skip {
		return true
	}
	done, err := p.leader.Settled(acks, p.wait)
	if err != nil {
		p.fail(err)
		return true
	}
	return done
}

// parkedProduce is an answer that waits until its records are committed.
type parkedProduce struct {
	api      *API
	deferred *server.Deferred
	watcher  wait.Watcher
	wake     func()
	links    []wait.Link
	deadline wait.Deadline

	mu   sync.Mutex
	call *produceCall // nil: answered
}

// parkProduce takes the call and answers it when its records are committed,
// can no longer be, or its time is up.
func (a *API) parkProduce(c *produceCall, r *server.Request) {
	c.detach()
	a.waits[produceCommit].Add(1)
	p := &parkedProduce{api: a, deferred: r.Defer(), call: c, links: make([]wait.Link, len(c.parts))}
	p.wake = func() { p.attempt(false) }
	p.deadline.Expire = p.expire
	for i := range c.parts {
		if part := &c.parts[i]; !part.settled(c.acks) {
			p.links[i].From, p.links[i].Want = part.wait, waitsFor(c.acks)
			p.watcher.Watch(part.replica.Watchers(), &p.links[i])
		}
	}
	patience := time.Duration(max(c.timeoutMs, 0)) * time.Millisecond
	a.deadlines.Add(&p.deadline, r.Received.Add(patience))
	p.attempt(false)
}

// waitsFor is what an answer with these acks waits for.
func waitsFor(acks int16) wait.Want {
	if acks == -1 {
		return wait.Committed
	}
	return wait.Safe
}

// detach copies what points into the request's buffer.
func (c *produceCall) detach() {
	for i := range c.parts {
		p := &c.parts[i]
		p.records = nil
		if i > 0 && p.run == c.parts[i-1].run {
			p.topic = c.parts[i-1].topic
			continue
		}
		p.topic = bytes.Clone(p.topic)
	}
	c.transactionID = nil
}

// expire ends the waiting. A broker that stops still syncs what it has taken,
// so then the answer is left to that.
func (p *parkedProduce) expire(stopping bool) {
	if !stopping {
		p.attempt(true)
	}
}

// attempt answers if everything is committed or lost, or the time is up.
func (p *parkedProduce) attempt(late bool) {
	p.mu.Lock()
	c := p.call
	if c == nil || !p.settle(late) {
		p.mu.Unlock()
		return
	}
	p.call = nil
	for i := range p.links {
		p.watcher.Unwatch(&p.links[i])
	}
	p.mu.Unlock()
	p.api.deadlines.Remove(&p.deadline)
	p.api.waits[produceCommit].Add(-1)
	p.deferred.Answer(func(w *server.Response) {
		w.Buf = c.encode(w.Buf)
		c.reset()
		p.api.produceCalls.Put(c)
	})
}

// settle gives every row its outcome and returns true, or arms the watcher
// again and returns false; p.mu is held.
func (p *parkedProduce) settle(late bool) bool {
	for {
		for k := p.watcher.Changed(); k != nil; {
			k = p.watcher.Seen(k)
		}
		waiting := false
		for i := range p.call.parts {
			part := &p.call.parts[i]
			switch {
			case part.settled(p.call.acks):
			case late:
				part.fail(errTimedOut)
			default:
				waiting = true
			}
		}
		if !waiting {
			return true
		}
		if p.watcher.Arm(1, p.wake) {
			return false
		}
	}
}

// fail makes an error of a row whose records were appended.
func (p *producePart) fail(err error) {
	p.code = codeOf(err)
	p.baseOffset, p.appendTime, p.logStart = -1, -1, -1
}
