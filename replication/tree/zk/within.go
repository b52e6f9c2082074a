package zk

import (
	"context"
	"errors"
	"slices"

	"github.com/leatmq/leat/replication/tree"
)

// limited is a session whose calls end with ctx. The library cannot give a request
// up, so each waits on a goroutine of its own, which ends when the request is
// answered or lost, or the session is over; Close waits for all of them. What is not
// sent when ctx ends is never sent, and what was sent and lost is not sent again: else
// a server that comes back would be asked for all that was given up meanwhile, and do
// it after what is asked for then.
type limited struct {
	*Tree
	ctx context.Context
}

var (
	_ tree.Bounded = (*Tree)(nil)
	_ tree.Lagging = (*Tree)(nil)
	_ tree.Lagging = limited{}
)

// Within is the session with calls that end with ctx.
func (t *Tree) Within(ctx context.Context) tree.Tree {
	return limited{&Tree{t.shared, ctx.Done()}, ctx}
}

// answer is what a call returns.
type answer[T any] struct {
	value T
	err   error
}

// bounded makes a call, and returns when it is answered or ctx has ended.
func bounded[T any](w limited, call func() (T, error)) (T, error) {
	var none T
	if w.ctx.Err() != nil {
		return none, context.Cause(w.ctx)
	}
	done := make(chan answer[T], 1)
	err := w.spawn(func() {
		value, err := call()
		done <- answer[T]{value, err}
	})
	if err != nil {
		return none, err
	}
	select {
	case a := <-done:
		if errors.Is(a.err, errGivenUp) {
			return none, context.Cause(w.ctx)
		}
		return a.value, a.err
	case <-w.ctx.Done():
		return none, context.Cause(w.ctx)
	}
}

// spawn has a call wait in the background, unless the session is over.
func (t *Tree) spawn(call func()) error {
	t.state.mu.Lock()
	defer t.state.mu.Unlock()
	switch t.state.now {
	case expired:
		return tree.ErrExpired
	case closed:
		return tree.ErrClosed
	}
	t.background.Go(call)
	return nil
}

// Sync is Tree's, within ctx.
func (w limited) Sync() error {
	_, err := bounded(w, func() (struct{}, error) { return struct{}{}, w.Tree.Sync() })
	return err
}

// Get is Tree's, within ctx.
func (w limited) Get(path string, watch tree.Watch) (tree.Node, error) {
	return bounded(w, func() (tree.Node, error) { return w.Tree.Get(path, watch) })
}

// GetAll is Tree's, within ctx.
func (w limited) GetAll(paths []string) ([]tree.Node, error) {
	return bounded(w, func() ([]tree.Node, error) { return w.Tree.GetAll(paths) })
}

// Exists is Tree's, within ctx.
func (w limited) Exists(path string, watch tree.Watch) (tree.Stat, error) {
	return bounded(w, func() (tree.Stat, error) { return w.Tree.Exists(path, watch) })
}

// Children is Tree's, within ctx.
func (w limited) Children(path string, watch tree.Watch) ([]string, tree.Stat, error) {
	type list struct {
		names []string
		stat  tree.Stat
	}
	l, err := bounded(w, func() (list, error) {
		names, stat, err := w.Tree.Children(path, watch)
		return list{names, stat}, err
	})
	return l.names, l.stat, err
}

// Multi is Tree's, within ctx.
func (w limited) Multi(ops ...tree.Op) ([]tree.Result, error) {
	ops = slices.Clone(ops) // which are the caller's again before they are done
	return bounded(w, func() ([]tree.Result, error) { return w.Tree.Multi(ops...) })
}
