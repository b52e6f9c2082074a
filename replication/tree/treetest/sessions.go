package treetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
)

func testEphemeralOnClose(t *testing.T, env Env) {
	testEphemeral(t, env, func(tr tree.Tree) { require.NoError(t, tr.Close()) })
}

func testEphemeralOnCrash(t *testing.T, env Env) {
	testEphemeral(t, env, func(tr tree.Tree) { env.Crash(t, tr) })
}

func testEphemeral(t *testing.T, env Env, end func(tree.Tree)) {
	tr := open(t, env)
	r, err := tr.Multi(
		tree.Create(root+"/e", []byte("mine"), tree.Ephemeral),
		tree.Create(root+"/s_", nil, tree.Ephemeral|tree.Sequential),
		tree.Create(root+"/p", []byte("stays"), 0),
	)
	require.NoError(t, err)
	require.Equal(t, tr.Session(), r[0].Stat.EphemeralOwner)
	require.Zero(t, r[2].Stat.EphemeralOwner)
	before := tr.Session()
	require.NotZero(t, before)
	end(tr)

	again := open(t, env)
	require.NotEqual(t, before, again.Session())
	require.Eventually(t, func() bool {
		_, err := again.Exists(root+"/e", nil)
		return err != nil
	}, patience, patience/200)
	absent(t, again, "/s_0000000001")
	require.Equal(t, "stays", string(get(t, again, "/p").Data))
	require.EqualValues(t, 1, get(t, again, "").Stat.NumChildren)
	_, err = again.Multi(tree.Create(root+"/e", nil, tree.Ephemeral))
	require.NoError(t, err, "the name is free for the next session")
}

// testDurable: what was answered is there after a crash, and numbers go on
// rising.
func testDurable(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "1")
	written := set(t, tr, "/a", "2")
	_, err := tr.Multi(tree.Create(root+"/n_", nil, tree.Sequential))
	require.NoError(t, err)
	env.Crash(t, tr)

	again := open(t, env)
	n := get(t, again, "/a")
	require.Equal(t, "2", string(n.Data))
	require.Equal(t, written, n.Stat)
	require.Greater(t, create(t, again, "/b", "").Czxid, written.Mzxid)
	r, err := again.Multi(tree.Create(root+"/n_", nil, tree.Sequential))
	require.NoError(t, err)
	require.Equal(t, root+"/n_0000000003", r[0].Path)
}

func testClosed(t *testing.T, env Env) {
	tr := open(t, env)
	select {
	case <-tr.Expired():
		require.Fail(t, "expired too soon")
	default:
	}
	require.NoError(t, tr.Close())
	require.NoError(t, tr.Close(), "closing twice is fine")
	<-tr.Expired()
	_, err := tr.Get(root, nil)
	require.ErrorIs(t, err, tree.ErrClosed)
	_, err = tr.GetAll([]string{root})
	require.ErrorIs(t, err, tree.ErrClosed)
	_, _, err = tr.Children(root, nil)
	require.ErrorIs(t, err, tree.ErrClosed)
	_, err = tr.Multi(tree.Set(root, nil, tree.AnyVersion))
	require.ErrorIs(t, err, tree.ErrClosed)
}
