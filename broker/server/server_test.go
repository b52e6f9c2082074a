package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/broker/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take a moment.
const patience = 30 * time.Second

// Keys of apis as the tests use them: what the handler of a test does with
// each is up to that test. Version 1 of all has a header without tagged fields.
const (
	produce  int16 = 0
	fetch    int16 = 1
	metadata int16 = 3
	versions int16 = 18
)

// handlers gives each api key a function.
type handlers map[int16]func(ctx context.Context, r *server.Request, w *server.Response) server.Outcome

func (h handlers) Handle(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
	if f := h[r.Key]; f != nil {
		return f(ctx, r, w)
	}
	return r.Untrusted(errors.New("not offered"))
}

// echo answers with the request's body.
func echo(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
	w.Buf = append(w.Buf, r.Body...)
	return server.Answered
}

// running is a server under test.
type running struct {
	*server.Server
	t       testing.TB
	log     *lockedBuffer
	stop    context.CancelFunc
	served  chan error
	closed  map[server.Cause]int
	refused map[server.Cause]int
	panics  atomic.Int64
	mu      sync.Mutex
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start serves h on a free port until the test ends.
func start(t testing.TB, c server.Config, h server.Handler) *running {
	t.Helper()
	r := &running{t: t, log: &lockedBuffer{}, served: make(chan error, 1),
		closed: map[server.Cause]int{}, refused: map[server.Cause]int{}}
	if c.Listeners == nil {
		c.Listeners = []server.Listener{{Name: "PLAINTEXT", Address: "127.0.0.1:0"}}
	}
	c.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	count := func(m map[server.Cause]int) func(string, server.Cause) {
		return func(_ string, cause server.Cause) {
			r.mu.Lock()
			defer r.mu.Unlock()
			m[cause]++
		}
	}
	c.Hooks.Closed, c.Hooks.Refused = count(r.closed), count(r.refused)
	c.Hooks.Panicked = func(int16) { r.panics.Add(1) }
	var err error
	r.Server, err = server.New(c, h)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.served <- r.Serve(ctx) }()
	t.Cleanup(func() { _ = r.end() })
	return r
}

// end stops the server and returns what Serve returned.
func (r *running) end() error {
	r.stop()
	err := <-r.served
	r.served <- err
	return err
}

// count returns how many connections were closed, or refused, for a cause.
func (r *running) count(m map[server.Cause]int, cause server.Cause) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return m[cause]
}

// closes waits until n connections were closed for the cause.
func (r *running) closes(cause server.Cause, n int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.count(r.closed, cause) == n }, patience, time.Millisecond, cause)
}

// refuses waits until n connections were refused for the cause: the client sees
// the end of its connection before that is counted.
func (r *running) refuses(cause server.Cause, n int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.count(r.refused, cause) == n }, patience, time.Millisecond, cause)
}

// client is a hand-made client.
type client struct {
	*net.TCPConn
	t testing.TB
}

func (r *running) dial() *client {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Addr().String())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = c.Close() })
	require.NoError(r.t, c.SetDeadline(time.Now().Add(2*patience)))
	return &client{c.(*net.TCPConn), r.t}
}

// request makes a frame with a header of v1.
func request(key, version int16, correlation int32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	b = append(b, 0, 4, 't', 'e', 's', 't')
	b = append(b, body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func (c *client) send(b ...[]byte) {
	c.t.Helper()
	_, err := c.Write(bytes.Join(b, nil))
	require.NoError(c.t, err)
}

// receive reads one answer.
func (c *client) receive() (correlation int32, body []byte) {
	c.t.Helper()
	var head [8]byte
	_, err := io.ReadFull(c, head[:])
	require.NoError(c.t, err)
	body = make([]byte, binary.BigEndian.Uint32(head[:])-4)
	_, err = io.ReadFull(c, body)
	require.NoError(c.t, err)
	return int32(binary.BigEndian.Uint32(head[4:])), body
}

// expect reads answers with these correlation ids, in this order.
func (c *client) expect(ids ...int32) {
	c.t.Helper()
	for _, want := range ids {
		got, _ := c.receive()
		require.Equal(c.t, want, got)
	}
}

// gone expects that the server closes without a further answer.
func (c *client) gone() {
	c.t.Helper()
	n, err := c.Read(make([]byte, 1))
	require.Zero(c.t, n)
	require.True(c.t, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), "%v", err)
}

// alive expects that the connection still works.
func (c *client) alive() {
	c.t.Helper()
	c.send(request(metadata, 1, 4711, []byte("alive")))
	id, body := c.receive()
	require.EqualValues(c.t, 4711, id)
	require.Equal(c.t, "alive", string(body))
}
