package controller_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// other is a broker that is not in office.
func (c *cluster) other() *broker {
	active := c.active()
	for _, b := range c.brokers {
		if b != active {
			return b
		}
	}
	return nil
}

func TestOneControllerOfThree(t *testing.T) {
	c := newCluster(t, 3)
	active := 0
	for _, b := range c.brokers {
		if b.ctl.Active() {
			active++
		}
	}
	require.Equal(t, 1, active)
	_, err := c.other().ctl.CreateTopics(t.Context(), []plan.TopicSpec{spec("t", 1)}, controller.CreateOptions{})
	require.ErrorIs(t, err, controller.ErrNotController)
	c.create("t", []int32{0, 1, 2}, []int32{1, 2, 0})
	for _, b := range c.brokers { // the call has returned: all of them have obeyed
		r, ok := b.role("t", 1)
		require.True(t, ok)
		require.Equal(t, role{leader: 1, isr: "[1 2 0]", fresh: true}, r)
		require.EqualValues(t, 0, b.leader("t", 0))
		require.EqualValues(t, 1, b.leader("t", 1))
	}
}

// TestControllerDies: its partitions and its office go to others when its
// session ends, and it comes back as a follower.
func TestControllerDies(t *testing.T) {
	c := newCluster(t, 3)
	old := c.active()
	next := (old.id + 1) % 3
	third := (old.id + 2) % 3
	c.create("t", []int32{old.id, next, third})
	epoch := old.ctl.Image().ControllerEpoch
	old.kill()
	require.True(t, c.exists(znode.ControllerPath), "its session lives on")
	old.expire()
	now := c.settled()
	require.NotEqual(t, old.id, now.id)
	c.leads(next, "t", 0)
	s, version := c.state("t", 0)
	require.Equal(t, []int32{next, third}, s.ISR)
	require.EqualValues(t, 1, s.LeaderEpoch)
	require.Equal(t, epoch+1, s.ControllerEpoch)
	c.eventually("told", func() bool {
		r, _ := c.brokers[third].role("t", 0)
		return r == role{leader: next, epoch: 1, partitionEpoch: version, isr: fmt.Sprint(s.ISR)}
	})

	old.start()
	c.settled()
	c.eventually("the one that is back follows", func() bool {
		r, _ := old.role("t", 0)
		return r.leader == next && r.epoch == 1
	})
	require.Equal(t, now, c.active())
}

// TestBrokerDies: a broker that is not the controller.
func TestBrokerDies(t *testing.T) {
	c := newCluster(t, 3)
	dead := c.other()
	a, b := (dead.id+1)%3, (dead.id+2)%3
	c.create("t", []int32{dead.id, a}, []int32{a, dead.id}, []int32{a, b})
	c.create("alone", []int32{dead.id})
	dead.die()
	c.leads(a, "t", 0)
	c.leads(-1, "alone", 0)
	s, _ := c.state("t", 1)
	require.Equal(t, []int32{a}, s.ISR, "it has left the in-sync set")
	s, version := c.state("t", 2)
	require.Zero(t, version, "what it has no part in stays as it is")
	require.Equal(t, []int32{a, b}, s.ISR)
	s, _ = c.state("alone", 0)
	require.Equal(t, []int32{dead.id}, s.ISR, "the last in-sync replica has the records")
	dead.start()
	c.leads(dead.id, "alone", 0)
}

// TestBounce: a broker that has registered anew before its old registration was
// missed is told everything again.
func TestBounce(t *testing.T) {
	c := newCluster(t, 2)
	b := c.other()
	c.create("t", []int32{b.id, c.active().id})
	before, _ := c.state("t", 0)
	b.kill()
	b.start() // takes its own registration over
	c.settled()
	c.eventually("it knows its role", func() bool {
		_, ok := b.role("t", 0)
		return ok && b.leader("t", 0) >= 0
	})
	after, _ := c.state("t", 0)
	require.Greater(t, after.LeaderEpoch, before.LeaderEpoch, "it counts as gone in between")
}

// TestStopHandsOver: an orderly stop does not wait for the session to expire.
func TestStopHandsOver(t *testing.T) {
	c := newCluster(t, 3)
	old := c.active()
	c.create("t", []int32{old.id, (old.id + 1) % 3})
	remaining, err := old.ctl.ControlledShutdown(t.Context(), old.id, old.m.Epoch())
	require.NoError(t, err)
	require.Empty(t, remaining)
	c.leads((old.id+1)%3, "t", 0)
	s, _ := c.state("t", 0)
	require.NotContains(t, s.ISR, old.id)
	old.stop()
	require.NotEqual(t, old, c.settled())
	require.False(t, c.exists(znode.BrokerPath(old.id)))
}

// TestSessionExpires: the broker itself lives on, and is a member again.
func TestSessionExpires(t *testing.T) {
	c := newCluster(t, 3)
	old := c.active()
	epoch := old.m.Epoch()
	c.create("t", []int32{old.id, (old.id + 1) % 3})
	old.expire()
	c.eventually("registered anew", func() bool { return old.m.Epoch() > epoch })
	c.settled()
	c.eventually("the follower follows", func() bool {
		s, _ := c.state("t", 0)
		r, ok := old.role("t", 0)
		return ok && r.leader == s.Leader && r.epoch == s.LeaderEpoch && s.Leader >= 0
	})
}

// TestDeposedController: one that has not noticed yet that another is in office
// can neither write nor give orders.
func TestDeposedController(t *testing.T) {
	c := newCluster(t, 3)
	old := c.active()
	// Another has taken the epoch; old has had no event yet.
	c.write(tree.Set(znode.ControllerEpoch, []byte("7"), tree.AnyVersion))
	before, err := tree.Subtree(c.tree, znode.Topics)
	require.NoError(t, err)
	_, err = old.ctl.CreateTopics(t.Context(), []plan.TopicSpec{spec("t", 1)}, controller.CreateOptions{})
	require.ErrorIs(t, err, controller.ErrNotController)
	after, err := tree.Subtree(c.tree, znode.Topics)
	require.NoError(t, err)
	require.Equal(t, before, after)
	c.eventually("somebody is in office again", func() bool {
		b := c.active()
		return b != nil && b.ctl.Image().ControllerEpoch == 8
	})
}

// TestStaleOrders: brokers that have heard of a later controller make an earlier
// one look whether it is in office.
func TestStaleOrders(t *testing.T) {
	c := newCluster(t, 2)
	old := c.active()
	c.write(tree.Delete(znode.ControllerPath, tree.AnyVersion))
	c.eventually("somebody is in office again", func() bool {
		b := c.active()
		return b != nil && b.ctl.Image().ControllerEpoch > 1
	})
	require.NotNil(t, old)
	c.settled()
}

// TestRace: many elections, and calls all the time: each topic that a call
// says was created is there, whole, whoever is in office.
func TestRace(t *testing.T) {
	c := newCluster(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	var calling sync.WaitGroup
	var mu sync.Mutex
	var made []string
	for _, b := range c.brokers {
		calling.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name := fmt.Sprintf("t-%d-%d", b.id, i)
				results, err := b.ctl.CreateTopics(ctx, []plan.TopicSpec{{Name: name, Partitions: 2, Replication: 3}}, controller.CreateOptions{})
				if err == nil && results[0].Err == nil {
					mu.Lock()
					made = append(made, name)
					mu.Unlock()
				}
			}
		})
	}
	for round := range 8 {
		c.eventually("office taken", func() bool { return c.exists(znode.ControllerPath) })
		mu.Lock()
		want := len(made) + 3
		mu.Unlock()
		c.eventually("calls go on", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(made) >= want
		})
		if round%2 == 0 {
			c.write(tree.Delete(znode.ControllerPath, tree.AnyVersion))
			continue
		}
		if b := c.active(); b != nil {
			b.expire()
		}
	}
	cancel()
	calling.Wait()
	c.settled()
	last := int32(0)
	for _, name := range made {
		for p := range int32(2) {
			s, _ := c.state(name, p)
			require.NotEmpty(t, s.ISR)
			last = max(last, s.ControllerEpoch)
		}
	}
	require.Greater(t, last, int32(3))
	for _, name := range made {
		for p := range int32(2) {
			c.eventually(fmt.Sprintf("all know who leads %s-%d now", name, p), func() bool {
				s, _ := c.state(name, p) // which a broker that comes back late may change still
				return !slices.ContainsFunc(c.brokers, func(b *broker) bool { return b.leader(name, p) != s.Leader })
			})
		}
	}
}

// TestControlledShutdownOnTheWire: remaining partitions, and refusals.
func TestControlledShutdownOnTheWire(t *testing.T) {
	c := newCluster(t, 2)
	b := c.other()
	q := kmsg.NewPtrControlledShutdownRequest()
	q.Version, q.BrokerID, q.BrokerEpoch = 3, b.id, b.m.Epoch()-1
	require.EqualValues(t, 77, c.active().ctl.AnswerShutdown(t.Context(), q).ErrorCode)
	q.BrokerEpoch = b.m.Epoch()
	a := c.active().ctl.AnswerShutdown(t.Context(), q)
	require.Zero(t, a.ErrorCode)
	require.Empty(t, a.PartitionsRemaining)
	q.BrokerID = 9
	require.EqualValues(t, 8, c.active().ctl.AnswerShutdown(t.Context(), q).ErrorCode)
	require.EqualValues(t, 41, b.ctl.AnswerShutdown(t.Context(), q).ErrorCode)
}

// TestManyPartitionsFailOver: a thousand partitions have new leaders well within
// a second of the end of a session, and a controller takes over as quickly.
func TestManyPartitionsFailOver(t *testing.T) {
	c := newCluster(t, 3)
	dead := c.other()
	a, b := (dead.id+1)%3, (dead.id+2)%3
	lists := make([][]int32, 1000)
	for p := range lists {
		lists[p] = []int32{dead.id, a, b}
	}
	c.create("t", lists...)
	dead.kill()
	began := time.Now()
	dead.expire()
	c.leads(a, "t", 999)
	t.Log("leaders of 1,000 partitions after", time.Since(began))
	old := c.active()
	old.kill()
	began = time.Now()
	old.expire()
	c.settled()
	last := a
	if old.id == a {
		last = b
	}
	c.leads(last, "t", 999)
	t.Log("office with 1,000 partitions taken over after", time.Since(began))
}
