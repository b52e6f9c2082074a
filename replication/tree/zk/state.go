package zk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/go-zookeeper/zk"

	"github.com/leatmq/leat/replication/tree"
)

// phase is where a session is in its life.
type phase int8

const (
	opening phase = iota
	connected
	waiting
	expired
	closed
)

// state is the session's phase, and what waits for it to change.
type state struct {
	over chan struct{} // closed when the phase is expired or closed

	mu      sync.Mutex
	now     phase
	id      int64
	changed chan struct{} // closed at the next change of phase
}

func newState() state {
	return state{over: make(chan struct{}), changed: make(chan struct{})}
}

func (s *state) get() phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *state) session() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// set moves on; nothing follows after the session is over but the Close of an
// expired one. It says whether this ended it.
func (s *state) set(to phase) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == to || s.now >= expired && to != closed {
		return false
	}
	ends := s.now < expired && to >= expired
	s.now = to
	close(s.changed)
	s.changed = make(chan struct{})
	if ends {
		close(s.over)
	}
	return ends
}

// err is the error of every call after the session is over.
func (s *state) err() error {
	switch s.get() {
	case expired:
		return tree.ErrExpired
	case closed:
		return tree.ErrClosed
	}
	return nil
}

// await returns nil when the session is on a connection, and the error when it
// is over, or errGivenUp.
func (s *state) await(given <-chan struct{}) error {
	for {
		s.mu.Lock()
		now, changed := s.now, s.changed
		s.mu.Unlock()
		switch now {
		case connected:
			return nil
		case expired:
			return tree.ErrExpired
		case closed:
			return tree.ErrClosed
		}
		select {
		case <-changed:
		case <-given:
			return errGivenUp
		}
	}
}

// event hears of the library's connection and of every watch that is hit. The
// library calls it before it goes on, also before it connects again.
func (t *Tree) event(e zk.Event) {
	if e.Type != zk.EventSession {
		t.watches.seen(e)
		return
	}
	switch e.State {
	case zk.StateHasSession:
		<-t.ready
		t.resume()
	case zk.StateDisconnected:
		if t.state.get() == connected {
			t.log.Log(context.Background(), t.news(), "ZooKeeper connection lost; the session waits for another one", "id", fmt.Sprintf("%#x", t.state.session()))
			t.state.set(waiting)
			if !t.moving.Load() {
				t.o.Told(Disconnected)
			}
		}
	case zk.StateExpired:
		t.expire()
	}
}

// resume notes the session's id, or that it is on a connection again.
func (t *Tree) resume() {
	id := t.conn.SessionID()
	t.state.mu.Lock()
	first := t.state.id == 0
	if first {
		t.state.id = id
	}
	foreign := t.state.id != id
	t.state.mu.Unlock()
	if foreign {
		t.expire()
		return
	}
	if first {
		t.log.Debug("ZooKeeper session", "id", fmt.Sprintf("%#x", id), "server", t.conn.Server())
	} else {
		t.log.Log(context.Background(), t.news(), "ZooKeeper session goes on", "id", fmt.Sprintf("%#x", id), "server", t.conn.Server())
	}
	t.state.set(connected)
	if !t.moving.Swap(false) {
		t.o.Told(Connected)
	}
}

// news is how loud the loss of a connection is told: not at all by default while
// the session opens.
func (t *Tree) news() slog.Level {
	if t.opened.Load() {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// expire ends the session that a server knows no more.
func (t *Tree) expire() {
	t.dialer.refuse()
	if t.state.set(expired) {
		t.log.Warn("ZooKeeper session has expired", "id", fmt.Sprintf("%#x", t.state.session()))
		t.watches.expire()
		t.o.Told(Expired)
	}
}

// lost are answers that say nothing of what became of a request.
func lost(err error) bool {
	for _, answer := range []error{
		zk.ErrAPIError, zk.ErrNoNode, zk.ErrNoAuth, zk.ErrBadVersion, zk.ErrNoChildrenForEphemerals, zk.ErrNodeExists, zk.ErrNotEmpty,
		zk.ErrInvalidACL, zk.ErrInvalidFlags, zk.ErrAuthFailed, zk.ErrBadArguments, zk.ErrInvalidPath, zk.ErrShortBuffer, zk.ErrUnhandledFieldType,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	// A code that the library does not know is an answer too.
	return err != nil && !errors.Is(err, zk.ErrUnknown) && !strings.HasPrefix(err.Error(), "unknown error")
}

// errGivenUp means that the caller has gone: what is not sent will not be.
var errGivenUp = errors.New("zookeeper: given up")

// final says whether an error of once or recover is one after which nothing is
// asked again.
func final(err error) bool {
	return errors.Is(err, tree.ErrExpired) || errors.Is(err, tree.ErrClosed) || errors.Is(err, errGivenUp)
}

// ask makes a request again and again until it is answered, the session is over
// or the caller gives up. Errors come translated.
func (t *Tree) ask(request func() error) error {
	for {
		err := t.once(request)
		if final(err) {
			return err
		}
		if !lost(err) {
			return translate(err)
		}
		if err := t.recover(err); err != nil {
			return err
		}
	}
}

// once makes a request when the session is on a connection and few enough
// others are unanswered.
func (t *Tree) once(request func() error) error {
	select {
	case t.slots <- struct{}{}:
	case <-t.state.over:
		return t.state.err()
	case <-t.given:
		return errGivenUp
	}
	defer func() { <-t.slots }()
	if err := t.state.await(t.given); err != nil {
		return err
	}
	select {
	case <-t.given: // it was both
		return errGivenUp
	default:
	}
	began := t.o.Now()
	err := request()
	t.o.Asked(t.o.Now().Sub(began))
	return err
}

// recover makes of a lost answer nil, when the session goes on, or the error
// that ended it.
func (t *Tree) recover(cause error) error {
	if errors.Is(cause, zk.ErrSessionExpired) {
		t.expire()
	}
	return t.state.await(t.given)
}

// translate gives the library's errors the names of package tree.
func translate(err error) error {
	for from, to := range map[error]error{
		zk.ErrNoNode:                  tree.ErrNoNode,
		zk.ErrNodeExists:              tree.ErrNodeExists,
		zk.ErrBadVersion:              tree.ErrBadVersion,
		zk.ErrNotEmpty:                tree.ErrNotEmpty,
		zk.ErrNoChildrenForEphemerals: tree.ErrNoChildren,
		zk.ErrNoAuth:                  tree.ErrNoAuth,
		zk.ErrBadArguments:            tree.ErrBadPath,
		zk.ErrInvalidPath:             tree.ErrBadPath,
		zk.ErrShortBuffer:             tree.ErrTooLarge,
	} {
		if errors.Is(err, from) {
			return to
		}
	}
	if errors.Is(err, zk.ErrInvalidACL) {
		return fmt.Errorf("%w: zookeeper.set.acl needs an identity on the connection", tree.ErrNoAuth)
	}
	return err
}
