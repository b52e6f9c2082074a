package embedded

import (
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/leatmq/leat/replication/tree"
)

// Join begins another session on the same open file: another broker of a
// cluster that lives in one process, as tests have it. The file stays open
// until every session is closed.
func (t *Tree) Join() (*Tree, error) {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if t.ended.Load() == closed {
		return nil, tree.ErrClosed
	}
	other := newTree(t.f, false)
	err := t.f.db.Update(func(tx *bolt.Tx) error { return other.number(tx.Bucket(metaBucket)) })
	if err != nil {
		return nil, errors.Join(err, other.finish(closed), other.release())
	}
	return other, nil
}

// Expire ends the session as a server of ZooKeeper would that has not heard of
// it for too long: its ephemeral nodes go, its watches are told, and its methods
// return tree.ErrExpired. It still must be closed.
func (t *Tree) Expire() error {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	return t.finish(lapsed)
}

// finish ends the session once: nobody else sees its ephemeral nodes any more.
// f.mu is held.
func (t *Tree) finish(how int32) error {
	if t.abandoned && t.f.open > 0 {
		t.abandoned = false
		return t.sweep()
	}
	if !t.ended.CompareAndSwap(running, how) {
		if how == closed {
			t.ended.Store(closed)
		}
		return nil
	}
	t.f.sessions = slices.DeleteFunc(t.f.sessions, func(other *Tree) bool { return other == t })
	err := t.sweep()
	if how == lapsed {
		t.watches.lapse()
	}
	close(t.expired)
	return err
}

// sweep removes the session's ephemeral nodes. f.mu is held.
func (t *Tree) sweep() error {
	var events []tree.Event
	err := t.update(func(c *change) error {
		defer func() { events = c.events }()
		return c.dropEphemerals(t.session)
	})
	if err == nil {
		t.f.fire(events)
	}
	return err
}

// release lets go of the file; the last session closes it. f.mu is held.
func (t *Tree) release() error {
	t.f.open--
	if t.f.open > 0 {
		return nil
	}
	return t.f.db.Close()
}

// alive is nil while the session runs.
func (t *Tree) alive() error {
	switch t.ended.Load() {
	case closed:
		return tree.ErrClosed
	case lapsed:
		return tree.ErrExpired
	}
	return nil
}

// fire tells every session's watches. mu is held.
func (f *file) fire(events []tree.Event) {
	for _, t := range f.sessions {
		t.watches.fire(events)
	}
}
