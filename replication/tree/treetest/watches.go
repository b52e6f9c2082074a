package treetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
)

func testWatchData(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "1")
	w, events := watcher()
	_, err := tr.Get(root+"/a", w)
	require.NoError(t, err)
	create(t, tr, "/a/child", "")
	remove(t, tr, "/a/child")
	silent(t, events)
	set(t, tr, "/a", "2")
	expect(t, events, tree.NodeDataChanged, "/a")
	set(t, tr, "/a", "3")
	silent(t, events)

	_, err = tr.Get(root+"/a", w)
	require.NoError(t, err)
	remove(t, tr, "/a")
	expect(t, events, tree.NodeDeleted, "/a")
	create(t, tr, "/a", "4")
	silent(t, events)
}

func testWatchCreation(t *testing.T, env Env) {
	tr := open(t, env)
	w, events := watcher()
	_, err := tr.Get(root+"/a", w)
	require.ErrorIs(t, err, tree.ErrNoNode)
	create(t, tr, "/a", "")
	silent(t, events)
	remove(t, tr, "/a")

	_, err = tr.Exists(root+"/a", w)
	require.ErrorIs(t, err, tree.ErrNoNode)
	create(t, tr, "/a", "")
	expect(t, events, tree.NodeCreated, "/a")
	_, err = tr.Exists(root+"/a", w)
	require.NoError(t, err)
	set(t, tr, "/a", "x")
	expect(t, events, tree.NodeDataChanged, "/a")
}

func testWatchChildren(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "")
	w, events := watcher()
	arm := func() {
		_, _, err := tr.Children(root+"/a", w)
		require.NoError(t, err)
	}
	arm()
	set(t, tr, "/a", "data")
	silent(t, events)
	create(t, tr, "/a/b", "")
	expect(t, events, tree.NodeChildrenChanged, "/a")
	create(t, tr, "/a/c", "")
	silent(t, events)
	arm()
	create(t, tr, "/a/b/deep", "")
	set(t, tr, "/a/b", "x")
	silent(t, events)
	remove(t, tr, "/a/c")
	expect(t, events, tree.NodeChildrenChanged, "/a")
	remove(t, tr, "/a/b/deep")
	remove(t, tr, "/a/b")
	arm()
	remove(t, tr, "/a")
	expect(t, events, tree.NodeDeleted, "/a")
}

// testWatchOrder sets watches on many nodes: they are told in the order of the
// changes, and what they are told of can be read.
func testWatchOrder(t *testing.T, env Env) {
	tr := open(t, env)
	const n = 20
	events := make(chan tree.Event, n)
	for i := range n {
		_, err := tr.Exists(fmt.Sprintf("%s/n%02d", root, i), func(e tree.Event) { events <- e })
		require.ErrorIs(t, err, tree.ErrNoNode)
	}
	for i := range n {
		create(t, tr, fmt.Sprintf("/n%02d", i), "")
	}
	for i := range n {
		expect(t, events, tree.NodeCreated, fmt.Sprintf("/n%02d", i))
	}
}

func testWatchSeesNoFailure(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "")
	w, events := watcher()
	_, err := tr.Get(root+"/a", w)
	require.NoError(t, err)
	_, err = tr.Multi(tree.Set(root+"/a", []byte("x"), tree.AnyVersion), tree.Check(root+"/no", 0))
	require.ErrorIs(t, err, tree.ErrNoNode)
	silent(t, events)
}
