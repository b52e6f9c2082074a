package server

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// unsentMax and unackedMax bound what is gathered before answers are written
	// though more requests are at hand: bytes of answers, and of requests,
	// whose client may be waiting to send the next.
	unsentMax  = 64 << 10
	unackedMax = 256 << 10
)

var errNothing = errors.New("nothing to read")

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
