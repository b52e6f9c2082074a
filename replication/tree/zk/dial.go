package zk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Waits between rounds over all servers while none can be reached.
const (
	firstWait = 20 * time.Millisecond
	longWait  = time.Second / 2
)

var errOver = errors.New("the session is over")

// dialer picks the servers in turn, in an order of its own, and connects. The
// library asks Next and then dial, from one goroutine, until a connection
// stands.
//
// Once the session is over dial refuses: so there is no connection on which the
// library could make another session.
type dialer struct {
	servers []string
	timeout time.Duration // for one connection, and for its greeting
	longest time.Duration // wait between two rounds
	tls     *tls.Config
	tree    *Tree
	ctx     context.Context // ends with the session
	cancel  context.CancelFunc

	mu    sync.Mutex
	next  int
	tried int   // since the last session or resumption
	err   error // of the latest attempt
	line  *line // the latest connection
}

func newDialer(o *Options, t *Tree) *dialer {
	d := &dialer{servers: make([]string, len(o.Servers)), tls: o.TLS, tree: t}
	for i, from := range rand.Perm(len(o.Servers)) {
		d.servers[i] = o.Servers[from]
	}
	// A server that takes long must leave time for another one.
	d.timeout = max(o.SessionTimeout/time.Duration(2*len(d.servers)+1), 200*time.Millisecond)
	d.longest = min(o.SessionTimeout/8, longWait)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Init is called by the library; the servers are known already.
func (d *dialer) Init([]string) error { return nil }

// Len is the number of servers.
func (d *dialer) Len() int { return len(d.servers) }

// Next gives the server to try. True makes the library look whether it has been
// closed, at the price of a second's wait if it has not.
func (d *dialer) Next() (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	server := d.servers[d.next%len(d.servers)]
	d.next++
	d.tried++
	return server, d.ctx.Err() != nil
}

// Connected is called by the library when it has the session on a connection.
func (d *dialer) Connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried = 0
}

// refuse ends the connection and lets no other be made.
func (d *dialer) refuse() {
	d.cancel()
	d.hangUp()
}

// hangUp ends the connection; the library makes another one.
func (d *dialer) hangUp() {
	d.mu.Lock()
	l := d.line
	d.mu.Unlock()
	if l != nil {
		l.hangUp()
	}
}

// dial connects to a server, after a pause if all have just been tried.
func (d *dialer) dial(network, address string, _ time.Duration) (net.Conn, error) {
	d.mu.Lock()
	rounds := (d.tried - 1) / len(d.servers)
	d.mu.Unlock()
	if rounds > 0 {
		wait := min(firstWait<<min(rounds-1, 10), d.longest)
		select {
		case <-time.After(wait):
		case <-d.ctx.Done():
		}
	}
	l, err := d.connect(network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil { // which says nothing of what went wrong before
		if err == nil {
			l.hangUp()
		}
		return nil, errOver
	}
	d.err = err
	if err != nil {
		return nil, err
	}
	d.line = l
	return l, nil
}

func (d *dialer) connect(network, address string) (*line, error) {
	if d.ctx.Err() != nil {
		return nil, errOver
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
	defer cancel()
	var plain net.Dialer
	c, err := plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if d.tls == nil {
		return newLine(c, d.tree, d.timeout), nil
	}
	config := d.tls.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	secure := tls.Client(c, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: TLS: %w", address, err), c.Close())
	}
	return newLine(secure, d.tree, d.timeout), nil
}

// lastError is what the latest attempt to connect met, as the tail of a message.
func (d *dialer) lastError() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		return ""
	}
	return fmt.Sprintf(" (%v)", d.err)
}
