package zk_test

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate is a way to a server that can be shut: connections break, and new ones
// are refused.
type gate struct {
	t      *testing.T
	l      net.Listener
	target string
	mu     sync.Mutex
	closed bool
	deaf   bool // answers are dropped
	conns  []net.Conn
	wg     sync.WaitGroup
}

func newGate(t *testing.T, target string) *gate {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{t: t, l: l, target: target}
	g.wg.Go(g.serve)
	t.Cleanup(func() {
		_ = l.Close()
		g.shut()
		g.wg.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.l.Addr().String() }

func (g *gate) serve() {
	for {
		in, err := g.l.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		out, err := net.Dial("tcp", g.target)
		if err != nil || g.closed {
			_ = in.Close()
			if err == nil {
				_ = out.Close()
			}
			g.mu.Unlock()
			continue
		}
		g.conns = append(g.conns, in, out)
		g.mu.Unlock()
		g.wg.Go(func() { g.pipe(in, out, true) })
		g.wg.Go(func() { g.pipe(out, in, false) })
	}
}

// pipe passes on what comes until either side ends.
func (g *gate) pipe(to, from net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		g.mu.Lock()
		if answers && g.deaf {
			n = 0
		}
		g.mu.Unlock()
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.conns = nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.deaf = false, false
}

// drop lets requests through and no answers.
func (g *gate) drop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deaf = true
}
