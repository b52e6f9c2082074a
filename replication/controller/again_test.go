package controller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// eachTree runs a test on both trees.
func eachTree(t *testing.T, n int, test func(*testing.T, *cluster)) {
	for name, start := range map[string]func(*testing.T, int) *cluster{"embedded": newCluster, "zookeeper": newZooKeeperCluster} {
		t.Run(name, func(t *testing.T) { test(t, start(t, n)) })
	}
}

// TestWrittenAgainAtOnce: what a tool writes the moment the controller has seen
// to what it wrote before is seen too.
func TestWrittenAgainAtOnce(t *testing.T) {
	eachTree(t, 2, func(t *testing.T, c *cluster) {
		c.create("t", []int32{0, 1})
		gone := func(path string) {
			t.Helper()
			c.eventually(path+" is gone", func() bool { return !c.exists(path) })
		}
		for i := range 30 {
			first := int32(i+1) % 2
			move := znode.Move{Partition: znode.Partition{Topic: "t"}, Replicas: []int32{first, 1 - first}}
			c.write(tree.Create(znode.Reassign, znode.EncodeReassign([]znode.Move{move}), 0))
			gone(znode.Reassign)
			require.Equal(t, move.Replicas, c.active().ctl.Image().Partition("t", 0).Replicas, "round %d", i)
			c.write(tree.Create(znode.PreferredLeader, znode.EncodePartitions([]znode.Partition{{Topic: "t"}}), 0))
			gone(znode.PreferredLeader)
			s, _ := c.state("t", 0)
			require.Equal(t, first, s.Leader, "round %d", i)

			event := znode.EncodeLogDirEvent(znode.LogDirEvent{Broker: 1})
			c.write(tree.Create(znode.LogDirEventPrefix, event, tree.Sequential))
			c.write(tree.Create(znode.LogDirEventPrefix, event, tree.Sequential))
			gone(fmt.Sprintf("%s%010d", znode.LogDirEventPrefix, 2*i))
			gone(fmt.Sprintf("%s%010d", znode.LogDirEventPrefix, 2*i+1))

			c.create("short", []int32{0})
			c.write(tree.Create(znode.DeleteTopicPath("short"), nil, 0))
			gone(znode.DeleteTopicPath("short"))
			c.write(tree.Create(znode.DeleteTopicPath("short"), nil, 0)) // there is none
			gone(znode.DeleteTopicPath("short"))
			require.False(t, c.exists(znode.TopicPath("short")))
		}
	})
}

// TestReassignmentReplaced: a node that somebody removes and makes anew at once is
// another one, though the controller may not have seen it gone.
func TestReassignmentReplaced(t *testing.T) {
	eachTree(t, 3, func(t *testing.T, c *cluster) {
		c.create("t", []int32{0}, []int32{0})
		moved := func(partition int32) []byte {
			return znode.EncodeReassign([]znode.Move{{Partition: znode.Partition{Topic: "t", Partition: partition}, Replicas: []int32{0, 1}}})
		}
		going := func(partition int32) {
			t.Helper()
			c.eventually("it goes on", func() bool {
				list, err := c.active().ctl.ListReassignments(t.Context(), []plan.Ref{{Topic: "t", Partition: partition}})
				return err == nil && len(list) == 1
			})
		}
		c.write(tree.Create(znode.Reassign, moved(0), 0))
		going(0)
		c.write(tree.Delete(znode.Reassign, tree.AnyVersion), tree.Create(znode.Reassign, moved(1), 0))
		going(1)
		c.sync("t", 0, 0, 1)
		n, err := c.tree.Get(znode.Reassign, nil)
		require.NoError(t, err)
		require.Equal(t, string(moved(1)), string(n.Data))
		c.sync("t", 1, 0, 1)
		c.eventually("done", func() bool { return !c.exists(znode.Reassign) })
	})
}

// TestCreatedAgainWhileAway: a name is given again only when no replica of the
// topic before is left, so a broker that comes back never mixes two of them.
func TestCreatedAgainWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		b := c.other()
		lists := []int32{1 - b.id, b.id}
		id := c.create("t", lists)
		remove := func() {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := c.active().ctl.DeleteTopics(ctx, []plan.TopicRef{{Name: "t"}})
			require.NoError(t, err)
		}
		for round := range 6 {
			away := round%2 == 1
			if away {
				b.die()
				c.eventually("it is gone", func() bool { return len(c.active().ctl.Image().Brokers()) == 1 })
			} else {
				b.setUp(false)
			}
			remove()
			results, err := c.active().ctl.CreateTopics(t.Context(), []plan.TopicSpec{{Name: "t", Partitions: 1, Replication: 1}}, controller.CreateOptions{})
			require.NoError(t, err)
			require.ErrorIs(t, results[0].Err, plan.ErrTopicExists, "round %d", round)
			if away {
				b.start()
			} else {
				b.setUp(true)
			}
			c.settled()
			c.eventually("deleted", func() bool { return !c.exists(znode.TopicPath("t")) && !c.exists(znode.DeleteTopicPath("t")) })
			for range 3 { // at once, again and again
				was := id
				id = c.create("t", lists)
				require.NotEqual(t, was, id)
				for _, each := range c.brokers {
					each.mu.Lock()
					require.Equal(t, id, each.ids["t"])
					each.mu.Unlock()
				}
				results, err := c.active().ctl.DeleteTopics(t.Context(), []plan.TopicRef{{Name: "t"}})
				require.NoError(t, err)
				require.NoError(t, results[0].Err)
			}
			id = c.create("t", lists)
		}
	})
}
