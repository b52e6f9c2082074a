package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

const (
	// unsentMax and unackedMax bound what is gathered before answers are written
	// though more requests are at hand: bytes of answers, and of requests,
	// whose client may be waiting to send the next.
	unsentMax  = 64 << 10
	unackedMax = 256 << 10
)

var (
	errNotParked = errors.New("handler returned Parked without Defer, or took a Defer and answered at once")
	errUnfair    = errors.New("handler closes the connection")
	errNothing   = errors.New("nothing to read")
)

// serve is the connection's goroutine: read, handle all that came, write, again.
func (c *Conn) serve(ctx context.Context) {
	c.handle = func(w *Response) { c.outcome = c.server.handler.Handle(ctx, &c.request, w) }
	c.readable = c.readOnce
	c.order.writing.fill = c.fillSocket
	e := c.run(ctx)
	if !e.dead {
		// Who half-closes, or spoils a later request, still gets the earlier answers.
		c.settle()
	}
	c.abort(e)
	c.settle()
	c.in.drop(&c.server.budget)
	c.server.forget(c)
}

// run serves until the connection is to end.
func (c *Conn) run(ctx context.Context) ending {
	s := c.server
	for {
		for {
			frame, err := c.in.frame(s.config.MaxRequestBytes)
			if err != nil {
				c.tooLarge(frame)
				return ending{cause: CauseFrame, err: err}
			}
			if frame == nil {
				break
			}
			if e := c.serveFrame(frame); e.cause != "" {
				return e
			}
			if c.unsent >= unsentMax || c.unacked >= unackedMax {
				c.flushAll()
			}
		}
		if e := c.fill(ctx); e.cause != "" {
			return e
		}
	}
}

// flushAll writes what is ready.
func (c *Conn) flushAll() {
	c.unsent, c.unacked = 0, 0
	c.flush(true)
}

// fill reads more of the stream.
func (c *Conn) fill(ctx context.Context) ending {
	c.phase.Store(phaseStarved)
	if !c.in.prepare(&c.server.budget, c.gone) {
		return ending{cause: CauseShutdown} // aborted, which has its own cause
	}
	// A read that took all there was will not find more at once: answer before.
	if c.readN < c.readRoom && c.unacked > 0 {
		c.flushAll()
	}
	phase := phaseIdle
	if c.in.partial() {
		phase = phaseReading
	}
	c.phase.Store(phase)
	err := c.read()
	if errors.Is(err, errNothing) {
		c.flushAll()
		err = c.read()
	}
	c.phase.Store(phaseWorking)
	switch {
	case err == nil:
		c.received = c.server.config.Now()
		return ending{}
	case errors.Is(err, io.EOF):
		return ending{cause: CausePeer}
	case errors.Is(err, unix.ECONNRESET):
		return ending{cause: CausePeer, dead: true}
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return ending{cause: CauseShutdown}
	}
	return ending{cause: CauseIO, err: err, dead: true}
}

// read waits until there is something to read, and reads it. With answers
// unwritten it does not wait but returns errNothing.
func (c *Conn) read() error {
	if err := c.raw.Read(c.readable); err != nil {
		return err
	}
	return c.readErr
}

// readOnce is what RawConn.Read calls; false makes it wait until there is more.
// A connection that waits for a request holds no buffer.
func (c *Conn) readOnce(fd uintptr) bool {
	in := &c.in
	if in.buf == nil {
		in.take(&c.server.budget)
	}
	room := in.room()
	for {
		n, err := unix.Read(int(fd), room)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			if c.unacked > 0 {
				// Not from in here: closing a socket waits for this function.
				c.readErr = errNothing
				return true
			}
			if !in.partial() {
				in.drop(&c.server.budget)
			}
			return false
		case err != nil:
			c.readErr = os.NewSyscallError("read", err)
		case n == 0:
			c.readErr = io.EOF
		default:
			c.readN, c.readRoom, c.readErr = n, len(room), nil
			in.filled(n, len(room))
			c.bytesIn.Add(int64(n))
		}
		return true
	}
}

// serveFrame handles one request.
func (c *Conn) serveFrame(frame []byte) ending {
	h, err := parseHeader(frame)
	if err != nil {
		return ending{cause: CauseHeader, err: err}
	}
	c.frames.Add(1)
	if c.unacked > 0 && h.key != c.request.Key {
		// The next handler may wait long; others' answers must not wait with it.
		c.flushAll()
	}
	a := c.prepare(h, len(frame))
	if !c.admit() {
		a.give()
		return ending{cause: CauseShutdown} // likewise
	}
	c.outcome = Close // of a handler that panics
	begun := c.server.config.Now()
	err = c.call(h.key, &a.Response, c.handle)
	if hook := c.server.config.Hooks.Handled; hook != nil {
		hook(Handled{Key: h.key, Version: h.version, Bytes: lengthField + len(frame),
			Outcome: c.outcome, Took: c.server.config.Now().Sub(begun)})
	}
	parked := c.request.deferred != nil
	c.request.Body, c.current = nil, nil // the buffer may be large, and is not ours for long
	switch {
	case err != nil:
		return c.spoil(a, parked, ending{cause: CausePanic, err: err, dead: true})
	case c.outcome == Close:
		if c.request.cause == nil {
			c.request.cause = errUnfair
		}
		return c.spoil(a, parked, ending{cause: CauseUntrusted, err: c.request.cause})
	case parked != (c.outcome == Parked):
		return c.spoil(a, parked, ending{cause: CausePanic, err: errNotParked, dead: true})
	case parked:
	case c.outcome == NoAnswer:
		a.give()
	default:
		c.unsent += a.Len()
		c.enqueue(a, true)
	}
	c.unacked += len(frame)
	return ending{}
}

// prepare fills in the request for the handler and takes an answer for it.
func (c *Conn) prepare(h header, size int) *answer {
	id := c.clientID
	if !bytes.Equal(h.clientID, c.rawID) {
		id = validClientID(h.clientID)
		if len(h.clientID) <= clientIDKept {
			c.rawID, c.clientID = append(c.rawID[:0], h.clientID...), id
		}
	}
	c.request = Request{
		Key: h.key, Version: h.version, CorrelationID: h.correlationID, ClientID: id,
		Flexible: h.flexible, Body: h.body, Conn: c, Received: c.received, size: size,
	}
	a := takeAnswer()
	a.key, a.flexible, a.correlationID = h.key, h.flexible, h.correlationID
	a.size, a.received = size, c.received
	c.current = a
	return a
}

// call runs code of the handler. This is the one place where a panic stops.
func (c *Conn) call(key int16, w *Response, f func(*Response)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while handling api key %d: %v", key, p)
			c.server.panicked(c, key, err, debug.Stack())
		}
	}()
	f(w)
	return nil
}

// spoil gives up the request under way. Its answer, if parked, stays with the
// Deferred.
func (c *Conn) spoil(a *answer, parked bool, e ending) ending {
	if !parked {
		a.give()
	}
	return e
}

// tooLarge lets the configured function answer a request that is too large, if its
// header is there.
func (c *Conn) tooLarge(start []byte) {
	f := c.server.config.TooLarge
	if f == nil {
		return
	}
	h, err := parseHeader(start)
	if err != nil {
		return
	}
	a := c.prepare(h, len(start))
	c.request.Body = nil
	err = c.call(h.key, &a.Response, func(w *Response) { c.outcome = f(&c.request, w) })
	if err != nil || c.outcome != Answered {
		a.give()
		return
	}
	c.enqueue(a, true)
	c.flushAll()
}
