package controller_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/replication/znode"
	"github.com/leatmq/leat/tools/zookeeper"
)

// newZooKeeperCluster starts brokers over a real ZooKeeper server.
func newZooKeeperCluster(t *testing.T, n int) *cluster {
	t.Helper()
	server, chroot := zookeeper.Shared(t)
	open := func(ctx context.Context) (tree.Tree, error) {
		return zk.Open(ctx, zk.Options{Servers: []string{server.Addr}, Chroot: chroot, SessionTimeout: 30 * time.Second})
	}
	tr, err := open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return startCluster(t, n, &cluster{
		t: t, tree: tr, join: open,
		expire: func(s tree.Tree) error { return server.ExpireSession(context.Background(), s.Session()) },
	})
}

// TestFailOverOnZooKeeper: a thousand partitions, the death of a broker, and
// that of the controller.
func TestFailOverOnZooKeeper(t *testing.T) {
	c := newZooKeeperCluster(t, 3)
	first := c.other()
	second, third := (first.id+1)%3, (first.id+2)%3
	lists := make([][]int32, 1000)
	for p := range lists {
		lists[p] = []int32{first.id, second, third}
	}
	began := time.Now()
	c.create("t", lists...)
	t.Log("1,000 partitions created after", time.Since(began))

	began = time.Now()
	first.stop()
	c.leads(second, "t", 999)
	t.Log("leaders after", time.Since(began))
	old := c.active()
	epoch := old.ctl.Image().ControllerEpoch
	began = time.Now()
	old.expire()
	c.eventually("in office", func() bool {
		b := c.active()
		return b != nil && b.ctl.Image().ControllerEpoch > epoch
	})
	c.settled()
	t.Log("office taken over after", time.Since(began))
	s, _ := c.state("t", 999)
	c.leads(s.Leader, "t", 999)
	first.start()
	c.settled()
	c.eventually("the one that is back follows", func() bool {
		s, _ := c.state("t", 999)
		r, _ := first.role("t", 999)
		return r.epoch == s.LeaderEpoch && r.leader == s.Leader
	})
	c.write(tree.Create(znode.DeleteTopicPath("t"), nil, 0))
	c.eventually("gone", func() bool { return !c.exists(znode.TopicPath("t")) && !c.exists(znode.DeleteTopicPath("t")) })
}
