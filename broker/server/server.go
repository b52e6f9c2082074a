// Package server speaks Kafka's framing over TCP: it listens, reads requests,
// calls a Handler, and sends the answers in order.
package server

import (
	"context"
	"net"
)

// Server serves one handler on one or more listeners.
type Server struct {
	config    Config
	handler   Handler
	listeners []net.Listener
}

// New opens the listeners, so that a port in use is an error here and Addr is
// known. Clients that connect wait until Serve.
func New(c Config, h Handler) (*Server, error) { return &Server{config: c, handler: h}, nil }

// Serve accepts and serves until ctx is done, then drains: it accepts nothing more,
// reads nothing more, answers what is under way, closes all connections. It
// returns nil when everything was answered within Timeouts.Drain.
func (s *Server) Serve(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close releases the listeners of a server that is never served.
func (s *Server) Close() error { return nil }

// Addr returns the address of the first listener.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// Addrs returns each listener's address by its name.
func (s *Server) Addrs() map[string]net.Addr { return nil }

// SetLimits changes the limits for connections accepted from now on.
func (s *Server) SetLimits(l Limits) {}

// Connections returns how many connections are open.
func (s *Server) Connections() int { return 0 }

// QueuedBytes returns the memory that requests being read and handled hold.
func (s *Server) QueuedBytes() int64 { return 0 }
