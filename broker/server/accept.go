package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// listening is one open listener.
type listening struct {
	name string
	*net.TCPListener
}

// keepAlive finds peers that are gone without a word in about two minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// listen opens a listener.
func listen(l Listener) (*listening, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	ln, err := config.Listen(context.Background(), "tcp", l.Address)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.Name, err)
	}
	return &listening{l.Name, ln.(*net.TCPListener)}, nil
}

// Bounds of the pause after a failed accept (no file descriptor left).
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// accept accepts until the listener is closed.
func (s *Server) accept(ctx context.Context, l *listening) {
	pause := acceptPauseMin
	for {
		socket, err := l.AcceptTCP()
		switch {
		case err == nil:
			pause = acceptPauseMin
			s.open(ctx, l, socket)
		case ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return
		default:
			s.complaints.warn(CauseIO, "cannot accept connections", "listener", l.name, "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(pause*2, acceptPauseMax)
		}
	}
}

// open starts a connection, or refuses it.
func (s *Server) open(ctx context.Context, l *listening, socket *net.TCPConn) {
	c := &Conn{listener: l.name, server: s, socket: socket, gone: make(chan struct{})}
	c.order.moved.L = &c.order.mu
	c.remote, c.local = addrPort(socket.RemoteAddr()), addrPort(socket.LocalAddr())
	raw, err := socket.SyscallConn()
	if err == nil {
		err = s.setBuffers(socket)
	}
	if err != nil {
		s.complaints.warn(CauseIO, "cannot use an accepted connection", "listener", l.name, "error", err)
		c.abort(ending{cause: CauseIO, err: err})
		return
	}
	c.raw = raw
	if refusal := s.admit(c); refusal != "" {
		c.abort(ending{cause: refusal})
		if f := s.config.Hooks.Refused; f != nil {
			f(l.name, refusal)
		}
		if refusal != CauseShutdown {
			s.complaints.warn(refusal, "connection refused", "listener", l.name, "remote", c.remote, "limit", refusal)
		}
		return
	}
	if f := s.config.Hooks.Opened; f != nil {
		f(l.name)
	}
	s.work.Go(func() { c.serve(ctx) })
}

// setBuffers sets the socket's buffers where the configuration says how large.
func (s *Server) setBuffers(socket *net.TCPConn) error {
	if n := s.config.SendBuffer; n > 0 {
		if err := socket.SetWriteBuffer(n); err != nil {
			return err
		}
	}
	if n := s.config.ReceiveBuffer; n > 0 {
		return socket.SetReadBuffer(n)
	}
	return nil
}

// addrPort returns a TCP address as a value, an IPv4 address as such.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// admit registers a connection, or says which limit is reached.
func (s *Server) admit(c *Conn) Cause {
	limits := s.limits.Load()
	ip := c.remote.Addr()
	perIP, ok := limits.PerIP[ip]
	if !ok {
		perIP = limits.MaxConnectionsPerIP
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return CauseShutdown
	case limits.MaxConnections > 0 && len(s.conns) >= limits.MaxConnections:
		return CauseMax
	case perIP > 0 && s.perIP[ip] >= perIP:
		return CauseMaxPerIP
	}
	s.lastID++
	c.id = s.lastID
	s.conns[c] = struct{}{}
	s.perIP[ip]++
	return ""
}

// forget unregisters a connection that has ended and says why it did.
func (s *Server) forget(c *Conn) {
	ip := c.remote.Addr()
	s.mu.Lock()
	delete(s.conns, c)
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
	s.mu.Unlock()
	e := c.end.Load()
	s.logEnd(c, *e)
	if f := s.config.Hooks.Closed; f != nil {
		f(c.listener, e.cause)
	}
}
