package server

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one client's connection.
//
// Its goroutine reads, handles and writes. Only answers that were parked are
// written by others: by the goroutine that completes them as far as the
// socket takes them, by one of the server's beyond that.
type Conn struct {
	// State belongs to the handler, which may touch it only inside Handle.
	State any

	// Set at accept, constant afterwards.
	id            uint64
	listener      string
	remote, local netip.AddrPort
	server        *Server
	socket        *net.TCPConn
	raw           syscall.RawConn
	gone          chan struct{} // closed by abort
	software      atomic.Pointer[[2]string]

	// Touched only by the connection's goroutine.
	in       input
	request  Request
	current  *answer         // the place of request among the answers
	handle   func(*Response) // hands request to the handler, sets outcome
	outcome  Outcome
	rawID    []byte // client id of the last request as it came, and as a string
	clientID string
	readable func(fd uintptr) bool // reads once; made once
	readN    int                   // what it read, of the room it had
	readRoom int
	readErr  error
	received time.Time
	// unsent counts bytes of answers, unacked bytes of requests since the last flush.
	unsent, unacked int

	order order
	seen  watched // by Server.watch

	// Read by Server.watch.
	phase    atomic.Int32 // phase...
	frames   atomic.Int64 // requests read
	bytesIn  atomic.Int64
	bytesOut atomic.Int64
	blocked  atomic.Bool // a writer waits for the socket to take more

	asked atomic.Bool // a request was read that is not ApiVersions, which opens a connection

	end atomic.Pointer[ending] // set once, by abort
}

// Phases of the reading side.
const (
	phaseIdle    int32 = iota // waits for a request
	phaseReading              // waits for the rest of a request
	phaseStarved              // waits for memory to read the rest into
	phaseWorking              // handles, or waits for answers to leave
)

// ending is why a connection ends; it is an error so that it can be returned.
type ending struct {
	cause Cause
	err   error // nil where the cause says it all
	dead  bool  // nothing more can be sent, or must be
}

// Error gives the cause and, where there is more to say, the rest.
func (e ending) Error() string {
	if e.err == nil {
		return string(e.cause)
	}
	return string(e.cause) + ": " + e.err.Error()
}

// ID returns a number that no other connection of this server has had.
func (c *Conn) ID() uint64 { return c.id }

// Listener returns the name of the listener that accepted it.
func (c *Conn) Listener() string { return c.listener }

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns the address that the client has dialled.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Software returns the name and version of the client's library, as told by
// SetSoftware; "" where it has not told. Safe for concurrent use.
func (c *Conn) Software() (name, version string) {
	if s := c.software.Load(); s != nil {
		return s[0], s[1]
	}
	return "", ""
}

// SetSoftware keeps what ApiVersions v3+ tells about the client's library (KIP-511).
func (c *Conn) SetSoftware(name, version string) {
	c.software.Store(&[2]string{name, version})
}

// Closed reports whether the connection is gone, so that work for it is in vain.
func (c *Conn) Closed() bool { return c.end.Load() != nil }

// Done is closed when the connection is gone.
func (c *Conn) Done() <-chan struct{} { return c.gone }

// abort closes the connection at once, whatever is under way; the first reason counts.
// It waits for calls of RawConn to return and must not be called inside one.
func (c *Conn) abort(e ending) {
	if !c.end.CompareAndSwap(nil, &e) {
		return
	}
	close(c.gone)
	if e.cause == CauseShutdown && !c.asked.Load() {
		// Its first request may be on its way. A client takes a stream that ends without
		// an answer to that for one that wants SASL, and gives up; one that is reset it
		// opens anew.
		if err := c.socket.SetLinger(0); err != nil {
			c.server.config.Logger.Debug("reset", "connection", c.id, "error", err)
		}
	}
	if err := c.socket.Close(); err != nil {
		c.server.config.Logger.Debug("close", "connection", c.id, "error", err)
	}
	c.order.abandon()
}
