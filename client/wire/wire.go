// Package wire is a plain connection to a broker: a request goes out, its
// answer comes back. Brokers ask each other over it; there is no metadata, no
// retry and no batching. Users' clients are in package client.
//
//	request:   length int32 | key, version int16 | correlation int32 | client id | tags? | body
//	answer:    length int32 | correlation int32 | tags? | body
//
// The tags stand in the headers of flexible versions (KIP-482), except in the
// answer to ApiVersions, which a peer must be able to read that knows no
// versions yet. One request is under way on a Conn at a time; others wait for
// their turn. Whatever goes wrong in between closes the Conn: what comes next
// on it would be the answer to another question.
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// What can go wrong beside the network.
var (
	// ErrClosed means that the connection was closed, by Close or because an
	// earlier request on it failed.
	ErrClosed = errors.New("connection is closed")
	// ErrProtocol means that what the peer sent is not the answer: its length,
	// its correlation id or its contents are wrong.
	ErrProtocol = errors.New("the answer is not what the protocol asks for")
	// ErrTimeout means that the peer took longer than Options.Timeout.
	ErrTimeout = errors.New("no answer in time")
)

// DefaultMaxResponse is the largest answer that is read unless Options say
// otherwise, in bytes.
const DefaultMaxResponse = 100 << 20

// Options say how a connection is made.
type Options struct {
	// Addr is the peer, as HOST:PORT.
	Addr string
	// ClientID goes into every request header; brokers send their id.
	ClientID string
	// TLS encrypts the connection; nil: plain. Without a ServerName the host
	// of Addr is what the peer's certificate must name.
	TLS *tls.Config
	// Dialer makes the connection below TLS; nil: TCP.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds connecting, the TLS handshake included; 0: 10 s.
	DialTimeout time.Duration
	// Timeout bounds each request, from its turn to the end of its answer,
	// beside what its context says. 0: only the context does.
	Timeout time.Duration
	// MaxResponse is the largest answer that is read, in bytes; 0:
	// DefaultMaxResponse. Memory is taken as bytes arrive, never for what a
	// length only claims.
	MaxResponse int
}

// Conn is a connection to a broker. All methods may be called concurrently.
type Conn struct {
	o   Options
	raw net.Conn // what is closed to interrupt
	nc  net.Conn // what is read and written: raw, or TLS over it

	turn chan struct{} // has one element; who takes it may use what follows
	sent int32         // correlation id of the last request
	out  []byte        // the last request

	once   sync.Once
	closed chan struct{}
}

// Dial connects to the peer.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	if o.MaxResponse <= 0 {
		o.MaxResponse = DefaultMaxResponse
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = 10 * time.Second
	}
	if o.Dialer == nil {
		o.Dialer = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	raw, err := o.Dialer(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Addr, err)
	}
	nc, err := secure(ctx, raw, o)
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("TLS with %s: %w", o.Addr, err)
	}
	c := &Conn{o: o, raw: raw, nc: nc, turn: make(chan struct{}, 1), closed: make(chan struct{})}
	c.turn <- struct{}{}
	return c, nil
}

// secure does the TLS handshake where TLS is wanted.
func secure(ctx context.Context, raw net.Conn, o Options) (net.Conn, error) {
	if o.TLS == nil {
		return raw, nil
	}
	config := o.TLS
	if config.ServerName == "" && !config.InsecureSkipVerify {
		host, _, err := net.SplitHostPort(o.Addr)
		if err != nil {
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	nc := tls.Client(raw, config)
	return nc, nc.HandshakeContext(ctx)
}

// Close ends the connection. A request that is under way fails with ErrClosed.
func (c *Conn) Close() {
	c.once.Do(func() {
		close(c.closed)
		c.raw.Close()
	})
}

// SetTimeout replaces Options.Timeout for the requests to come; 0: only their
// contexts bound them. It must not be called while a request is under way.
func (c *Conn) SetTimeout(d time.Duration) { c.o.Timeout = d }

// Closed is closed when the connection is of no use any more.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Addr is the peer that was dialled.
func (c *Conn) Addr() string { return c.o.Addr }
