package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/server"
)

// parking parks every request and hands the deferred answers to the test.
type parking struct {
	parked chan parked
}

type parked struct {
	*server.Deferred
	body string
}

func (p parking) handle(_ context.Context, r *server.Request, _ *server.Response) server.Outcome {
	p.parked <- parked{r.Defer(), string(r.Body)}
	return server.Parked
}

// echo answers a parked request with its body.
func (p parked) echo() {
	p.Answer(func(w *server.Response) { w.Buf = append(w.Buf, p.body...) })
}

func TestTwoRequestsInOneWrite(t *testing.T) {
	s := start(t, server.Config{}, handlers{metadata: echo, versions: echo})
	c := s.dial()
	c.send(request(versions, 0, 1, nil), request(metadata, 1, 2, nil))
	c.expect(1, 2)
}

func TestAnswersLeaveInOrder(t *testing.T) {
	p := parking{make(chan parked, 10)}
	s := start(t, server.Config{}, handlers{metadata: echo, fetch: p.handle})
	c := s.dial()
	c.send(request(fetch, 4, 1, []byte("a")), request(metadata, 1, 2, nil), request(fetch, 4, 3, []byte("b")), request(metadata, 1, 4, nil))
	a, b := <-p.parked, <-p.parked // both at once: the second does not wait for the first
	b.echo()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout", "nothing leaves before the first answer")
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	a.echo()
	for want := range int32(4) {
		id, body := c.receive()
		require.Equal(t, want+1, id)
		require.Equal(t, []string{"a", "", "b", ""}[want], string(body))
	}
	c.alive()
}

// Many requests, some parked and completed by other goroutines in any order,
// with answers small and large, and a client that reads while it writes.
func TestOrderUnderLoad(t *testing.T) {
	var completers sync.WaitGroup
	defer completers.Wait()
	work := make(chan parked, 64)
	for range 3 {
		completers.Go(func() {
			for d := range work {
				d.echo()
			}
		})
	}
	s := start(t, server.Config{MaxInflightRequests: 40}, handlers{
		metadata: echo,
		fetch: func(_ context.Context, r *server.Request, _ *server.Response) server.Outcome {
			work <- parked{r.Defer(), string(r.Body)}
			return server.Parked
		},
		produce: func(context.Context, *server.Request, *server.Response) server.Outcome { return server.NoAnswer },
	})
	var clients sync.WaitGroup
	defer func() {
		clients.Wait()
		require.NoError(t, s.end())
		close(work)
	}()
	for seed := range uint64(4) {
		c := s.dial()
		rng := rand.New(rand.NewPCG(seed, 1))
		type sent struct {
			id   int32
			body []byte
		}
		const n = 2000
		expected := make(chan sent, n)
		clients.Go(func() {
			defer close(expected)
			for id := range int32(n) {
				key := []int16{metadata, metadata, fetch, produce}[rng.IntN(4)]
				body := bytes.Repeat([]byte{byte(id)}, rng.IntN(300))
				if rng.IntN(50) == 0 {
					body = bytes.Repeat([]byte{byte(id)}, rng.IntN(200_000))
				}
				if _, err := c.Write(request(key, 1, id, body)); err != nil {
					return
				}
				if key != produce {
					expected <- sent{id, body}
				}
			}
		})
		clients.Go(func() {
			for want := range expected {
				id, body := c.receive()
				if id != want.id || !bytes.Equal(body, want.body) {
					t.Errorf("answer %d with %d bytes where %d with %d is due", id, len(body), want.id, len(want.body))
					_ = c.Close()
					return
				}
			}
		})
	}
}

func TestAnswersAreCoalesced(t *testing.T) {
	// All requests are there before the first is read; their answers then come
	// with one read, as one write put them into the socket.
	gate := make(chan struct{})
	s := start(t, server.Config{}, handlers{
		versions: func(_ context.Context, _ *server.Request, w *server.Response) server.Outcome {
			<-gate
			return server.Answered
		},
		metadata: echo,
	})
	c := s.dial()
	c.send(request(versions, 0, 0, nil))
	var many []byte
	for i := range int32(50) {
		many = append(many, request(metadata, 1, i+1, []byte("0123456789"))...)
	}
	c.send(many)
	close(gate)
	c.expect(0)
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	require.NoError(t, err)
	require.Equal(t, 50*18, n, "in one write")
}

// A request that blocks its handler does not hold back the answers before it.
func TestBlockingHandlerDoesNotDelayEarlierAnswers(t *testing.T) {
	release := make(chan struct{})
	s := start(t, server.Config{}, handlers{
		metadata: echo,
		11: func(context.Context, *server.Request, *server.Response) server.Outcome {
			<-release
			return server.Answered
		},
	})
	c := s.dial()
	c.send(request(metadata, 1, 1, nil), request(metadata, 1, 2, nil), request(11, 1, 3, nil))
	c.expect(1, 2)
	close(release)
	c.expect(3)
}

func TestResponseHeaders(t *testing.T) {
	s := start(t, server.Config{}, handlers{metadata: echo, versions: echo})
	c := s.dial()
	flexible := func(key, version int16) []byte {
		b := request(key, version, 1, append([]byte{0}, "body"...))
		return b
	}
	c.send(flexible(metadata, 9))
	_, body := c.receive()
	require.Equal(t, "\x00body", string(body), "v1: correlation id and tagged fields")
	c.send(flexible(versions, 3))
	_, body = c.receive()
	require.Equal(t, "body", string(body), "v0, whatever the version of ApiVersions")
}

func TestRequestFields(t *testing.T) {
	got := make(chan server.Request, 1)
	s := start(t, server.Config{Listeners: []server.Listener{{Name: "INSIDE", Address: "127.0.0.1:0"}}}, handlers{
		metadata: func(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
			if r.Conn.State == nil {
				r.Conn.State = "first"
				r.Conn.SetSoftware("golden", "1.0")
			} else {
				require.Equal(t, "first", r.Conn.State)
			}
			require.Equal(t, 18, r.Size())
			got <- *r
			return server.Answered
		}})
	c := s.dial()
	for id := range int32(2) {
		c.send(request(metadata, 1, id-8, []byte("body")))
		c.expect(id - 8)
		r := <-got
		require.Equal(t, "test", r.ClientID)
		require.EqualValues(t, id-8, r.CorrelationID)
		require.Equal(t, c.LocalAddr().String(), r.Conn.RemoteAddr().String())
		require.Equal(t, s.Addr().String(), r.Conn.LocalAddr().String())
		require.Equal(t, "INSIDE", r.Conn.Listener())
		require.WithinDuration(t, time.Now(), r.Received, time.Minute)
		name, version := r.Conn.Software()
		require.Equal(t, "golden 1.0", name+" "+version)
		require.False(t, r.Conn.Closed())
	}
}

// A client id belongs to its request, however the one before looked.
func TestClientIDs(t *testing.T) {
	got := make(chan string, 1)
	s := start(t, server.Config{}, handlers{metadata: func(_ context.Context, r *server.Request, _ *server.Response) server.Outcome {
		got <- r.ClientID
		return server.Answered
	}})
	c := s.dial()
	for _, id := range []string{"", "a", "a", strings.Repeat("x", 3000), "", "b", "null", "c"} {
		length := len(id)
		if id == "null" {
			id, length = "", -1
		}
		b := binary.BigEndian.AppendUint32(nil, uint32(10+len(id)))
		b = append(b, 0, byte(metadata), 0, 1, 0, 0, 0, 7)
		b = binary.BigEndian.AppendUint16(b, uint16(length))
		c.send(b, []byte(id))
		require.Equal(t, id, <-got)
		c.expect(7)
	}
}

func TestDeferredMisuse(t *testing.T) {
	s := start(t, server.Config{}, handlers{
		metadata: echo,
		fetch: func(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
			d := r.Defer()
			d.Answer(func(w *server.Response) { w.Buf = append(w.Buf, "once"...) })
			d.Answer(func(w *server.Response) { w.Buf = append(w.Buf, "twice"...) })
			return server.Parked
		},
		produce: func(context.Context, *server.Request, *server.Response) server.Outcome { return server.Parked },
	})
	c := s.dial()
	c.send(request(fetch, 4, 1, nil))
	_, body := c.receive()
	require.Equal(t, "once", string(body))
	c.alive()
	require.Contains(t, s.log.String(), "answered twice")
	c.send(request(produce, 3, 2, nil))
	c.gone()
}
