package member

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// ClusterID reads the cluster's id from the tree. Where there is none, the
// given one is written, or, if that is empty, a new one made of random.
func ClusterID(t tree.Tree, given string, random func() [16]byte) (string, error) {
	n, err := t.Get(znode.ClusterIDPath, nil)
	if err == nil {
		return znode.DecodeClusterID(n.Data)
	}
	if !errors.Is(err, tree.ErrNoNode) {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	for ok := given != ""; !ok; {
		var id topic.ID
		id, ok = topic.RandomID(random())
		given = id.String()
	}
	if err := tree.EnsureAll(t, tree.Parent(znode.ClusterIDPath)); err != nil {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	_, err = t.Multi(tree.Create(znode.ClusterIDPath, znode.EncodeClusterID(given), 0))
	if errors.Is(err, tree.ErrNodeExists) {
		return ClusterID(t, given, random)
	}
	if err != nil {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	return given, nil
}

// GenerateBrokerID takes a broker id that no broker of the cluster was or will
// be given: reserved (reserved.broker.max.id) and the number of the taking. It
// is for a broker without a configured id and with a new data directory.
func GenerateBrokerID(t tree.Tree, reserved int32) (int32, error) {
	if err := tree.EnsureAll(t, znode.BrokerSequence); err != nil {
		return 0, fmt.Errorf("generate broker id: %w", err)
	}
	r, err := t.Multi(tree.Set(znode.BrokerSequence, nil, tree.AnyVersion))
	if err != nil {
		return 0, fmt.Errorf("generate broker id: %w", err)
	}
	if r[0].Stat.Version > math.MaxInt32-reserved {
		return 0, fmt.Errorf("generate broker id: no id above %d is left", reserved)
	}
	return reserved + r[0].Stat.Version, nil
}

// randomID draws the bytes of an id.
func randomID() (id [16]byte) {
	rand.Read(id[:]) // never fails
	return id
}
