package server

import "sync/atomic"

// Deferred is an answer that comes later. Answers leave a connection in the order
// of its requests, so a parked answer holds back those behind it.
type Deferred struct {
	conn     *Conn
	answer   *answer
	answered atomic.Bool
}

// Defer parks the answer of r; the handler must then return Parked. The answer may
// be given before Handle has returned.
func (r *Request) Defer() *Deferred {
	if r.deferred == nil {
		c := r.Conn
		r.deferred = &Deferred{conn: c, answer: c.current}
		c.enqueue(c.current, false)
	}
	return r.deferred
}

// Answer builds the answer with f and sends it as soon as all before it are
// sent. It may be called from any goroutine, exactly once (later calls are
// logged and ignored), holding no lock that a handler takes. It never waits
// for the peer: what the socket does not take at once is sent by a goroutine of
// the server.
//
// f is called even when the connection is gone, so that it can hand over the
// slices that it holds; they are released then.
func (d *Deferred) Answer(f func(w *Response)) {
	c := d.conn
	if d.answered.Swap(true) {
		c.server.config.Logger.Error("a request was answered twice", "connection", c.id)
		return
	}
	a := d.answer
	if cause := c.call(a.key, &a.Response, f); cause != nil {
		c.abort(ending{cause: CausePanic, err: cause})
	}
	c.complete(a)
}
