package member

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// reopenAfter is the pause between attempts to begin a session.
const reopenAfter = time.Second

// Run is a member until ctx ends, which gives nil, or until it cannot be one:
// then the error says why. The registration is gone when it returns.
func (m *Member) Run(ctx context.Context) error {
	defer m.end()
	for first := true; ; first = false {
		t, err := m.open(ctx, first)
		if err != nil || t == nil {
			return err
		}
		err = m.attend(ctx, t)
		expired := expired(t) || errors.Is(err, tree.ErrExpired)
		if closed := t.Close(); closed != nil && !expired {
			err = errors.Join(err, fmt.Errorf("end session: %w", closed))
		}
		switch {
		case ctx.Err() != nil && (err == nil || expired || errors.Is(err, tree.ErrClosed) || errors.Is(err, ctx.Err())):
			return nil
		case expired:
			m.o.Logger.Warn("the session on the tree has expired; the broker registers again", "session", t.Session())
		case err != nil:
			return err
		}
	}
}

// open begins a session; nil without an error when ctx ends.
func (m *Member) open(ctx context.Context, first bool) (tree.Tree, error) {
	for {
		t, err := m.o.Open(ctx)
		switch {
		case err == nil:
			return t, nil
		case ctx.Err() != nil:
			return nil, nil //nolint:nilerr // the end was asked for
		case first:
			return nil, fmt.Errorf("begin session: %w", err)
		}
		m.o.Logger.Error("no new session on the tree; trying again", "error", err)
		if !pause(ctx, reopenAfter) {
			return nil, nil
		}
	}
}

// attend registers and runs the tasks until the session or ctx ends.
func (m *Member) attend(ctx context.Context, t tree.Tree) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel() // the tasks have ended
	done := make(chan struct{})
	defer close(done)
	watching.Go(func() {
		select {
		case <-t.Expired():
			cancel()
		case <-ctx.Done():
		}
		m.hurry(t, done)
	})
	for {
		epoch, err := m.join(ctx, t)
		if err != nil {
			return err
		}
		gone, err := m.serve(ctx, Session{Tree: t, Epoch: epoch})
		if err != nil || !gone {
			return err
		}
		m.o.Logger.Warn("somebody has removed this broker's registration; it registers again", "broker", m.o.BrokerID, "epoch", epoch)
	}
}

// serve runs the tasks of one registration, until ctx ends or somebody removes
// the registration.
func (m *Member) serve(ctx context.Context, s Session) (gone bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var guarding sync.WaitGroup
	defer guarding.Wait()
	defer cancel()
	m.set(s, true)
	defer m.set(s, false)
	lost := make(chan struct{})
	guarding.Go(func() {
		if m.guard(ctx, s) {
			close(lost)
			cancel()
		}
	})
	err = m.runTasks(ctx, cancel, s)
	select {
	case <-lost:
		return true, err
	default:
		return false, err
	}
}

// guard waits until this broker's registration is gone, though its session is
// not; false: ctx has ended, or the session.
func (m *Member) guard(ctx context.Context, s Session) (gone bool) {
	for {
		changed := make(chan struct{})
		stat, err := s.Tree.Exists(znode.BrokerPath(m.o.BrokerID), func(tree.Event) { close(changed) })
		switch {
		case errors.Is(err, tree.ErrNoNode), err == nil && stat.Czxid != s.Epoch:
			return true
		case err != nil:
			if ctx.Err() == nil && !expired(s.Tree) {
				m.o.Logger.Error("this broker's registration cannot be watched", "broker", m.o.BrokerID, "error", err)
			}
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// hurry closes a tree that cannot be reached, so that those who wait for its
// answer can end.
func (m *Member) hurry(t tree.Tree, done <-chan struct{}) {
	timer := time.NewTimer(m.o.Grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		m.o.Logger.Warn("the tree does not answer; leaving without its knowledge", "session", t.Session())
		if err := t.Close(); err != nil {
			m.o.Logger.Error("end session", "error", err)
		}
	}
}

// runTasks runs the tasks side by side; the first error ends all of them.
func (m *Member) runTasks(ctx context.Context, cancel func(), s Session) error {
	errs := make([]error, len(m.o.Tasks))
	var running sync.WaitGroup
	for i, task := range m.o.Tasks {
		running.Go(func() {
			if err := task(ctx, s); err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
				errs[i] = err
				cancel()
			}
		})
	}
	running.Wait()
	<-ctx.Done() // a member stays one when all tasks are done
	return errors.Join(errs...)
}

// join makes this broker known in the tree and returns its epoch.
func (m *Member) join(ctx context.Context, t tree.Tree) (int64, error) {
	if err := tree.EnsureAll(t, znode.Persistent()...); err != nil {
		return 0, fmt.Errorf("join the cluster: %w", err)
	}
	if err := m.agree(t); err != nil {
		return 0, err
	}
	return m.register(ctx, t)
}

// agree makes sure that the tree and the data directory are of one cluster;
// whichever has no id yet takes the other's.
func (m *Member) agree(t tree.Tree) error {
	given := m.o.ClusterID
	if known := m.ClusterID(); known != "" {
		given = known
	}
	id, err := ClusterID(t, given, m.o.Random)
	if err != nil {
		return err
	}
	if given != "" && given != id {
		return fmt.Errorf("%w: the data directory's is %q, the tree's is %q; "+
			"a data directory of one cluster cannot serve in another", ErrInconsistentCluster, given, id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clusterID = id
	return nil
}

// set shows a session that has begun or ended.
func (m *Member) set(s Session, live bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session, m.live = s, live
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *Member) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	close(m.changed)
	m.changed = make(chan struct{})
}

func expired(t tree.Tree) bool {
	select {
	case <-t.Expired():
		return true
	default:
		return false
	}
}

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
