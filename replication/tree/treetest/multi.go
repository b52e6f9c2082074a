package treetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
)

func testMulti(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/epoch", "1")
	r, err := tr.Multi(
		tree.Check(root+"/epoch", 0),
		tree.Create(root+"/t", []byte("topic"), 0),
		tree.Create(root+"/t/0", nil, 0),
		tree.Set(root+"/epoch", []byte("2"), 0),
		tree.Create(root+"/t/seq_", nil, tree.Sequential),
		tree.Delete(root+"/t/0", 0),
	)
	require.NoError(t, err)
	require.Len(t, r, 6)
	require.Equal(t, r[1].Stat.Czxid, r[3].Stat.Mzxid, "one change, one number")
	require.EqualValues(t, 1, r[3].Stat.Version)
	require.Equal(t, root+"/t/seq_0000000001", r[4].Path)
	require.Equal(t, "2", string(get(t, tr, "/epoch").Data))
	absent(t, tr, "/t/0")

	// Registration: what Kafka's brokers do to learn the czxid of their node.
	r, err = tr.Multi(
		tree.Create(root+"/id", nil, tree.Ephemeral),
		tree.Set(root+"/id", []byte("broker"), 0),
	)
	require.NoError(t, err)
	require.EqualValues(t, 1, r[1].Stat.Version)
	require.Equal(t, r[1].Stat.Czxid, r[1].Stat.Mzxid)
	require.NotZero(t, r[1].Stat.EphemeralOwner)
}

func testMultiRollsBack(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "1")
	before := get(t, tr, "").Stat
	_, err := tr.Multi(
		tree.Create(root+"/b", nil, 0),
		tree.Set(root+"/a", []byte("2"), 0),
		tree.Delete(root+"/a", 5),
		tree.Create(root+"/c", nil, 0),
	)
	require.ErrorIs(t, err, tree.ErrBadVersion)
	var multi *tree.MultiError
	require.ErrorAs(t, err, &multi)
	require.Equal(t, 2, multi.Index)
	require.Equal(t, root+"/a", multi.Path)
	absent(t, tr, "/b")
	absent(t, tr, "/c")
	n := get(t, tr, "/a")
	require.Equal(t, "1", string(n.Data))
	require.Zero(t, n.Stat.Version)
	require.Equal(t, before, get(t, tr, "").Stat)
}
