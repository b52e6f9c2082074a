package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/server"
)

// Frames and headers that were sent to a real Kafka 3.9, with its answer: closed,
// or served. The two that differ in nothing but the client id are served by both.
func TestBadFrames(t *testing.T) {
	s := start(t, server.Config{}, handlers{metadata: echo, versions: echo})
	for name, c := range map[string]struct {
		frame  string
		served bool
	}{
		"negative length":                  {"ffffffff", false},
		"length -2147483648":               {"80000000", false},
		"length 0":                         {"00000000", false},
		"length 0, then a request":         {"00000000 0000000b 0012 0000 00000005 0001 78", false},
		"length 104857601":                 {"06400001", false},
		"length 2147483647":                {"7fffffff", false},
		"header of 4 bytes":                {"00000004 00120000", false},
		"header of 8 bytes, no client id":  {"00000008 0012 0000 00000005", false},
		"header of 9 bytes":                {"00000009 0012 0000 00000005 00", false},
		"HTTP request":                     {hex.EncodeToString([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), false},
		"TLS client hello":                 {"16030100c8010000c40303" + strings.Repeat("00", 200), false},
		"client id longer than the frame":  {"0000000b 0012 0000 00000001 03e8 78", false},
		"ApiVersions v100 without tags":    {"00000010 0012 0064 00000009 0006 676f6c64656e", false},
		"api key -1":                       {"00000024 ffff 0000 00000009 0006 676f6c64656e" + strings.Repeat("00", 20), false},
		"api key 32767":                    {"00000024 7fff 0000 00000009 0006 676f6c64656e" + strings.Repeat("00", 20), false},
		"api key that is not offered":      {"00000024 0034 0000 00000009 0006 676f6c64656e" + strings.Repeat("00", 20), false},
		"client id null":                   {"0000000a 0012 0000 00000001 ffff", true},
		"client id empty":                  {"0000000a 0012 0000 00000001 0000", true},
		"client id length -5":              {"0000000a 0012 0000 00000001 fffb", true},
		"client id not UTF-8":              {"0000000c 0012 0000 00000001 0002 fffe", true},
		"correlation id negative":          {"0000000f 0003 0001 fffffff9 0001 78 00000000", true},
		"header with unknown tagged field": {"00000015 0003 0009 00000001 0001 78 01 05 02 6162 0100000000", true},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(strings.ReplaceAll(c.frame, " ", ""))
			require.NoError(t, err)
			client := s.dial()
			client.send(b)
			if c.served {
				client.receive()
				client.alive()
				return
			}
			client.gone()
		})
	}
}

func TestEndOfStream(t *testing.T) {
	p := parking{make(chan parked, 1)}
	s := start(t, server.Config{}, handlers{metadata: echo, fetch: p.handle})
	c := s.dial()
	c.send(request(metadata, 1, 1, nil)[:7])
	require.NoError(t, c.CloseWrite())
	c.gone()

	c = s.dial()
	c.send(request(metadata, 1, 1, nil), request(fetch, 4, 2, nil))
	require.NoError(t, c.CloseWrite())
	c.expect(1)
	(<-p.parked).echo()
	c.expect(2)
	c.gone()
	s.closes(server.CausePeer, 2)
}

// A later bad request does not cost the answers to earlier good ones.
func TestBadRequestAfterGoodOnes(t *testing.T) {
	p := parking{make(chan parked, 1)}
	s := start(t, server.Config{}, handlers{metadata: echo, fetch: p.handle})
	for _, bad := range [][]byte{{0x80, 0, 0, 0}, {0, 0, 0, 1, 0}, request(77, 0, 3, nil)} {
		c := s.dial()
		c.send(request(metadata, 1, 1, nil), request(fetch, 4, 2, nil), bad)
		c.expect(1)
		(<-p.parked).echo()
		c.expect(2)
		c.gone()
	}
}

func TestTooLarge(t *testing.T) {
	s := start(t, server.Config{MaxRequestBytes: 1000, TooLarge: func(r *server.Request, w *server.Response) server.Outcome {
		require.Nil(t, r.Body)
		w.Buf = append(w.Buf, "too large"...)
		return server.Answered
	}}, handlers{metadata: echo})
	c := s.dial()
	r := request(metadata, 1, 5, bytes.Repeat([]byte{1}, 2000))
	c.send(r[:100])
	id, body := c.receive()
	require.EqualValues(t, 5, id)
	require.Equal(t, "too large", string(body))
	c.gone()
	c = s.dial()
	c.send(r[:4])
	c.gone()
	s.closes(server.CauseFrame, 2)
}

// clock stands still, however long a busy machine takes for what is to be done
// before anything is overdue, until it is told to run.
type clock struct{ runs atomic.Bool }

func (c *clock) now() time.Time {
	if c.runs.Load() {
		return time.Now()
	}
	return time.Unix(1_000_000_000, 0)
}

func TestTimeouts(t *testing.T) {
	const short = 100 * time.Millisecond
	t.Run("idle", func(t *testing.T) {
		var clock clock
		s := start(t, server.Config{Timeouts: server.Timeouts{Idle: short}, Now: clock.now}, handlers{metadata: echo})
		c := s.dial()
		c.alive()
		clock.runs.Store(true)
		c.gone()
		s.closes(server.CauseIdle, 1)
	})
	t.Run("half a length field", func(t *testing.T) {
		s := start(t, server.Config{Timeouts: server.Timeouts{Read: short}}, handlers{metadata: echo})
		c := s.dial()
		c.send([]byte{0, 0})
		c.gone()
		s.closes(server.CauseSlowRead, 1)
	})
	t.Run("half a request, others unharmed", func(t *testing.T) {
		s := start(t, server.Config{Timeouts: server.Timeouts{Read: short}}, handlers{metadata: echo})
		quiet := s.dial()
		quiet.alive()
		for range 200 {
			c := s.dial()
			c.send(request(metadata, 1, 1, make([]byte, 500))[:100])
		}
		s.closes(server.CauseSlowRead, 200)
		quiet.alive()
		require.Contains(t, s.log.String(), "slow_read")
		require.LessOrEqual(t, strings.Count(s.log.String(), "slow_read"), 5, "lines are limited")
	})
	t.Run("answers not taken", func(t *testing.T) {
		s := start(t, server.Config{Timeouts: server.Timeouts{Write: short}}, handlers{
			metadata: echo,
			fetch: func(_ context.Context, _ *server.Request, w *server.Response) server.Outcome {
				w.Buf = append(w.Buf, make([]byte, 16<<20)...)
				return server.Answered
			}})
		c := s.dial()
		c.send(request(fetch, 4, 1, nil))
		s.closes(server.CauseSlowWrite, 1)
	})
	t.Run("parked answer not taken", func(t *testing.T) {
		p := parking{make(chan parked, 1)}
		s := start(t, server.Config{Timeouts: server.Timeouts{Write: short}}, handlers{metadata: echo, fetch: p.handle})
		c := s.dial()
		c.send(request(fetch, 4, 1, nil))
		// Returns at once, though nobody reads.
		(<-p.parked).Answer(func(w *server.Response) { w.Buf = append(w.Buf, make([]byte, 16<<20)...) })
		s.closes(server.CauseSlowWrite, 1)
	})
	t.Run("waiting for a parked answer is not idle", func(t *testing.T) {
		var clock clock
		p := parking{make(chan parked, 1)}
		s := start(t, server.Config{Timeouts: server.Timeouts{Idle: short}, Now: clock.now}, handlers{metadata: echo, fetch: p.handle})
		c, idle := s.dial(), s.dial()
		c.send(request(fetch, 4, 1, nil))
		d := <-p.parked
		clock.runs.Store(true)
		idle.gone()
		d.echo()
		c.expect(1)
	})
}

// 100 connections that claim 100 MiB and send little.
func TestLengthBombs(t *testing.T) {
	s := start(t, server.Config{}, handlers{metadata: echo})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n, sent = 100, 10_000
	for range n {
		c := s.dial()
		c.send([]byte{6, 0x40, 0, 0}, make([]byte, sent-4))
	}
	require.Eventually(t, func() bool { return s.QueuedBytes() >= n*sent }, patience, time.Millisecond)
	runtime.ReadMemStats(&after)
	require.Less(t, after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc), uint64(16<<20))
	require.Less(t, s.QueuedBytes(), int64(16<<20))
	s.dial().alive()
}

// Large requests on more connections than memory is for: all get through, those
// without a share are not read meanwhile, and small requests do not suffer.
func TestBackPressure(t *testing.T) {
	const budget, size, n = 8 << 20, 3 << 20, 12
	var most atomic.Int64
	var queued atomic.Pointer[running]
	s := start(t, server.Config{MaxQueuedBytes: budget}, handlers{metadata: echo,
		produce: func(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
			most.Store(max(most.Load(), queued.Load().QueuedBytes()))
			require.Len(t, r.Body, size)
			w.Buf = append(w.Buf, r.Body[size-1])
			return server.Answered
		}})
	queued.Store(s)
	clients := make([]*client, n)
	frame := request(produce, 3, 1, bytes.Repeat([]byte{9}, size))
	for i := range clients {
		clients[i] = s.dial()
		clients[i].send(frame[:len(frame)*i/n/2+100]) // all begun, none complete
	}
	other := s.dial()
	other.alive()
	done := make(chan struct{})
	for i, c := range clients {
		go func() {
			defer func() { done <- struct{}{} }()
			if _, err := c.Write(frame[len(frame)*i/n/2+100:]); err != nil {
				t.Errorf("write: %v", err)
			}
			c.expect(1)
		}()
	}
	other.alive()
	for range clients {
		<-done
	}
	other.alive()
	require.LessOrEqual(t, most.Load(), int64(budget+4<<20+1<<20), "one request above the budget")
	for _, c := range clients {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool { return s.QueuedBytes() == 0 }, patience, time.Millisecond)
}

// Large requests that never come to their end use up the memory, but not for ever:
// then others' large requests are read again.
func TestMemoryComesBack(t *testing.T) {
	var clock clock
	s := start(t, server.Config{MaxQueuedBytes: 1 << 20, Timeouts: server.Timeouts{Read: 300 * time.Millisecond}, Now: clock.now},
		handlers{produce: ack, metadata: echo})
	for range 20 {
		c := s.dial()
		go func() { _, _ = c.Write(request(produce, 3, 1, make([]byte, 8<<20))[:3<<20]) }() // as far as it gets
	}
	require.Eventually(t, func() bool { return s.QueuedBytes() >= 1<<20 }, patience, time.Millisecond)
	s.dial().alive()
	clock.runs.Store(true)
	require.Eventually(t, func() bool {
		c := s.dial()
		if _, err := c.Write(request(produce, 3, 1, make([]byte, 200_000))); err != nil {
			return false
		}
		_, err := c.Read(make([]byte, 100))
		return err == nil
	}, patience, time.Millisecond)
	require.Eventually(t, func() bool { // memory is given back before that is counted
		return s.count(s.closed, server.CauseMemory)+s.count(s.closed, server.CauseSlowRead) > 0
	}, patience, time.Millisecond)
}

// One connection is read no further than its bounds on what is unanswered.
func TestInflightBounds(t *testing.T) {
	for name, config := range map[string]server.Config{
		"requests": {MaxInflightRequests: 5},
		"bytes":    {MaxInflightBytes: 5 * 114},
	} {
		t.Run(name, func(t *testing.T) {
			p := parking{make(chan parked, 100)}
			s := start(t, config, handlers{metadata: echo, fetch: p.handle})
			c := s.dial()
			for id := range int32(20) {
				c.send(request(fetch, 4, id, make([]byte, 100)))
			}
			var all []parked
			for range 5 {
				all = append(all, <-p.parked)
			}
			s.dial().alive()
			require.Empty(t, p.parked)
			for id := range int32(20) {
				all[0].echo()
				c.expect(id)
				all = all[1:]
				if id < 15 {
					all = append(all, <-p.parked)
				}
			}
		})
	}
}

// A client that sends and never reads: its requests stop being handled.
func TestClientThatNeverReads(t *testing.T) {
	s := start(t, server.Config{MaxInflightBytes: 1 << 20, SendBuffer: 8 << 10}, handlers{metadata: echo})
	c := s.dial()
	require.NoError(t, c.SetReadBuffer(4<<10))
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
	frame := request(metadata, 1, 1, make([]byte, 10_000))
	total := 0
	for {
		n, err := c.Write(frame)
		total += n
		if err != nil {
			require.ErrorContains(t, err, "timeout")
			break
		}
	}
	require.Less(t, total, 32<<20)
	require.Less(t, s.QueuedBytes(), int64(1<<20))
	s.dial().alive()
}

func TestConnectionLimits(t *testing.T) {
	s := start(t, server.Config{Limits: server.Limits{MaxConnections: 3}}, handlers{metadata: echo})
	var open []*client
	for range 3 {
		c := s.dial()
		c.alive()
		open = append(open, c)
	}
	s.dial().gone()
	s.refuses(server.CauseMax, 1)
	require.NoError(t, open[0].Close())
	s.closes(server.CausePeer, 1)
	s.dial().alive()

	s.SetLimits(server.Limits{MaxConnectionsPerIP: 2})
	s.dial().gone()
	s.refuses(server.CauseMaxPerIP, 1)
	s.SetLimits(server.Limits{MaxConnectionsPerIP: 2, PerIP: map[netip.Addr]int{netip.MustParseAddr("127.0.0.1"): 100}})
	s.dial().alive()
}

func TestStrangersCannotForgeLogLines(t *testing.T) {
	s := start(t, server.Config{}, handlers{})
	c := s.dial()
	evil := "\x1b[2J\nlevel=ERROR msg=forged"
	b := append([]byte{0, 3, 0, 1, 0, 0, 0, 1}, binary.BigEndian.AppendUint16(nil, uint16(len(evil)))...)
	b = append(b, evil...)
	c.send(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b)
	c.gone()
	s.closes(server.CauseUntrusted, 1)
	require.Contains(t, s.log.String(), `x1b[2J`)
	require.NotContains(t, s.log.String(), "\x1b")
	require.Equal(t, 1, strings.Count(s.log.String(), "\n"))
	require.Equal(t, `a\u00e9\x00\ufffd`, server.Escape("aé\x00\ufffd"))
	require.Equal(t, "aé", server.Escape("aé"))
	require.Len(t, server.Escape(strings.Repeat("x", 1000)), 203)
}

func TestPanicClosesOneConnection(t *testing.T) {
	p := parking{make(chan parked, 1)}
	s := start(t, server.Config{}, handlers{metadata: echo, fetch: p.handle,
		produce: func(context.Context, *server.Request, *server.Response) server.Outcome { panic("in handler") }})
	other := s.dial()
	other.alive()
	c := s.dial()
	c.send(request(produce, 3, 1, nil))
	c.gone()
	c = s.dial()
	c.send(request(fetch, 4, 1, nil))
	(<-p.parked).Answer(func(*server.Response) { panic("in answer") })
	c.gone()
	s.closes(server.CausePanic, 2)
	require.EqualValues(t, 2, s.panics.Load())
	require.Contains(t, s.log.String(), "in handler")
	require.Contains(t, s.log.String(), "in answer")
	require.Contains(t, s.log.String(), "peers_test.go", "the stack")
	other.alive()
}
