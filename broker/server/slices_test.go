package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// filledLog returns a log with one batch of each size, and the batches.
func filledLog(t testing.TB, fs vfs.FS, dir string, sizes ...int) (*log.Log, [][]byte) {
	t.Helper()
	l, err := log.Open(dir, log.Options{FS: fs, Config: log.DefaultConfig(), RecoveryPoint: -1, StartOffset: -1})
	require.NoError(t, err)
	var batches [][]byte
	for i, size := range sizes {
		var b record.Builder
		b.Reset(record.Spec{LeaderEpoch: 0})
		b.Append(&record.Record{Timestamp: time.Now().UnixMilli(), Value: bytes.Repeat([]byte{byte(i + 1)}, size)})
		set, err := b.Finish(nil)
		require.NoError(t, err)
		_, err = l.Append(set, log.AppendOptions{ProduceVersion: 9})
		require.NoError(t, err)
		batches = append(batches, set)
	}
	return l, batches
}

// spliced answers with the batches whose offsets the body names, text between them.
func spliced(t testing.TB, l *log.Log, offsets []byte, w *server.Response) {
	for _, o := range offsets {
		w.Buf = append(w.Buf, "<"...)
		s, err := l.Read(log.ReadRequest{Offset: int64(o), UpTo: l.EndOffset(), MaxBytes: 1, MinOne: true})
		if err != nil {
			t.Errorf("read: %v", err)
			return
		}
		w.Slices = append(w.Slices, server.Splice{At: len(w.Buf), Data: s})
	}
	w.Buf = append(w.Buf, ">"...)
}

func splicer(t testing.TB, l *log.Log) func(context.Context, *server.Request, *server.Response) server.Outcome {
	return func(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
		spliced(t, l, r.Body, w)
		return server.Answered
	}
}

func TestSlices(t *testing.T) {
	for name, disk := range map[string]struct {
		fs  vfs.FS
		dir string
	}{
		"files":          {vfs.OS, filepath.Join(t.TempDir(), "t-0")},
		"disk in memory": {crashfs.New(crashfs.Options{}), "/t-0"},
	} {
		t.Run(name, func(t *testing.T) {
			l, batches := filledLog(t, disk.fs, disk.dir, 10, 5_000, 40_000, 900_000)
			p := parking{make(chan parked, 1)}
			s := start(t, server.Config{}, handlers{metadata: echo, fetch: splicer(t, l), produce: p.handle})
			c := s.dial()
			ask := func(id int32, offsets ...byte) []byte { return request(fetch, 4, id, offsets) }
			orders := [][]byte{{}, {0}, {3}, {0, 1, 2, 3}, {2, 2}, {3, 0, 3}, {1}, {3, 3, 3, 3, 3, 3, 3, 3}}
			var all []byte
			for i, o := range orders {
				all = append(all, ask(int32(i), o...)...)
			}
			all = append(all, request(metadata, 1, int32(len(orders)), []byte("end"))...)
			c.send(all)
			for i, o := range orders {
				id, body := c.receive()
				require.EqualValues(t, i, id)
				require.Equal(t, expected(batches, o), body)
			}
			c.expect(int32(len(orders)))

			// From another goroutine: as much as the socket takes at once, and more.
			for _, o := range [][]byte{{2}, {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}} {
				c.send(request(produce, 4, 1, nil))
				(<-p.parked).Answer(func(w *server.Response) { spliced(t, l, o, w) })
				_, body := c.receive()
				require.Equal(t, expected(batches, o), body)
			}
			require.NoError(t, s.end())
			require.NoError(t, l.Close())
			requireNoOpenFiles(t, disk.dir)
		})
	}
}

func expected(batches [][]byte, offsets []byte) []byte {
	var b []byte
	for _, o := range offsets {
		b = append(append(b, '<'), batches[o]...)
	}
	return append(b, '>')
}

// requireNoOpenFiles finds slices that were not released.
func requireNoOpenFiles(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		require.False(t, err == nil && strings.HasPrefix(target, dir), target)
	}
}

// Whatever becomes of the connection, the slices are released.
func TestSlicesAreReleased(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t-0")
	l, _ := filledLog(t, vfs.OS, dir, 900_000)
	p := parking{make(chan parked, 1)}
	s := start(t, server.Config{Timeouts: server.Timeouts{Write: 50 * time.Millisecond}}, handlers{
		fetch: splicer(t, l), produce: p.handle,
		metadata: func(_ context.Context, _ *server.Request, w *server.Response) server.Outcome {
			spliced(t, l, []byte{0}, w)
			panic("with a slice")
		},
		11: func(_ context.Context, _ *server.Request, w *server.Response) server.Outcome {
			spliced(t, l, []byte{0}, w)
			return server.NoAnswer
		},
	})
	c := s.dial()
	c.send(request(11, 1, 1, nil), request(metadata, 1, 2, nil))
	c.gone()
	c = s.dial() // answers ready behind a parked one, never read
	c.send(request(produce, 4, 1, nil), request(fetch, 4, 2, make([]byte, 10)), request(fetch, 4, 3, make([]byte, 10)))
	d := <-p.parked
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
	s.closes(server.CausePeer, 1)
	d.Answer(func(w *server.Response) { spliced(t, l, []byte{0}, w) })
	c = s.dial() // stuck in the middle
	c.send(request(fetch, 4, 2, make([]byte, 40)))
	s.closes(server.CauseSlowWrite, 1)
	require.NoError(t, s.end())
	require.NoError(t, l.Close())
	requireNoOpenFiles(t, dir)
}

// A file that is shorter than its log says breaks the answer: the client must not
// take what follows for it.
func TestShortFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t-0")
	l, _ := filledLog(t, vfs.OS, dir, 10, 5_000, 40_000, 900_000)
	found, cut := make(chan struct{}, 2), make(chan struct{})
	s := start(t, server.Config{}, handlers{fetch: func(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
		spliced(t, l, r.Body, w)
		found <- struct{}{}
		<-cut
		return server.Answered
	}})
	clients := []*client{s.dial(), s.dial()}
	clients[0].send(request(fetch, 4, 1, []byte{1})) // read and copied
	clients[1].send(request(fetch, 4, 1, []byte{3})) // sent by the kernel
	<-found
	<-found
	require.NoError(t, os.Truncate(filepath.Join(dir, "00000000000000000000.log"), 1000))
	close(cut)
	_, err := clients[0].Read(make([]byte, 1))
	require.Error(t, err)
	var head [4]byte
	_, err = clients[1].Read(head[:])
	require.NoError(t, err)
	n, err := bytes.NewBuffer(nil).ReadFrom(clients[1])
	require.Less(t, n, int64(binary.BigEndian.Uint32(head[:])), err)
	s.closes(server.CauseIO, 2)
	require.NoError(t, l.Close())
}
