package admin

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// started runs a server until the test ends and returns its base URL.
func started(t *testing.T, o Options) string {
	t.Helper()
	o.Listen, o.Logger = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	if o.Metrics == nil {
		o.Metrics = http.NotFoundHandler()
	}
	s, err := New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		require.NoError(t, <-done)
	})
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestReadyzNamesWhatIsMissing(t *testing.T) {
	var open atomic.Bool
	url := started(t, Options{Ready: func() []Check {
		c := Check{Name: "listeners", OK: open.Load()}
		if !c.OK {
			c.Reason = "not open yet"
		}
		return []Check{{Name: "logs", OK: true}, c}
	}})
	status, body := get(t, url+"/readyz")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"ready":false,"checks":[{"name":"logs","ok":true},{"name":"listeners","ok":false,"reason":"not open yet"}]}`, body)
	open.Store(true)
	status, body = get(t, url+"/readyz")
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"ready":true,"checks":[{"name":"logs","ok":true},{"name":"listeners","ok":true}]}`, body)
}

func TestLivezAndMetrics(t *testing.T) {
	url := started(t, Options{Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })})
	status, body := get(t, url+"/livez")
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"live":true}`, body)
	status, _ = get(t, url+"/metrics")
	require.Equal(t, http.StatusTeapot, status)
	status, _ = get(t, url+"/elsewhere")
	require.Equal(t, 404, status)
}

func TestPprofOnlyWhenEnabled(t *testing.T) {
	status, _ := get(t, started(t, Options{})+"/debug/pprof/")
	require.Equal(t, 404, status)
	status, body := get(t, started(t, Options{Pprof: true})+"/debug/pprof/")
	require.Equal(t, 200, status)
	require.Contains(t, body, "goroutine")
}

func TestAddressInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, err = New(Options{Listen: l.Addr().String(), Logger: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler()})
	require.ErrorContains(t, err, "leat.admin.listen")
	require.ErrorContains(t, err, l.Addr().String())
}

func TestRunDoesNotWaitForASlowClient(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	s, err := New(Options{Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Ready: func() []Check { return nil },
		Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-release })})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = conn.Write([]byte("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)
	<-entered
	cancel()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("Run waits for a client that never ends")
	}
}

func TestNotify(t *testing.T) {
	require.NoError(t, Notify("", StateReady))
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	require.NoError(t, Notify(path, StateReady))
	buf := make([]byte, 64)
	n, err := l.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "READY=1", string(buf[:n]))
	require.ErrorContains(t, Notify(path+"-gone", StateStopping), "STOPPING=1")
}
