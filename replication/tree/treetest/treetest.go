// Package treetest is what every implementation of tree.Tree must pass. Run
// works below a node of its own, so the tree may hold other things.
package treetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
)

// Env is one tree that a test may open again and again.
type Env struct {
	// Open starts a session. The one before it has been closed or crashed.
	Open func(t *testing.T) tree.Tree
	// Crash ends a session as the death of its process would.
	Crash func(t *testing.T, tr tree.Tree)
}

// patience bounds the wait for what must happen soon.
const patience = 60 * time.Second

// Run runs the whole suite; each test gets an Env of its own.
func Run(t *testing.T, newEnv func(t *testing.T) Env) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, env Env)
	}{
		{"nodes", testNodes},
		{"refusals", testRefusals},
		{"paths", testPaths},
		{"stat", testStat},
		{"children", testChildren},
		{"getAll", testGetAll},
		{"sequential", testSequential},
		{"multi", testMulti},
		{"multiRollsBack", testMultiRollsBack},
		{"compareAndSet", testCompareAndSet},
		{"watchData", testWatchData},
		{"watchCreation", testWatchCreation},
		{"watchChildren", testWatchChildren},
		{"watchOrder", testWatchOrder},
		{"watchSeesNoFailure", testWatchSeesNoFailure},
		{"ephemeralOnClose", testEphemeralOnClose},
		{"ephemeralOnCrash", testEphemeralOnCrash},
		{"durable", testDurable},
		{"closed", testClosed},
		{"ensure", testEnsure},
		{"model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newEnv(t)) })
	}
}

// root is where the tests work.
const root = "/treetest"

// open starts a session and makes sure of the root.
func open(t *testing.T, env Env) tree.Tree {
	t.Helper()
	tr := env.Open(t)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	require.NoError(t, tree.EnsureAll(tr, root))
	return tr
}

func create(t *testing.T, tr tree.Tree, path, data string) tree.Stat {
	t.Helper()
	r, err := tr.Multi(tree.Create(root+path, []byte(data), 0))
	require.NoError(t, err)
	return r[0].Stat
}

func set(t *testing.T, tr tree.Tree, path, data string) tree.Stat {
	t.Helper()
	r, err := tr.Multi(tree.Set(root+path, []byte(data), tree.AnyVersion))
	require.NoError(t, err)
	return r[0].Stat
}

func remove(t *testing.T, tr tree.Tree, path string) {
	t.Helper()
	_, err := tr.Multi(tree.Delete(root+path, tree.AnyVersion))
	require.NoError(t, err)
}

func get(t *testing.T, tr tree.Tree, path string) tree.Node {
	t.Helper()
	n, err := tr.Get(root+path, nil)
	require.NoError(t, err)
	return n
}

func absent(t *testing.T, tr tree.Tree, path string) {
	t.Helper()
	_, err := tr.Get(root+path, nil)
	require.ErrorIs(t, err, tree.ErrNoNode)
}

// watcher gives a watch and the events it is told.
func watcher() (tree.Watch, <-chan tree.Event) {
	events := make(chan tree.Event, 16)
	return func(e tree.Event) { events <- e }, events
}

func expect(t *testing.T, events <-chan tree.Event, kind tree.EventType, path string) {
	t.Helper()
	select {
	case e := <-events:
		require.Equal(t, tree.Event{Type: kind, Path: root + path}, e)
	case <-time.After(patience):
		require.FailNow(t, "no event", "%d of %s", kind, path)
	}
}

func silent(t *testing.T, events <-chan tree.Event) {
	t.Helper()
	select {
	case e := <-events:
		require.FailNow(t, "unexpected event", "%+v", e)
	default:
	}
}
