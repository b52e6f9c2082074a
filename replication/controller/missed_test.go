package controller_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/controller"
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

// TestControllerDiesBeforeItTellsWhoHasToGo: it has written that a replica is no more
// of a partition, and is gone before it could say so. The next one does.
func TestControllerDiesBeforeItTellsWhoHasToGo(t *testing.T) {
	for _, how := range []string{"fewer", "cancelled"} {
		t.Run(how, func(t *testing.T) {
			c := newCluster(t, 3)
			first, at := c.active(), plan.Ref{Topic: "t"}
			stays, goes := c.brokers[(first.id+1)%3], c.brokers[(first.id+2)%3]
			ask := plan.Reassignment{Ref: at, Replicas: []int32{stays.id}}
			if how == "fewer" {
				c.create("t", []int32{goes.id, stays.id})
			} else {
				c.create("t", []int32{stays.id})
				results, err := first.ctl.Reassign(t.Context(), []plan.Reassignment{{Ref: at, Replicas: []int32{stays.id, goes.id}}})
				require.NoError(t, err)
				require.NoError(t, results[0].Err)
				ask.Replicas = nil
			}
			_, has := goes.role("t", 0)
			require.True(t, has)
			first.mu.Lock()
			first.fatal = func(d controller.Dispatch) bool {
				return slices.ContainsFunc(d.Orders, func(o plan.Order) bool { return o.Kind == plan.Delete })
			}
			first.mu.Unlock()
			_, err := first.ctl.Reassign(t.Context(), []plan.Reassignment{ask})
			require.ErrorIs(t, err, controller.ErrNotController)
			c.eventually("the replica goes", func() bool { _, has := goes.role("t", 0); return !has })
			c.eventually("the topic forgets it", func() bool {
				n, err := c.tree.Get(znode.TopicPath("t"), nil)
				require.NoError(t, err)
				z, err := znode.DecodeTopic(n.Data)
				require.NoError(t, err)
				return fmt.Sprint(z.Partitions, len(z.Removing)) == fmt.Sprintf("[[%d]] 0", stays.id)
			})
			c.leads(stays.id, "t", 0)
			c.settled()
		})
	}
}

// TestStatesWrittenBeforeAConflict: where a decision takes several writes, and a
// leader has written by itself what a later one of them is about, brokers are told
// of the earlier ones too.
func TestStatesWrittenBeforeAConflict(t *testing.T) {
	const partitions = 1200 // more than one write has
	c := newCluster(t, 3)
	dies, takesOver := (c.active().id+1)%3, (c.active().id+2)%3
	lists := make([][]int32, partitions)
	for p := range lists {
		lists[p] = []int32{dies, takesOver}
	}
	c.create("t", lists...)
	s, version := c.state("t", partitions-1) // only its version will be another
	c.write(tree.Set(znode.StatePath("t", partitions-1), znode.EncodeState(s), version))
	c.brokers[dies].die()
	for _, p := range []int32{0, 500, partitions - 1} {
		c.leads(takesOver, "t", p)
		c.eventually(fmt.Sprintf("it has been given partition %d", p), func() bool {
			s, _ := c.state("t", p)
			r, _ := c.brokers[takesOver].role("t", p)
			return r.leader == takesOver && r.epoch == s.LeaderEpoch
		})
	}
}

// TestControllerBackAtOnce: the broker that has the office dies and is back before its
// session ends. The next controller has never seen it gone; but what it had not yet put
// on disk may be lost, so others lead that are in sync and were there all the time.
func TestControllerBackAtOnce(t *testing.T) {
	c := newCluster(t, 3)
	first := c.active()
	others := []int32{(first.id + 1) % 3, (first.id + 2) % 3}
	c.create("led", []int32{first.id, others[0], others[1]})
	c.create("followed", []int32{others[0], first.id})
	c.create("alone", []int32{first.id})
	first.kill()
	first.start()
	c.settled()
	c.leads(others[0], "led", 0)
	for name, want := range map[string]struct {
		isr   []int32
		epoch int32
	}{"led": {others, 1}, "followed": {others[:1], 1}, "alone": {[]int32{first.id}, 0}} {
		c.eventually(name, func() bool {
			s, _ := c.state(name, 0)
			return fmt.Sprint(s.ISR) == fmt.Sprint(want.isr) && s.LeaderEpoch == want.epoch
		})
	}
	c.eventually("it follows", func() bool {
		r, _ := first.role("led", 0)
		return r.leader == others[0] && r.epoch == 1
	})
}

// whileBusy has calls wait at the same time, in this order, until all of them do.
func (c *cluster) whileBusy(calls ...func()) {
	up := c.active()
	busy, held := make(chan struct{}), make(chan struct{})
	hold := func() { close(busy); <-held }
	c.validate.Store(&hold)
	var running sync.WaitGroup
	running.Go(func() {
		_, err := up.ctl.CreateTopics(c.t.Context(), []plan.TopicSpec{spec("busy", 1)}, controller.CreateOptions{})
		assert.NoError(c.t, err)
	})
	<-busy
	for i, call := range calls {
		running.Go(call)
		c.eventually("it waits", func() bool { return up.ctl.Standing().Waiting == i+1 })
	}
	close(held)
	running.Wait()
}

// TestCreatedAndDeletedAtOnce: two calls that wait at the same time, the later of
// which deletes what the earlier one creates. Brokers hear of both.
func TestCreatedAndDeletedAtOnce(t *testing.T) {
	c := newCluster(t, 2)
	up := c.active()
	c.whileBusy(func() {
		results, err := up.ctl.CreateTopics(t.Context(), []plan.TopicSpec{{Name: "t", Partitions: 2, Replication: 2}}, controller.CreateOptions{})
		assert.NoError(t, err)
		assert.NoError(t, results[0].Err)
	}, func() {
		results, err := up.ctl.DeleteTopics(t.Context(), []plan.TopicRef{{Name: "t"}})
		assert.NoError(t, err)
		assert.NoError(t, results[0].Err)
	})
	require.False(t, c.exists(znode.TopicPath("t")))
	require.False(t, c.exists(znode.DeleteTopicPath("t")))
	for _, b := range c.brokers {
		_, has := b.role("t", 0)
		require.False(t, has)
	}
}

// TestChangedTwiceAtOnce: two brokers stop at the same time; what is decided of a
// partition last is what brokers hear.
func TestChangedTwiceAtOnce(t *testing.T) {
	c := newCluster(t, 3)
	up := c.active()
	a, b := c.brokers[(up.id+1)%3], c.brokers[(up.id+2)%3]
	c.create("t", []int32{a.id, b.id, up.id})
	stop := func(b *broker) func() {
		return func() {
			remaining, err := up.ctl.ControlledShutdown(t.Context(), b.id, b.m.Epoch())
			assert.NoError(t, err)
			assert.Empty(t, remaining)
		}
	}
	c.whileBusy(stop(a), stop(b))
	s, version := c.state("t", 0)
	require.Equal(t, []int32{up.id}, s.ISR)
	require.EqualValues(t, 2, s.LeaderEpoch)
	r, _ := up.role("t", 0)
	require.Equal(t, role{leader: up.id, epoch: 2, partitionEpoch: version, isr: fmt.Sprint(s.ISR)}, r)
}
