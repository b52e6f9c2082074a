package server_test

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/server"
)

func TestDrainAnswersWhatIsUnderWay(t *testing.T) {
	p := parking{make(chan parked, 1)}
	begun := make(chan struct{})
	s := start(t, server.Config{}, handlers{metadata: echo, fetch: p.handle,
		// Waits until the server drains, as a handler that blocks should.
		11: func(ctx context.Context, _ *server.Request, w *server.Response) server.Outcome {
			close(begun)
			<-ctx.Done()
			w.Buf = append(w.Buf, "drained"...)
			return server.Answered
		}})
	idle, waiting, blocked := s.dial(), s.dial(), s.dial()
	idle.alive()
	waiting.send(request(metadata, 1, 1, nil), request(fetch, 4, 2, nil))
	blocked.send(request(11, 1, 3, nil), request(metadata, 1, 4, []byte("read already")))
	d := <-p.parked
	<-begun
	s.stop()
	idle.gone()
	blocked.expect(3, 4)
	blocked.gone()
	waiting.expect(1)
	d.echo()
	waiting.expect(2)
	waiting.gone()
	require.NoError(t, s.end())
	require.Zero(t, s.Connections())
	_, err := net.Dial("tcp", s.Addr().String())
	require.Error(t, err)
}

// Clients give up when a stream ends before it has brought anything: they believe
// that SASL is wanted. A reset they take for what it is.
func TestDrainResetsWhatWasNeverAsked(t *testing.T) {
	s := start(t, server.Config{}, handlers{metadata: echo, versions: echo})
	fresh, greeted, served := s.dial(), s.dial(), s.dial()
	greeted.send(request(versions, 1, 1, nil))
	greeted.expect(1)
	served.send(request(versions, 1, 1, nil))
	served.expect(1)
	served.alive()
	require.Eventually(t, func() bool { return s.Connections() == 3 }, patience, time.Millisecond)
	s.stop()
	require.NoError(t, s.end())
	_, err := fresh.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = greeted.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = served.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestDrainEndsInTime(t *testing.T) {
	p := parking{make(chan parked, 1)}
	release := make(chan struct{})
	s := start(t, server.Config{Timeouts: server.Timeouts{Drain: 50 * time.Millisecond}}, handlers{fetch: p.handle, metadata: echo,
		produce: func(context.Context, *server.Request, *server.Response) server.Outcome {
			<-release
			return server.Answered
		}})
	c, stuck := s.dial(), s.dial()
	c.send(request(fetch, 4, 1, nil))
	d := <-p.parked
	stuck.send(request(metadata, 1, 1, nil), request(produce, 3, 1, nil))
	stuck.expect(1)
	s.stop()
	c.gone()
	close(release)
	require.ErrorIs(t, s.end(), server.ErrCutOff)
	called := false
	d.Answer(func(*server.Response) { called = true })
	require.True(t, called, "to hand over what it holds")
}

func TestListeners(t *testing.T) {
	s := start(t, server.Config{Listeners: []server.Listener{
		{Name: "A", Address: "127.0.0.1:0"}, {Name: "B", Address: "[::1]:0"}}},
		handlers{metadata: func(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
			w.Buf = append(w.Buf, r.Conn.Listener()...)
			return server.Answered
		}})
	for name, addr := range s.Addrs() {
		nc, err := net.Dial("tcp", addr.String())
		require.NoError(t, err)
		c := &client{nc.(*net.TCPConn), t}
		c.send(request(metadata, 1, 1, nil))
		_, body := c.receive()
		require.Equal(t, name, string(body))
		require.NoError(t, c.Close())
	}
	_, err := server.New(server.Config{Listeners: []server.Listener{{Name: "C", Address: s.Addr().String()}}}, handlers{})
	require.ErrorContains(t, err, "listener C")
	_, err = server.New(server.Config{}, handlers{})
	require.Error(t, err)
	unserved, err := server.New(server.Config{Listeners: []server.Listener{{Name: "D", Address: "127.0.0.1:0"}}}, handlers{})
	require.NoError(t, err)
	require.NoError(t, unserved.Close())
}
