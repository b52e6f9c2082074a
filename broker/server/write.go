package server

import (
	"errors"
)

// handOver is the output above which who completes a parked answer leaves the
// writing to a goroutine of the server: copying it into the socket takes longer
// than waking that.
const handOver = 256 << 10

// errFull says that the socket takes no more and the caller must not wait.
var errFull = errors.New("socket is full")

// writing is what a writer's calls of RawConn.Write share with the function given
// to it, which is made once.
type writing struct {
	fill func(fd uintptr) bool
	wait bool
	done bool
	err  error
}

// write sends the output, or what the socket takes of it: then it returns
// errFull, and is called again. Only the writer calls it.
func (c *Conn) write(wait bool) error {
	w := &c.order.writing
	if !wait && c.order.out.len() > handOver {
		return errFull
	}
	w.wait, w.done, w.err = wait, false, nil
	err := c.raw.Write(w.fill)
	c.blocked.Store(false)
	switch {
	case w.err != nil:
		return w.err
	case err != nil:
		return err
	case !w.done:
		return errFull
	}
	return nil
}

// fillSocket is what RawConn.Write calls; false makes it wait until the socket
// takes more.
func (c *Conn) fillSocket(fd uintptr) bool {
	w := &c.order.writing
	var n int64
	n, w.done, w.err = c.order.out.push(int(fd))
	c.bytesOut.Add(n)
	if w.done || w.err != nil || !w.wait {
		return true
	}
	c.blocked.Store(true)
	return false
}
