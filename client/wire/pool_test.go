package wire_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/leatmq/leat/client/wire"
)

func errorIs(err, target error) bool { return errors.Is(err, target) }

func TestAPoolUsesConnectionsAgain(t *testing.T) {
	addr, conns := listen(t, echo, nil)
	pool := wire.NewPool(wire.Options{})
	defer pool.Close()
	for range 5 {
		q, a := heartbeat(4)
		_, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, conns.Load())
	pool.Forget(1)
	q, a := heartbeat(4)
	_, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, conns.Load())
}

func TestASlowRequestHoldsUpNoOther(t *testing.T) {
	slow := make(chan struct{})
	addr, _ := listen(t, func(r request) []byte {
		if r.version() == 1 {
			<-slow
		}
		return echo(r)
	}, nil)
	pool := wire.NewPool(wire.Options{})
	defer pool.Close()
	var waiting sync.WaitGroup
	waiting.Go(func() {
		q, a := heartbeat(1)
		if _, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil); err != nil {
			t.Error(err)
		}
	})
	q, a := heartbeat(4)
	_, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil)
	require.NoError(t, err)
	close(slow)
	waiting.Wait()
}

// TestAConnectionThatThePeerClosedIsNotUsed is of brokers that restart between
// two requests.
func TestAConnectionThatThePeerClosedIsNotUsed(t *testing.T) {
	type both struct{ ours, theirs net.Conn }
	restart := make(chan both, 10)
	o := wire.Options{Dialer: func(context.Context, string, string) (net.Conn, error) {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ours, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return nil, err
		}
		theirs, err := l.Accept()
		if err != nil {
			return nil, err
		}
		go peer(echo).serve(theirs)
		restart <- both{ours, theirs}
		return ours, nil
	}}
	pool := wire.NewPool(o)
	defer pool.Close()
	for range 5 {
		q, a := heartbeat(4)
		_, err := pool.To(wire.Node{ID: 1}).Do(t.Context(), q, a, nil)
		require.NoError(t, err)
		last := <-restart
		last.theirs.Close()
		require.Eventually(t, func() bool { return ended(t, last.ours) }, time.Minute, time.Millisecond)
	}
}

// ended says whether this end of a connection has heard that the other was closed.
func ended(t *testing.T, c net.Conn) (yes bool) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
			yes = n == 0 && err == nil
		})
	}
	assert.NoError(t, err)
	return yes
}

func TestABrokerThatMovedIsReachedWhereItIs(t *testing.T) {
	first, conns1 := listen(t, echo, nil)
	second, conns2 := listen(t, echo, nil)
	pool := wire.NewPool(wire.Options{})
	defer pool.Close()
	for _, addr := range []string{first, second, second} {
		q, a := heartbeat(4)
		_, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, conns1.Load())
	require.EqualValues(t, 1, conns2.Load())
}

func TestClosingAPoolEndsWhatIsUnderWay(t *testing.T) {
	asked, end := make(chan struct{}), make(chan struct{})
	addr, _ := listen(t, func(r request) []byte { close(asked); <-end; return nil }, nil)
	defer close(end)
	pool := wire.NewPool(wire.Options{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		q, a := heartbeat(4)
		if _, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil); !errors.Is(err, wire.ErrClosed) {
			t.Error(err)
		}
	})
	<-asked
	pool.Close()
	waiting.Wait()
	q, a := heartbeat(4)
	_, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil)
	require.ErrorIs(t, err, wire.ErrClosed)
}
