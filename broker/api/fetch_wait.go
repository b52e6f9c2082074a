package api

import (
	"sync"
	"time"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/partition/wait"
)

// parkedFetch is a long poll: an answer that waits for records. It keeps what
// it needs of its call and no more, for there may be one per consumer.
type parkedFetch struct {
	api      *API
	deferred *server.Deferred
	conn     *server.Conn
	session  *session.Session
	terms    fetchTerms
	full     bool // see fetchChanged
	wake     func()
	until    time.Time
	deadline wait.Deadline

	mu       sync.Mutex
	answered bool
}

// lookIn is how often a long poll looks whether its client is still there.
const lookIn = 30 * time.Second

// parkFetch takes the call and the session and answers when there is what the
// call waits for, or its time is up.
func (a *API) parkFetch(c *fetchCall, s *session.Session, r *server.Request, full bool) {
	p := &parkedFetch{
		api: a, deferred: r.Defer(), conn: r.Conn, session: s, terms: c.q.fetchTerms, full: full,
		until: r.Received.Add(time.Duration(c.q.maxWaitMs) * time.Millisecond),
	}
	a.waits[fetchData].Add(1)
	p.wake = func() { p.attempt(false) }
	p.deadline.Expire = p.expire
	if !a.deadlines.Add(&p.deadline, p.nextLook()) {
		a.putFetch(c)
		p.attempt(true) // the broker stops
		return
	}
	p.mu.Lock()
	ready := !p.answered && !c.await(p)
	p.mu.Unlock()
	a.putFetch(c)
	if ready {
		p.attempt(false)
	}
}

// await gives back what the answer has so far, and asks to be woken when there
// is enough. Partitions with something that the client does not know are looked
// at again then. It returns false when there is enough by now. p.mu is held.
func (c *fetchCall) await(p *parkedFetch) bool {
	for i := range c.out.rows {
		p.session.Watcher.Mark(&c.out.rows[i].part.Link)
	}
	c.out.release()
	return p.session.Watcher.Arm(int64(c.want-c.got), p.wake)
}

func (p *parkedFetch) nextLook() time.Time {
	look := p.api.Now().Add(lookIn)
	if p.until.Before(look) {
		return p.until
	}
	return look
}

// expire answers when the time is up. Before, it only looks whether the client
// is still there.
func (p *parkedFetch) expire(stopping bool) {
	if stopping || p.conn.Closed() || !p.api.Now().Before(p.until) || !p.lookLater() {
		p.attempt(true)
	}
}

// lookLater sets the deadline again, unless the answer came meanwhile. It
// returns false when nobody looks at deadlines any more.
func (p *parkedFetch) lookLater() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered || p.api.deadlines.Add(&p.deadline, p.nextLook())
}

// attempt answers if there is enough, or late, which takes what there is.
func (p *parkedFetch) attempt(late bool) {
	c := p.gather(late)
	if c == nil {
		return
	}
	p.api.deadlines.Remove(&p.deadline)
	p.api.waits[fetchData].Add(-1)
	p.deferred.Answer(func(w *server.Response) {
		p.api.countFetched(c)
		c.out.encode(w)
		p.api.putFetch(c)
	})
}

// gather returns the answer if it is to be sent, and gives the session back;
// else it waits on and returns nil.
func (p *parkedFetch) gather(late bool) *fetchCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answered {
		return nil
	}
	c, s := p.api.getFetch(), p.session
	c.q.fetchTerms = p.terms
	s.Watcher.Disarm()
	for {
		c.begin(p.api.maxFetch(&c.q), p.conn.Listener())
		c.first = false
		p.api.fetchChanged(c, s, p.full)
		if late || c.enough() || s.Closed() {
			p.answered = true
			c.finish(s)
			return c
		}
		if c.await(p) {
			p.api.putFetch(c)
			return nil
		}
	}
}
