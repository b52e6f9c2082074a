// Package member is a broker's membership in the cluster: session after session
// on the tree, a registration in each, and the tasks that need both.
//
//	        ┌───────────────────────── the session has expired ─┐
//	        ▼                                                   │
//	open session → persistent paths → cluster id → register → tasks run
//	                                                            │ ctx ends
//	                                     tasks end → Close: the registration goes
//
// A registration that somebody removes while the session lives is made anew, and
// the tasks begin anew with it, in the same session: a broker that is up and that
// nobody knows of is a trap. Where another living broker of the same id has
// registered meanwhile, the membership ends with ErrRegistered.
//
// A registration is an ephemeral node; the number of the change that created it
// is the broker's epoch, by which the controller tells one life of a broker from
// the next. After the end of a session everything that was learnt in it may be
// out of date, so each task begins anew in the next one.
package member

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// The errors of a membership, beside those of the tree.
var (
	// ErrInconsistentCluster means that the data directory belongs to another
	// cluster than the tree.
	ErrInconsistentCluster = errors.New("cluster ids differ")
	// ErrRegistered means that another living broker has this one's id.
	ErrRegistered = errors.New("another broker is registered with this id")
	// ErrEndpointTaken means that another broker advertises an address of this
	// one's.
	ErrEndpointTaken = errors.New("another broker advertises the same address")
)

// Session is one registration of this broker.
type Session struct {
	Tree  tree.Tree
	Epoch int64 // of the broker: czxid of its registration
}

// Task is work that belongs to a session. Its context ends with the session or
// with the membership. It may return when it is done; an error in a session
// that has not expired ends the membership.
type Task func(ctx context.Context, s Session) error

// Options are what a membership needs of its surroundings.
type Options struct {
	BrokerID int32
	// Open begins a session. The first failure ends the membership; later ones
	// are tried again every second.
	Open func(ctx context.Context) (tree.Tree, error)
	// ClusterID is that of the data directory, empty if it has none yet.
	ClusterID string
	// Registration is what is registered, asked anew in each session. Its
	// Timestamp is set here.
	Registration func() znode.Broker
	// Tasks run side by side while the broker is registered.
	Tasks []Task
	// SessionTimeout is how long the tree keeps a dead session. A foreign
	// registration of this id is waited for twice as long. 0: 18 s.
	SessionTimeout time.Duration

	// Grace is how long tasks may take to end, before the tree is closed under
	// them: it may not be reachable. 0: 3 s.
	Grace time.Duration

	Random func() [16]byte  // makes a cluster id; nil: crypto/rand
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default()
}

// Member is one broker's membership.
type Member struct {
	o    Options
	past map[int64]bool // this broker's sessions that have registered it; Run's

	mu        sync.Mutex
	session   Session       // the present one, or the last
	live      bool          // session is the present one
	clusterID string        // agreed upon, empty before
	changed   chan struct{} // closed, and made anew, when live changes
	ended     bool          // Run has returned
}

// New returns a membership that does nothing until Run.
func New(o Options) *Member {
	if o.SessionTimeout == 0 {
		o.SessionTimeout = 18 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 3 * time.Second
	}
	if o.Random == nil {
		o.Random = randomID
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Member{o: o, past: map[int64]bool{}, session: Session{Epoch: -1}, changed: make(chan struct{})}
}

// Epoch is the broker epoch of the present registration or, between two, of the
// last; -1 before the first.
func (m *Member) Epoch() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session.Epoch
}

// ClusterID is the id that was agreed upon with the tree; empty before the first
// session.
func (m *Member) ClusterID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clusterID
}

// Session is the present session; ok is false while there is none.
func (m *Member) Session() (s Session, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session, m.live
}

// Await waits until the broker is registered. The error is that of ctx, or
// tree.ErrClosed once the membership has ended.
func (m *Member) Await(ctx context.Context) (Session, error) {
	for {
		m.mu.Lock()
		s, live, ended, changed := m.session, m.live, m.ended, m.changed
		m.mu.Unlock()
		switch {
		case live:
			return s, nil
		case ended:
			return Session{}, tree.ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Session{}, ctx.Err()
		}
	}
}
