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
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrCutOff is Serve's error when requests were still under way at the end of
// Timeouts.Drain.
var ErrCutOff = errors.New("requests under way were cut off")

// cutGrace is how long Serve waits for handlers whose connections it has closed.
const cutGrace = 500 * time.Millisecond

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

// Serve accepts and serves until ctx is done, then drains: it accepts nothing more,
// reads nothing more, answers what is under way, closes all connections. It
// returns nil when everything was answered within Timeouts.Drain, ErrCutOff otherwise.
func (s *Server) Serve(ctx context.Context) error {
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(stop) })
	for _, l := range s.listeners {
		s.work.Go(func() { s.accept(ctx, l) })
	}
	<-ctx.Done()
	err := s.drain()
	close(stop)
	watcher.Wait()
	return err
}

// drain ends all connections.
func (s *Server) drain() error {
	err := s.Close()
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	for _, c := range s.snapshot(nil) {
		// Ends its reading; an error means that it is closed already.
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	}
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	if waited(done, s.config.Timeouts.Drain) {
		return err
	}
	left := s.snapshot(nil)
	for _, c := range left {
		c.abort(ending{cause: CauseShutdown})
	}
	err = errors.Join(err, fmt.Errorf("%w: %d connections", ErrCutOff, len(left)))
	if !waited(done, cutGrace) {
		s.config.Logger.Error("handlers do not end", "connections", s.Connections())
	}
	return err
}

// waited waits for done at most so long and reports whether it came.
func waited(done <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
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

// setDefaults fills in what is not set.
func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	orDefault(&c.MaxRequestBytes, 100<<20)
	orDefault(&c.MaxQueuedBytes, 64<<20)
	orDefault(&c.MaxInflightRequests, 1000)
	orDefault(&c.MaxInflightBytes, 128<<20)
	t := &c.Timeouts
	for d, value := range map[*time.Duration]time.Duration{
		&t.Idle: 10 * time.Minute, &t.Read: 30 * time.Second, &t.Write: 30 * time.Second, &t.Drain: 4500 * time.Millisecond,
	} {
		if *d == 0 {
			*d = value
		}
	}
}

// orDefault replaces a value that is not positive.
func orDefault[T int | int64](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}
