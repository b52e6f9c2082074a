package api

import (
	"sync"
	"time"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/partition/wait"
)

// parkedFetch is a long poll: an answer that waits for records.
type parkedFetch struct {
	api      *API
	deferred *server.Deferred
	conn     *server.Conn
	session  *session.Session
	full     bool // see fetchChanged
	wake     func()
	until    time.Time
	deadline wait.Deadline

	mu   sync.Mutex
	call *fetchCall // nil: answered
}

// lookIn is how often a long poll looks whether its client is still there.
const lookIn = 30 * time.Second

// parkFetch takes the call and the session and answers when the call has what
// it waits for, or its time is up.
func (a *API) parkFetch(c *fetchCall, s *session.Session, r *server.Request, full bool) {
	c.q.forgetRequest()
	p := &parkedFetch{
		api: a, deferred: r.Defer(), conn: r.Conn, session: s, full: full, call: c,
		until: r.Received.Add(time.Duration(c.q.maxWaitMs) * time.Millisecond),
	}
	p.wake = func() { p.attempt(false) }
	p.deadline.Expire = p.expire
	p.mu.Lock()
	c.remark(s)
	ready := !s.Watcher.Arm(int64(c.want-c.got), p.wake)
	p.mu.Unlock()
	if !a.deadlines.Add(&p.deadline, p.nextLook()) {
		p.attempt(true) // the broker stops
		return
	}
	if ready {
		p.attempt(false)
	}
}

// forgetRequest drops what points into the request's buffer.
func (q *fetchRequest) forgetRequest() {
	clear(q.parts)
	clear(q.forgotten)
	q.parts, q.forgotten = q.parts[:0], q.forgotten[:0]
}

// remark gives back what the answer has so far, and has its partitions looked
// at again: they have something that the client does not know.
func (c *fetchCall) remark(s *session.Session) {
	for i := range c.out.rows {
		s.Watcher.Mark(&c.out.rows[i].part.Link)
	}
	c.out.release()
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
	late := stopping || p.conn.Closed() || !p.api.Now().Before(p.until)
	if !late && p.api.deadlines.Add(&p.deadline, p.nextLook()) {
		// An answer meanwhile has not found the deadline to remove.
		p.mu.Lock()
		answered := p.call == nil
		p.mu.Unlock()
		if answered {
			p.api.deadlines.Remove(&p.deadline)
		}
		return
	}
	p.attempt(true)
}

// attempt answers if there is enough, or late, which takes what there is.
func (p *parkedFetch) attempt(late bool) {
	p.mu.Lock()
	c := p.call
	if c == nil || !p.gather(late) {
		p.mu.Unlock()
		return
	}
	p.call = nil
	c.finish(p.session)
	p.mu.Unlock()
	p.api.deadlines.Remove(&p.deadline)
	p.deferred.Answer(func(w *server.Response) {
		c.out.encode(w)
		p.api.putFetch(c)
	})
}

// gather fills the answer and returns true if it is to be sent; else it arms
// the session again. p.mu is held.
func (p *parkedFetch) gather(late bool) bool {
	c, s := p.call, p.session
	s.Watcher.Disarm()
	for {
		c.rewind()
		p.api.fetchChanged(c, s, p.full)
		if late || c.enough() || s.Closed() {
			return true
		}
		c.remark(s)
		if s.Watcher.Arm(int64(c.want-c.got), p.wake) {
			return false
		}
	}
}
