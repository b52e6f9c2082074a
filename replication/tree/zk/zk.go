// Package zk is the coordination tree on a real ZooKeeper ensemble: one
// session, from Open until it expires or is closed.
//
//	          Open                server gone            it answers again
//	(no one) ─────▶ connected ◀──────────────▶ waiting ──────────────────▶ ...
//	                    │        same session      │
//	                    │ Close                    │ silent for too long
//	                    ▼                          ▼
//	                 closed ◀──── Close ──────  expired
//
// While waiting every call waits too, however long (Within bounds it): it is asked again on the
// next connection. A read is simply repeated. A write whose answer was lost may
// have been done, so what it would have left behind is looked for first; see
// settle for the rule.
//
// An expired session is never replaced by another one in silence: every method
// returns tree.ErrExpired, all watches are told tree.SessionExpired, Expired is
// closed, and whoever holds the Tree opens a new one.
//
// The client library is go-zookeeper/zk. It would make a new session after an
// expiry and send what still waits in its queue there; line (line.go) and
// dialer (dial.go) keep it from that, and from losing watches.
package zk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/leatmq/leat/replication/tree"
)

// Options say where the ensemble is and how to speak to it. ParseConnect makes
// Servers and Chroot of a connect string.
type Options struct {
	// Servers are host:port.
	Servers []string
	// Chroot is put before every path; empty or "/" is none. It is made if it
	// is not there.
	Chroot string
	// SessionTimeout is asked for; the servers may limit it. 0 is 18 s.
	SessionTimeout time.Duration
	// ConnectTimeout bounds the wait of Open for the session. 0 is
	// SessionTimeout.
	ConnectTimeout time.Duration
	// MaxInFlight bounds the requests that are unanswered at a time. 0 is 10.
	MaxInFlight int
	// ACL makes nodes that only this client's identity may change
	// (zookeeper.set.acl); Auth or a client certificate must give it one.
	ACL bool
	// Auth are the identities that are shown to the servers.
	Auth []Auth
	// TLS is nil for plain connections.
	TLS *tls.Config
	// Told is told what becomes of the session's connections. Nil: nobody is.
	Told func(News)
	// Asked is told how long each request took. Nil: nobody is. Neither may block.
	Asked func(took time.Duration)
	Now   func() time.Time // nil: time.Now
	// Logger is nil for none.
	Logger *slog.Logger
}

// News is what has become of a session.
type News int8

// The news.
const (
	Connected    News = iota // it has begun, or goes on, on a connection
	Disconnected             // the connection is lost
	Expired                  // the session has expired
	Refused                  // an identity was not taken
)

// Auth is an identity: Scheme "digest" has "user:password" as Data.
type Auth struct {
	Scheme string
	Data   []byte
}

// The defaults of Kafka's settings.
const (
	defaultSessionTimeout = 18 * time.Second
	defaultMaxInFlight    = 10
)

// buffer bounds one request: Kafka's clients raise jute.maxbuffer to 4 MiB.
const buffer = tree.MaxData + 1<<10

// Tree is one session on an ensemble, for a caller with more or less patience.
type Tree struct {
	*shared
	given <-chan struct{} // closed when the caller gives up; nil: never
}

// shared is what is one for all callers of a session.
type shared struct {
	o      Options
	chroot string // "" or "/a/b"
	conn   *zk.Conn
	events <-chan zk.Event
	dialer *dialer
	log    *slog.Logger
	slots  chan struct{} // one for each request in flight
	ready  chan struct{} // closed when conn is set
	opened atomic.Bool   // losing the connection is news
	moving atomic.Bool   // the connection was given up, and the next is due

	sentinel chan (<-chan zk.Event) // gives guard the sentinel's watch
	zxid     atomic.Int64           // of the latest change known

	watches watches
	state   state

	background sync.WaitGroup
}

var _ tree.Tree = (*Tree)(nil)

// Open starts a session, and makes the chroot where it is missing. It returns
// when the session is there, or an error after ConnectTimeout or the end of ctx.
func Open(ctx context.Context, o Options) (*Tree, error) {
	o = o.withDefaults()
	if len(o.Servers) == 0 {
		return nil, errors.New("zookeeper: no servers are named")
	}
	if o.Chroot != "" {
		if err := tree.ValidatePath(o.Chroot); err != nil {
			return nil, fmt.Errorf("zookeeper: chroot: %w", err)
		}
	}
	t := &Tree{shared: &shared{o: o, chroot: o.Chroot, log: o.Logger, slots: make(chan struct{}, o.MaxInFlight), state: newState(),
		ready: make(chan struct{}), sentinel: make(chan (<-chan zk.Event), 1)}}
	t.dialer = newDialer(&o, t)
	// Errors of a server that cannot be reached come from the dialer, later.
	conn, events, err := zk.Connect(o.Servers, o.SessionTimeout,
		zk.WithDialer(t.dialer.dial), zk.WithHostProvider(t.dialer), zk.WithEventCallback(t.event),
		zk.WithLogger(logger{o.Logger}), zk.WithMaxConnBufferSize(buffer), zk.WithMaxBufferSize(0))
	if err != nil {
		return nil, fmt.Errorf("zookeeper: %w", err)
	}
	t.conn, t.events = conn, events
	close(t.ready)
	t.background.Go(t.serve)
	if err := t.begin(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	t.opened.Store(true)
	return t, nil
}

func (o Options) withDefaults() Options {
	if o.SessionTimeout == 0 {
		o.SessionTimeout = defaultSessionTimeout
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = o.SessionTimeout
	}
	if o.MaxInFlight < 1 {
		o.MaxInFlight = defaultMaxInFlight
	}
	if o.Chroot == "/" {
		o.Chroot = ""
	}
	if o.Told == nil {
		o.Told = func(News) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Asked == nil {
		o.Asked = func(time.Duration) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// begin waits for the session, shows the identities, and makes the chroot.
func (t *Tree) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.o.ConnectTimeout)
	defer cancel()
	// Calls on the tree wait for ever; here they must not.
	stop := context.AfterFunc(ctx, func() { t.state.set(closed) })
	defer stop()
	if err := t.establish(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("zookeeper: no session on %v: %w%s", t.o.Servers, ctx.Err(), t.dialer.lastError())
		}
		return err
	}
	if !stop() {
		return fmt.Errorf("zookeeper: no session on %v: %w", t.o.Servers, ctx.Err())
	}
	return nil
}

func (t *Tree) establish() error {
	hit, err := t.armSentinel()
	if err != nil {
		return err
	}
	t.sentinel <- hit
	t.moving.Store(true)
	t.dialer.hangUp()
	for _, a := range t.o.Auth {
		err := t.ask(func() error { return t.conn.AddAuth(a.Scheme, a.Data) })
		if err != nil {
			t.o.Told(Refused)
			return fmt.Errorf("zookeeper: %s authentication: %w", a.Scheme, err)
		}
	}
	return t.makeChroot()
}

// Session is the id of the session.
func (t *Tree) Session() int64 { return t.state.session() }

// Expired is closed when the session has expired or is closed.
func (t *Tree) Expired() <-chan struct{} { return t.state.over }

// Close ends the session: its ephemeral nodes go at once if a server can be
// reached, and else when it expires.
func (t *Tree) Close() error {
	t.state.set(closed)
	t.background.Wait()
	return nil
}

// Abandon lets the connection go as the death of the process would: the session
// lasts until it expires.
func (t *Tree) Abandon() {
	t.dialer.refuse()
	t.state.set(closed)
	t.background.Wait()
}

// serve keeps the sentinel's watch until the session is over, then ends the
// library's connection and waits until all of its goroutines have ended.
func (t *Tree) serve() {
	t.guard()
	if t.state.get() != expired {
		// The library tells the server, and waits a second for its answer.
		t.conn.Close()
	}
	t.dialer.refuse()
	t.conn.Close()
	for open := true; open; {
		_, open = <-t.events
	}
}

// makeChroot makes the nodes of the chroot that are missing. Who may not create
// them may still find them made.
func (t *Tree) makeChroot() error {
	for i := 1; i <= len(t.chroot); i++ {
		if i < len(t.chroot) && t.chroot[i] != '/' {
			continue
		}
		_, err := t.multi([]tree.Op{tree.Create(t.chroot[:i], nil, 0)})
		if errors.Is(err, tree.ErrNoAuth) {
			if n, e := t.read(t.chroot[:i]); errors.Is(e, tree.ErrNoAuth) || n.Stat.Version >= 0 && e == nil {
				continue
			}
		}
		if err != nil && !errors.Is(err, tree.ErrNodeExists) {
			return fmt.Errorf("zookeeper: make the chroot: %w", err)
		}
	}
	return nil
}

// logger gives the library's messages to slog.
type logger struct{ log *slog.Logger }

// Printf logs a message of the library.
func (l logger) Printf(format string, args ...any) {
	l.log.Debug("zookeeper: " + fmt.Sprintf(format, args...))
}
