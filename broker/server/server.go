// Package server speaks Kafka's framing over TCP: it listens, cuts each connection's
// stream into requests, calls a Handler, and sends the answers in order.
//
// Each connection has one goroutine, which runs to completion:
//
//	       +-----------------------------------------------------------+
//	       v                                                           |
//	read what is there -> handle each whole request -> write the answers at once
//	                             |            ^
//	                             | Parked     | Deferred.Answer, on any goroutine
//	                             v            |
//	                      its place in the order of answers
//
// Nothing is handed to another goroutine on the way, since waking one costs more than
// most requests. Several requests that came with one read are answered with one
// write. A request whose answer must wait (a fetch for data, a produce for replicas)
// is parked: the connection goes on with the next, and answers still leave in the
// order of requests.
//
// Memory follows use, not claims. A connection that waits for a request holds no
// buffer; a request's buffer grows with the bytes that have come; all buffers
// together are bounded by a budget, and who gets nothing from it is not read. Ranges
// of log files are sent by the kernel (sendfile) and never pass through here.
package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Server serves one handler on one or more listeners.
type Server struct {
	config     Config
	handler    Handler
	listeners  []*listening
	limits     atomic.Pointer[Limits]
	budget     budget
	complaints complaints
	work       sync.WaitGroup // listeners, connections, and writers that help them

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	perIP    map[netip.Addr]int
	lastID   uint64
	draining bool
}

// New opens the listeners, so that a port in use is an error here and Addr is
// known. Clients that connect wait until Serve.
func New(c Config, h Handler) (*Server, error) {
	c.setDefaults()
	s := &Server{
		config: c, handler: h, budget: budget{limit: c.MaxQueuedBytes},
		complaints: complaints{logger: c.Logger, now: c.Now, kinds: map[Cause]*complaint{}},
		conns:      map[*Conn]struct{}{}, perIP: map[netip.Addr]int{},
	}
	s.SetLimits(c.Limits)
	if len(c.Listeners) == 0 {
		return nil, errors.New("no listener is configured")
	}
	for _, l := range c.Listeners {
		ln, err := listen(l)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.listeners = append(s.listeners, ln)
	}
	return s, nil
}

// snapshot appends all connections.
func (s *Server) snapshot(conns []*Conn) []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// Close releases the listeners, of a server that is never served as well.
func (s *Server) Close() error {
	var failed error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Addr returns the address of the first listener.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// Addrs returns each listener's address by its name.
func (s *Server) Addrs() map[string]net.Addr {
	addrs := make(map[string]net.Addr, len(s.listeners))
	for _, l := range s.listeners {
		addrs[l.name] = l.Addr()
	}
	return addrs
}

// SetLimits changes the limits for connections accepted from now on.
func (s *Server) SetLimits(l Limits) { s.limits.Store(&l) }

// Connections returns how many connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// QueuedBytes returns the memory that requests being read and handled hold.
func (s *Server) QueuedBytes() int64 { return s.budget.used.Load() }
