package zk

import (
	"errors"
	"sync"

	"github.com/go-zookeeper/zk"

	"github.com/leatmq/leat/replication/tree"
)

// sentinelName is a node that nobody makes. Its watch stands for the life of the
// session, so that there always is one to be set again on a new connection; see
// line.
const sentinelName = "/.leat"

// watches are the armed one-shot watches, by full path: those for a node's data
// or existence, and those for its list of children. The library gives a channel
// for each, which says whether an event has hit it.
type watches struct {
	mu       sync.Mutex
	node     map[string][]armed
	children map[string][]armed
	events   []zk.Event // seen, but perhaps not yet in the channels
	over     bool       // the session has expired
	guard    string     // the sentinel's full path while its watch is set
}

// armed is a watch that has not been told yet.
type armed struct {
	hit   <-chan zk.Event
	watch tree.Watch
	path  string // as the caller knows it
}

// seen notes an event that the library is about to give to the channels.
func (w *watches) seen(e zk.Event) {
	if e.Type < zk.EventNodeCreated {
		return // the library's watches end; expire and Close know why
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	if e.Path == w.guard {
		w.guard = ""
	}
}

// tell tells the watches of the events seen so far, which the channels now have.
func (w *watches) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		spend(w.node, e.Path)
		spend(w.children, e.Path)
	}
	w.events = w.events[:0]
}

// spend tells those watches of a path that were hit.
func spend(all map[string][]armed, path string) {
	list := all[path]
	if len(list) == 0 {
		return
	}
	kept := list[:0]
	for _, a := range list {
		if !a.told() {
			kept = append(kept, a)
		}
	}
	clear(list[len(kept):])
	if len(kept) == 0 {
		delete(all, path)
		return
	}
	all[path] = kept
}

// told tells the watch if it was hit.
func (a *armed) told() bool {
	select {
	case e := <-a.hit:
		if e.Type >= zk.EventNodeCreated {
			a.watch(tree.Event{Type: tree.EventType(e.Type), Path: a.path})
		} else if errors.Is(e.Err, zk.ErrSessionExpired) {
			a.watch(tree.Event{Type: tree.SessionExpired, Path: a.path})
		}
		return true
	default:
		return false
	}
}

// onNode arms a watch of a node; it may have been hit already.
func (w *watches) onNode(full string, a armed) { w.arm(&w.node, full, a) }

// onChildren arms a watch of a node's children.
func (w *watches) onChildren(full string, a armed) { w.arm(&w.children, full, a) }

func (w *watches) arm(all *map[string][]armed, full string, a armed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.told() {
		return
	}
	if w.over {
		a.watch(tree.Event{Type: tree.SessionExpired, Path: a.path})
		return
	}
	if *all == nil {
		*all = make(map[string][]armed)
	}
	(*all)[full] = append((*all)[full], a)
}

// expire tells every watch that the session has expired.
func (w *watches) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, all := range []map[string][]armed{w.node, w.children} {
		for _, list := range all {
			for _, a := range list {
				a.watch(tree.Event{Type: tree.SessionExpired, Path: a.path})
			}
		}
	}
	w.node, w.children = nil, nil
}

// guarded says whether the library has a watch to set again.
func (w *watches) guarded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.guard != ""
}

// armSentinel sets the sentinel's watch.
func (t *Tree) armSentinel() (<-chan zk.Event, error) {
	full := t.chroot + sentinelName
	var hit <-chan zk.Event
	err := t.ask(func() (err error) {
		_, _, hit, err = t.conn.ExistsW(full)
		return err
	})
	if err != nil {
		return nil, err
	}
	t.watches.mu.Lock()
	defer t.watches.mu.Unlock()
	t.watches.guard = full
	return hit, nil
}

// guard keeps the sentinel's watch set until the session is over.
func (t *Tree) guard() {
	var hit <-chan zk.Event
	for {
		select {
		case hit = <-t.sentinel:
		case <-hit:
			next, err := t.armSentinel()
			if err != nil && t.state.err() == nil {
				t.log.Warn("ZooKeeper: no watch on a node that is not there", "path", sentinelName, "error", err)
			}
			hit = next
		case <-t.state.over:
			return
		}
	}
}
