package server_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/server"
)

// The budget of allocations: none for a request, one (the Deferred) for a parked one.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates: only run, not counted")
	}
	s := start(t, server.Config{}, handlers{metadata: echo,
		fetch: func(_ context.Context, r *server.Request, _ *server.Response) server.Outcome {
			r.Defer().Answer(answerNothing)
			return server.Parked
		}})
	for name, c := range map[string]struct {
		frame []byte
		most  float64
	}{
		"small":  {request(metadata, 1, 1, []byte("body")), 0},
		"64 KiB": {request(metadata, 1, 1, make([]byte, 64<<10)), 0},
		"parked": {request(fetch, 4, 1, nil), 1},
	} {
		conn := s.dial()
		answer := make([]byte, len(c.frame)+100)
		frames := bytes.Repeat(c.frame, 10)
		size := 10 * (8 + len(c.frame) - 18)
		round := func() {
			if _, err := conn.Write(frames); err != nil {
				t.Fatal(err)
			}
			for n := 0; n < size; {
				k, err := conn.Read(answer)
				if err != nil {
					t.Fatal(err)
				}
				n += k
			}
		}
		for range 20 {
			round()
		}
		got := testing.AllocsPerRun(100, round) / 10
		if !raceEnabled {
			require.LessOrEqual(t, got, c.most+0.3, name)
		}
	}
}

func answerNothing(*server.Response) {}

// What an idle connection costs, the test's own end of it included.
func TestIdleConnectionMemory(t *testing.T) {
	s := start(t, server.Config{}, handlers{metadata: echo})
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	s.dial().alive()
	before := used()
	const n = 500
	frame := request(metadata, 1, 1, make([]byte, 100_000))
	answer := make([]byte, len(frame)-10)
	for range n {
		c := s.dial()
		c.send(frame)
		_, err := io.ReadFull(c, answer)
		require.NoError(t, err)
	}
	require.Equal(t, n+1, s.Connections())
	require.Eventually(t, func() bool { return s.QueuedBytes() == 0 }, patience, time.Millisecond)
	if !raceEnabled {
		require.Less(t, (used()-before)/n, uint64(16<<10))
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	for name, size := range map[string]int{"100B": 100, "64KiB": 64 << 10, "1MiB": 1 << 20} {
		for label, pipelined := range map[string]int{"x1": 1, "x16": 16} {
			b.Run(name+label, func(b *testing.B) {
				s := start(b, server.Config{}, handlers{produce: ack})
				c := s.dial()
				require.NoError(b, c.SetDeadline(time.Time{}))
				frames := bytes.Repeat(request(produce, 3, 1, make([]byte, size)), pipelined)
				answers := make([]byte, 16*pipelined)
				b.SetBytes(int64(len(frames) / pipelined))
				b.ReportAllocs()
				for i := 0; i < b.N; i += pipelined {
					if _, err := c.Write(frames); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(c, answers); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// ack answers as a produce is answered: shortly.
func ack(_ context.Context, _ *server.Request, w *server.Response) server.Outcome {
	w.Buf = append(w.Buf, 0, 0, 0, 0, 0, 0, 0, 0)
	return server.Answered
}
