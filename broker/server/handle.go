package server

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	errNotParked = errors.New("handler returned Parked without Defer, or took a Defer and answered at once")
	errUnfair    = errors.New("handler closes the connection")
)

// apiVersions is the key of the request with which clients open a connection.
const apiVersions = int16(kmsg.ApiVersions)

// serveFrame handles one request.
func (c *Conn) serveFrame(frame []byte) ending {
	h, err := parseHeader(frame)
	if err != nil {
		return ending{cause: CauseHeader, err: err}
	}
	c.frames.Add(1)
	if h.key != apiVersions {
		c.asked.Store(true)
	}
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
		hook(Handled{Key: c.request.counted, Version: h.version, Bytes: lengthField + len(frame),
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
		Flexible: h.flexible, Body: h.body, Conn: c, Received: c.received, counted: h.key, size: size,
	}
	a := takeAnswer()
	a.key, a.counted, a.flexible, a.correlationID = h.key, h.key, h.flexible, h.correlationID
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

// spoil gives up the request under way, and its place unless that is parked: then
// it stays with the Deferred.
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
