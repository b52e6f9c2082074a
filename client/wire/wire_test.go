package wire_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/client/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is a request as a peer got it, without its length.
type request []byte

func (r request) key() int16     { return int16(binary.BigEndian.Uint16(r)) }
func (r request) version() int16 { return int16(binary.BigEndian.Uint16(r[2:])) }

// answer makes an answer's frame.
func (r request) answer(flexible bool, body []byte) []byte {
	out := append([]byte{0, 0, 0, 0}, r[4:8]...)
	if flexible {
		out = append(out, 0)
	}
	out = append(out, body...)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// peer is a broker that answers each request with what it returns; nil hangs
// up.
type peer func(request) []byte

// serve answers on a connection until it ends.
func (p peer) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		out := p(b)
		if out == nil {
			return
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// pipe has Dial reach the peer without a network.
func pipe(p peer) wire.Options {
	return wire.Options{Addr: "peer:1", ClientID: "7", Dialer: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go p.serve(theirs)
		return ours, nil
	}}
}

// dial connects for a test.
func dial(t testing.TB, o wire.Options) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// heartbeat is a small API of which version 4 is flexible.
func heartbeat(version int16) (*kmsg.HeartbeatRequest, *kmsg.HeartbeatResponse) {
	q := kmsg.NewPtrHeartbeatRequest()
	q.Version, q.Group, q.MemberID = version, "g", "m"
	return q, kmsg.NewPtrHeartbeatResponse()
}

// echo answers heartbeats with error 27.
func echo(r request) []byte {
	a := kmsg.NewPtrHeartbeatResponse()
	a.Version, a.ErrorCode = r.version(), 27
	return r.answer(r.version() >= 4, a.AppendTo(nil))
}

func TestRequestsCarryTheHeaderOfTheirVersion(t *testing.T) {
	for _, c := range []struct {
		req    kmsg.Request
		header string // between correlation id and body
	}{
		{&kmsg.HeartbeatRequest{Version: 0}, "\x00\x017"},
		{&kmsg.HeartbeatRequest{Version: 4}, "\x00\x017\x00"},
		{&kmsg.ApiVersionsRequest{Version: 0}, "\x00\x017"},
		{&kmsg.ApiVersionsRequest{Version: 3}, "\x00\x017\x00"},
		{&kmsg.ControlledShutdownRequest{Version: 0}, ""},
		{&kmsg.ControlledShutdownRequest{Version: 1}, "\x00\x017"},
		{&kmsg.ControlledShutdownRequest{Version: 3}, "\x00\x017\x00"},
		{&kmsg.LeaderAndISRRequest{Version: 7}, "\x00\x017\x00"},
	} {
		var got request
		conn := dial(t, pipe(func(r request) []byte {
			got = r
			resp := kmsg.ResponseForKey(r.key())
			resp.SetVersion(r.version())
			return r.answer(resp.IsFlexible() && r.key() != 18, resp.AppendTo(nil))
		}))
		_, err := conn.Do(t.Context(), c.req, kmsg.ResponseForKey(c.req.Key()), nil)
		require.NoError(t, err)
		require.Equal(t, c.req.Key(), got.key())
		require.Equal(t, c.req.GetVersion(), got.version())
		require.Equal(t, append([]byte(c.header), c.req.AppendTo(nil)...), []byte(got[8:]))
	}
}

func TestAnswersFollowEachOther(t *testing.T) {
	conn := dial(t, pipe(echo))
	var buf []byte
	for i := range 10 {
		q, a := heartbeat(int16(i % 5))
		var err error
		buf, err = conn.Do(t.Context(), q, a, buf)
		require.NoError(t, err)
		require.EqualValues(t, 27, a.ErrorCode)
		require.EqualValues(t, i%5, a.Version)
	}
}

func TestMuchAtOnceWaitsForItsTurn(t *testing.T) {
	var under atomic.Int32
	conn := dial(t, pipe(func(r request) []byte {
		if under.Add(1) > 1 {
			t.Error("two requests are under way")
		}
		defer under.Add(-1)
		return echo(r)
	}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			q, a := heartbeat(4)
			if _, err := conn.Do(t.Context(), q, a, nil); err != nil || a.ErrorCode != 27 {
				t.Error(err, a.ErrorCode)
			}
		})
	}
	all.Wait()
}

func TestWhatIsPassedOn(t *testing.T) {
	conn := dial(t, pipe(func(r request) []byte { return r.answer(true, append([]byte("got "), r[12:]...)) }))
	var a wire.Answer
	_, err := conn.Do(t.Context(), &wire.Raw{APIKey: 19, APIVersion: 7, Flexible: true, Body: []byte("body")}, &a, nil)
	require.NoError(t, err)
	require.Equal(t, "got body", string(a.Body))
}

// TestABadAnswerClosesTheConnection goes through all that a peer may get wrong.
func TestABadAnswerClosesTheConnection(t *testing.T) {
	frame := func(n uint32, rest string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, n), rest...)
	}
	for name, c := range map[string]struct {
		bad  peer
		want error
	}{
		"hangs up":                     {func(request) []byte { return nil }, io.EOF},
		"wrong correlation id":         {func(r request) []byte { r[7]++; return echo(r) }, wire.ErrProtocol},
		"too short a frame":            {func(request) []byte { return frame(3, "abc") }, wire.ErrProtocol},
		"negative length":              {func(request) []byte { return frame(1<<31+5, "abcdefg") }, wire.ErrProtocol},
		"length above the bound":       {func(request) []byte { return frame(1001, "abcdefg") }, wire.ErrProtocol},
		"no body":                      {func(r request) []byte { return r.answer(true, nil) }, wire.ErrProtocol},
		"half a body":                  {func(r request) []byte { return r.answer(true, []byte{0, 0, 0}) }, wire.ErrProtocol},
		"header tags cut short":        {func(r request) []byte { return r.answer(false, []byte{5, 1, 9}) }, wire.ErrProtocol},
		"more than one answer":         {func(r request) []byte { return append(echo(r), echo(r)...) }, wire.ErrProtocol},
		"header with a tag is no harm": {func(r request) []byte { return r.answer(false, []byte{1, 0, 1, 9, 0, 0, 0, 0, 0, 27, 0}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := pipe(c.bad)
			o.MaxResponse = 1000
			conn := dial(t, o)
			q, a := heartbeat(4)
			_, err := conn.Do(t.Context(), q, a, nil)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, "peer:1")
			<-conn.Closed()
			_, err = conn.Do(t.Context(), q, a, nil)
			require.ErrorIs(t, err, wire.ErrClosed)
		})
	}
}

func TestAnAnswerThatBreaksOff(t *testing.T) {
	whole := echo(request{0, 12, 0, 4, 0, 0, 0, 1})
	for n := range whole {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := theirs.Read(make([]byte, 100)); err != nil {
				t.Error(err)
			}
			for _, b := range whole[:n] { // byte by byte
				if _, err := theirs.Write([]byte{b}); err != nil {
					t.Error(err)
				}
			}
		}()
		conn := dial(t, wire.Options{Dialer: func(context.Context, string, string) (net.Conn, error) { return ours, nil }})
		q, a := heartbeat(4)
		_, err := conn.Do(t.Context(), q, a, nil)
		if n == 0 {
			require.ErrorIs(t, err, io.EOF)
			continue
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

// silent is a peer that does not answer for an hour.
var silent = peer(func(request) []byte { <-time.After(time.Hour); return nil })

// bubble runs a test in a time of its own, at whose end all peers have ended.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t)
			<-time.After(2 * time.Hour)
		})
	})
}

func TestASlowPeerIsWaitedForOnlySoLong(t *testing.T) {
	bubble(t, "context", func(t *testing.T) {
		conn := dial(t, pipe(silent))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		q, a := heartbeat(4)
		_, err := conn.Do(ctx, q, a, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		<-conn.Closed()
	})
	bubble(t, "timeout", func(t *testing.T) {
		o := pipe(silent)
		o.Timeout = 30 * time.Second
		conn := dial(t, o)
		began := time.Now()
		q, a := heartbeat(4)
		_, err := conn.Do(t.Context(), q, a, nil)
		require.ErrorIs(t, err, wire.ErrTimeout)
		require.Equal(t, 30*time.Second, time.Since(began))
	})
	bubble(t, "timeout set later", func(t *testing.T) {
		slow := false
		conn := dial(t, pipe(func(r request) []byte {
			if slow {
				<-time.After(2 * time.Second)
			}
			return echo(r)
		}))
		q, a := heartbeat(4)
		for _, timeout := range []time.Duration{time.Second, 0, 3 * time.Second} {
			conn.SetTimeout(timeout)
			_, err := conn.Do(t.Context(), q, a, nil)
			require.NoError(t, err)
			slow = true
		}
		conn.SetTimeout(time.Second)
		_, err := conn.Do(t.Context(), q, a, nil)
		require.ErrorIs(t, err, wire.ErrTimeout)
	})
}

func TestWhoWaitsForATurn(t *testing.T) {
	bubble(t, "waiting for a turn", func(t *testing.T) {
		conn := dial(t, pipe(func(r request) []byte { <-time.After(time.Minute); return echo(r) }))
		var first sync.WaitGroup
		first.Go(func() {
			q, a := heartbeat(4)
			if _, err := conn.Do(t.Context(), q, a, nil); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q, a := heartbeat(4)
		_, err := conn.Do(ctx, q, a, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		first.Wait() // the one under way is not disturbed
		_, err = conn.Do(t.Context(), q, a, nil)
		require.NoError(t, err)
	})
	bubble(t, "closed meanwhile", func(t *testing.T) {
		conn := dial(t, pipe(silent))
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				q, a := heartbeat(4)
				_, err := conn.Do(t.Context(), q, a, nil)
				if !errorIs(err, wire.ErrClosed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		conn.Close()
		waiting.Wait()
	})
}

func TestTheBufferIsUsedAgainAndGrowsWithTheBytes(t *testing.T) {
	sizes := []int{10, 100_000, 50_000, 3_000_000, 10}
	i := -1
	conn := dial(t, pipe(func(r request) []byte {
		i++
		return r.answer(true, bytes.Repeat([]byte{byte(i)}, sizes[i]))
	}))
	var buf []byte
	for n, size := range sizes {
		var a wire.Answer
		before := cap(buf)
		var err error
		buf, err = conn.Do(t.Context(), &wire.Raw{APIKey: 1, Flexible: true}, &a, buf)
		require.NoError(t, err)
		require.Equal(t, bytes.Repeat([]byte{byte(n)}, size), a.Body)
		if size+9 <= before {
			require.Equal(t, before, cap(buf))
		}
		require.LessOrEqual(t, cap(buf), max(before, 2*size+20_000))
	}
}

func TestAClaimedLengthTakesNoMemory(t *testing.T) {
	conn := dial(t, pipe(func(r request) []byte { return binary.BigEndian.AppendUint32(nil, 90<<20) }))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	buf, err := conn.Do(ctx, &wire.Raw{}, &wire.Answer{}, nil)
	require.Error(t, err)
	require.LessOrEqual(t, cap(buf), 1<<20)
}

func TestVersions(t *testing.T) {
	for _, old := range []bool{false, true} {
		conn := dial(t, pipe(func(r request) []byte {
			a := kmsg.NewPtrApiVersionsResponse()
			a.Version = r.version()
			if old && r.version() > 0 {
				a.Version, a.ErrorCode = 0, 35
			}
			a.ApiKeys = append(a.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: 1, MinVersion: 4, MaxVersion: 15})
			return r.answer(false, a.AppendTo(nil))
		}))
		v, err := conn.Versions(t.Context())
		require.NoError(t, err)
		for _, c := range []struct {
			key, least, most, want int16
			ok                     bool
		}{{1, 12, 17, 15, true}, {1, 4, 9, 9, true}, {1, 16, 17, 0, false}, {1, 0, 3, 0, false}, {2, 0, 9, 0, false}} {
			got, ok := v.Best(c.key, wire.Range{Min: c.least, Max: c.most})
			require.Equal(t, c.ok, ok)
			if ok {
				require.Equal(t, c.want, got)
			}
		}
	}
}

func TestDialling(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe }
	_, err := wire.Dial(t.Context(), wire.Options{Addr: "peer:1", Dialer: refuse})
	require.ErrorIs(t, err, io.ErrClosedPipe)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hang := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		_, err := wire.Dial(t.Context(), wire.Options{Addr: "peer:1", Dialer: hang, DialTimeout: 3 * time.Second})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

// certificate makes one for a name, and the pool that trusts it.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// listen has a peer answer on a real socket, and returns its address.
func listen(t *testing.T, p peer, config *tls.Config) (addr string, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	conns = new(atomic.Int32)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			if config != nil {
				c = tls.Server(c, config)
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return "localhost:" + port, conns
}

func TestTLS(t *testing.T) {
	cert, trusted := certificate(t, "localhost")
	addr, _ := listen(t, echo, &tls.Config{Certificates: []tls.Certificate{cert}})
	pool := wire.NewPool(wire.Options{TLS: &tls.Config{RootCAs: trusted}})
	defer pool.Close()
	for range 3 {
		q, a := heartbeat(4)
		_, err := pool.To(wire.Node{ID: 1, Addr: addr}).Do(t.Context(), q, a, nil)
		require.NoError(t, err)
		require.EqualValues(t, 27, a.ErrorCode)
	}
	_, err := wire.Dial(t.Context(), wire.Options{Addr: addr, TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	require.Error(t, err)
}
