package transfer_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/transfer"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
)

func newTree(t *testing.T) *embedded.Tree {
	t.Helper()
	tr, err := embedded.Open(filepath.Join(t.TempDir(), embedded.FileName), embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// fill makes a cluster with a topic.
func fill(t *testing.T, tr tree.Tree, id string) {
	t.Helper()
	require.NoError(t, tree.EnsureAll(tr, append(znode.Persistent(), "/cluster", "/brokers/topics/t/partitions/0")...))
	_, err := tr.Multi(
		tree.Create(znode.ClusterIDPath, znode.EncodeClusterID(id), 0),
		tree.Set("/brokers/topics/t", znode.EncodeTopic(znode.Topic{Partitions: [][]int32{{1}}}), 0),
		tree.Create("/brokers/topics/t/partitions/0/state", []byte("state"), 0),
		tree.Create(znode.ConfigChangePrefix, []byte("notice"), tree.Sequential),
		tree.Create("/controller", []byte("1"), tree.Ephemeral),
		tree.Create("/stranger", []byte("not ours"), 0),
	)
	require.NoError(t, err)
}

const (
	one = "AAAAAAAAAAAAAAAAAAAAAQ"
	two = "AAAAAAAAAAAAAAAAAAAAAg"
)

func carry(from, to tree.Tree, o transfer.Options) (*transfer.Plan, error) {
	p, err := transfer.Compare(from, to, o)
	if err != nil {
		return nil, err
	}
	return p, p.Run(func(int) {})
}

func TestCarriesOver(t *testing.T) {
	from, to := newTree(t), newTree(t)
	fill(t, from, one)
	p, err := carry(from, to, transfer.Options{ClusterID: one})
	require.NoError(t, err)
	require.Equal(t, 1, p.Topics)
	n, err := to.Get("/brokers/topics/t/partitions/0/state", nil)
	require.NoError(t, err)
	require.Equal(t, "state", string(n.Data))
	for _, path := range []string{"/controller", "/stranger", znode.ConfigChangePrefix + "0000000000"} {
		_, err := to.Exists(path, nil)
		require.ErrorIs(t, err, tree.ErrNoNode, path)
	}
	_, err = carry(from, to, transfer.Options{})
	require.ErrorIs(t, err, transfer.ErrHoldsCluster)

	_, err = to.Multi(tree.Create("/config/topics/x", nil, 0), tree.Set("/brokers/topics/t/partitions/0/state", []byte("newer"), 0))
	require.NoError(t, err)
	p, err = carry(from, to, transfer.Options{Force: true})
	require.NoError(t, err)
	require.Len(t, p.Changes, 2)
	p, err = carry(from, to, transfer.Options{Force: true})
	require.NoError(t, err)
	require.Empty(t, p.Changes)
}

func TestRefusals(t *testing.T) {
	from, to, other := newTree(t), newTree(t), newTree(t)
	_, err := transfer.Compare(from, to, transfer.Options{})
	require.ErrorIs(t, err, transfer.ErrNoCluster)
	fill(t, from, one)
	fill(t, other, two)
	_, err = transfer.Compare(from, other, transfer.Options{Force: true})
	require.ErrorIs(t, err, transfer.ErrOtherCluster)
	_, err = transfer.Compare(from, to, transfer.Options{ClusterID: two})
	require.ErrorIs(t, err, transfer.ErrOtherCluster)
	require.NoError(t, tree.EnsureAll(to, "/brokers/topics/mine"))
	_, err = transfer.Compare(from, to, transfer.Options{Force: true})
	require.ErrorIs(t, err, transfer.ErrOtherCluster, "topics without a cluster's id")
	_, err = from.Multi(tree.Create(znode.BrokerPath(1), nil, tree.Ephemeral))
	require.NoError(t, err)
	_, err = transfer.Compare(from, newTree(t), transfer.Options{})
	require.ErrorIs(t, err, transfer.ErrRunning)
}

// breaking fails after some multis.
type breaking struct {
	tree.Tree
	left int
}

var errBroken = errors.New("broken")

func (b *breaking) Multi(ops ...tree.Op) ([]tree.Result, error) {
	if b.left--; b.left < 0 {
		return nil, errBroken
	}
	return b.Tree.Multi(ops...)
}

func TestInterruptedTransferGoesOn(t *testing.T) {
	from, to := newTree(t), newTree(t)
	fill(t, from, one)
	ops := []tree.Op{}
	for range 1200 {
		ops = append(ops, tree.Create("/consumers/g", nil, tree.Sequential))
	}
	_, err := from.Multi(ops...)
	require.NoError(t, err)
	for left := range 3 {
		_, err = carry(from, &breaking{to, left}, transfer.Options{})
		require.ErrorIs(t, err, errBroken)
		_, err = to.Exists(znode.ClusterIDPath, nil)
		require.ErrorIs(t, err, tree.ErrNoNode)
	}
	_, err = carry(from, to, transfer.Options{})
	require.NoError(t, err)
	p, err := transfer.Compare(from, to, transfer.Options{Force: true})
	require.NoError(t, err)
	require.Empty(t, p.Changes)
}

func TestForeign(t *testing.T) {
	tr := newTree(t)
	fill(t, tr, one)
	_, err := tr.Multi(tree.Create("/brokers/topics/u", znode.EncodeTopic(znode.Topic{Partitions: [][]int32{{1}, {2}, {1, 2}}}), 0))
	require.NoError(t, err)
	foreign, err := transfer.Foreign(tr, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"u-1", "u-2"}, foreign)
}
