package wire

import (
	"context"
	"fmt"
	"sync"
)

// idlePerNode is how many unused connections to one broker are kept.
const idlePerNode = 4

// Node is a broker to connect to.
type Node struct {
	ID   int32
	Addr string // HOST:PORT
}

// Pool keeps connections to brokers for requests that come now and then. Two
// requests to one broker go over two connections, so that a slow one holds up
// nobody. All methods may be called concurrently.
type Pool struct {
	o Options

	mu     sync.Mutex
	closed bool
	nodes  map[int32]*node
	busy   map[*Conn]struct{}
}

// node is one broker's unused connections, the one used last at the end.
type node struct {
	addr string
	idle []*Conn
}

// NewPool returns a pool whose connections are made as the options say; their
// Addr is not looked at.
func NewPool(o Options) *Pool {
	return &Pool{o: o, nodes: make(map[int32]*node), busy: make(map[*Conn]struct{})}
}

// Peer is one broker by way of a pool.
type Peer struct {
	pool *Pool
	node Node
}

// To returns the way to a broker.
func (p *Pool) To(n Node) Peer { return Peer{pool: p, node: n} }

// Do is Conn.Do over any connection to the broker that is free, or a new one.
func (x Peer) Do(ctx context.Context, req Request, resp Response, buf []byte) ([]byte, error) {
	c, err := x.pool.take(ctx, x.node)
	if err != nil {
		return buf, err
	}
	defer x.pool.put(x.node, c)
	return c.Do(ctx, req, resp, buf)
}

// Dial makes a connection to the broker that is the caller's alone, for
// requests that follow each other or take long. The caller closes it.
func (x Peer) Dial(ctx context.Context) (*Conn, error) {
	o := x.pool.o
	o.Addr = x.node.Addr
	c, err := Dial(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("broker %d: %w", x.node.ID, err)
	}
	return c, nil
}

// Forget closes the unused connections to a broker that is gone.
func (p *Pool) Forget(id int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.nodes[id]; n != nil {
		n.close()
		delete(p.nodes, id)
	}
}

// Close closes all connections, also those with a request under way. The pool
// makes no new ones.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, n := range p.nodes {
		n.close()
	}
	clear(p.nodes)
	for c := range p.busy {
		c.Close()
	}
}

// take returns a connection to the broker, for one request.
func (p *Pool) take(ctx context.Context, to Node) (*Conn, error) {
	for {
		c, err := p.reuse(to)
		if err != nil {
			return nil, err
		}
		if c == nil {
			break
		}
		if c.fresh() {
			return c, nil
		}
		c.Close()
		p.drop(c)
	}
	c, err := p.To(to).Dial(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return nil, ErrClosed
	}
	p.busy[c] = struct{}{}
	return c, nil
}

// reuse takes an unused connection; nil if there is none.
func (p *Pool) reuse(to Node) (*Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	n := p.nodes[to.ID]
	if n == nil {
		return nil, nil
	}
	if n.addr != to.Addr { // it is reached elsewhere now
		n.close()
		delete(p.nodes, to.ID)
		return nil, nil
	}
	if len(n.idle) == 0 {
		return nil, nil
	}
	c := n.idle[len(n.idle)-1]
	n.idle = n.idle[:len(n.idle)-1]
	p.busy[c] = struct{}{}
	return c, nil
}

// drop forgets a connection that was taken.
func (p *Pool) drop(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, c)
}

// put gives a connection back.
func (p *Pool) put(to Node, c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, c)
	select {
	case <-c.closed:
		return
	default:
	}
	n := p.nodes[to.ID]
	if n == nil && !p.closed {
		n = &node{addr: to.Addr}
		p.nodes[to.ID] = n
	}
	if p.closed || n.addr != to.Addr || len(n.idle) >= idlePerNode {
		c.Close()
		return
	}
	n.idle = append(n.idle, c)
}

func (n *node) close() {
	for _, c := range n.idle {
		c.Close()
	}
}
