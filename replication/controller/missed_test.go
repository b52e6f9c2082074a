package controller_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// TestTopicInTwoSteps: somebody's tool makes a topic's node first and fills it
// then.
func TestTopicInTwoSteps(t *testing.T) {
	c := newCluster(t, 1)
	c.write(tree.Create(znode.TopicPath("t"), nil, 0))
	c.write(tree.Create(znode.TopicPath("whole"), []byte(`{"version":1,"partitions":{"0":[0]}}`), 0))
	c.eventually("the list has been read", func() bool { return c.exists(znode.StatePath("whole", 0)) })
	c.write(tree.Set(znode.TopicPath("t"), []byte(`{"version":1,"partitions":{"0":[0]}}`), tree.AnyVersion))
	c.eventually("found", func() bool { return c.exists(znode.StatePath("t", 0)) })
	c.leads(0, "t", 0)
}

// TestBrokersMove: brokers that change their registrations at the same time are
// seen the next time too.
func TestBrokersMove(t *testing.T) {
	c := newCluster(t, 3)
	moved := func(id, port int32) tree.Op {
		return tree.Set(znode.BrokerPath(id), znode.EncodeBroker(znode.Broker{JMXPort: -1, Endpoints: []image.Endpoint{
			{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: fmt.Sprintf("b%d", id), Port: port},
		}}), tree.AnyVersion)
	}
	at := func(id, port int32) {
		c.eventually(fmt.Sprintf("broker %d at port %d", id, port), func() bool {
			b, ok := c.active().ctl.Image().Broker(id)
			return ok && b.Endpoints[0].Port == port
		})
	}
	for port := int32(1); port <= 10; port++ {
		c.write(moved(0, port), moved(1, port), moved(2, port))
		for id := range int32(3) {
			at(id, port)
		}
		for id := range int32(3) { // alone
			c.write(moved(id, 100+port))
			at(id, 100+port)
		}
	}
}

// TestCancelAfterFailOver: the controller that cancels a reassignment is not the
// one that began it; the replicas have the order that they had.
func TestCancelAfterFailOver(t *testing.T) {
	c := newCluster(t, 3)
	c.create("t", []int32{0, 1})
	at := plan.Ref{Topic: "t"}
	results, err := c.active().ctl.Reassign(t.Context(), []plan.Reassignment{{Ref: at, Replicas: []int32{1, 2}}})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	first := c.active()
	first.stop()
	c.eventually("another is in office", func() bool { up := c.active(); return up != nil && up.ctl.Image().Topic("t") != nil })
	c.eventually("cancelled", func() bool {
		up := c.active()
		if up == nil {
			return false
		}
		results, err = up.ctl.Reassign(t.Context(), []plan.Reassignment{{Ref: at}})
		return err == nil && results[0].Err == nil
	})
	n, err := c.tree.Get(znode.TopicPath("t"), nil)
	require.NoError(t, err)
	z, err := znode.DecodeTopic(n.Data)
	require.NoError(t, err)
	require.Equal(t, [][]int32{{0, 1}}, z.Partitions)
	first.start()
	c.settled()
}

// TestStatesWrittenBeforeAConflict: where a decision takes several writes, and a
// leader has written by itself what a later one of them is about, brokers are told
// of the earlier ones too.
func TestStatesWrittenBeforeAConflict(t *testing.T) {
	const partitions = 1200 // more than one write has
	c := newCluster(t, 3)
	lists := make([][]int32, partitions)
	for p := range lists {
		lists[p] = []int32{1, 2}
	}
	c.create("t", lists...)
	s, version := c.state("t", partitions-1)
	require.EqualValues(t, 0, c.active().id)
	s.ISR = []int32{1, 2} // as it was: only the version is another
	c.write(tree.Set(znode.StatePath("t", partitions-1), znode.EncodeState(s), version))
	c.brokers[1].die()
	for _, p := range []int32{0, 500, partitions - 1} {
		c.leads(2, "t", p)
		c.eventually(fmt.Sprintf("broker 2 has been given partition %d", p), func() bool {
			s, _ := c.state("t", p)
			r, _ := c.brokers[2].role("t", p)
			return r.leader == 2 && r.epoch == s.LeaderEpoch
		})
	}
}
