package controller_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// TestTopicByHand: what a tool writes that only knows the tree.
func TestTopicByHand(t *testing.T) {
	c := newCluster(t, 2)
	c.write(tree.Create(znode.TopicPath("t"), []byte(`{"version":1,"partitions":{"0":[1,0]}}`), 0))
	c.eventually("created", func() bool { return c.exists(znode.StatePath("t", 0)) })
	c.leads(1, "t", 0)
	n, err := c.tree.Get(znode.TopicPath("t"), nil)
	require.NoError(t, err)
	z, err := znode.DecodeTopic(n.Data)
	require.NoError(t, err)
	require.False(t, z.ID.IsZero(), "it has got an id")

	z.Partitions = append(z.Partitions, []int32{0, 1})
	c.write(tree.Set(znode.TopicPath("t"), znode.EncodeTopic(z), tree.AnyVersion))
	c.eventually("grown", func() bool { return c.exists(znode.StatePath("t", 1)) })
	c.leads(0, "t", 1)

	c.write(tree.Create(znode.DeleteTopicPath("t"), nil, 0))
	c.eventually("deleted", func() bool { return !c.exists(znode.DeleteTopicPath("t")) })
	require.False(t, c.exists(znode.TopicPath("t")))
	for _, b := range c.brokers {
		_, has := b.role("t", 0)
		require.False(t, has)
		require.EqualValues(t, -3, b.leader("t", 0), "nobody knows it any more")
	}
	c.write(tree.Create(znode.DeleteTopicPath("unknown"), nil, 0))
	c.eventually("removed", func() bool { return !c.exists(znode.DeleteTopicPath("unknown")) })
}

// TestTopicVanishes: somebody has removed its nodes.
func TestTopicVanishes(t *testing.T) {
	c := newCluster(t, 1)
	c.create("t", []int32{0})
	nodes, err := tree.Subtree(c.tree, znode.TopicPath("t"))
	require.NoError(t, err)
	var ops []tree.Op
	for _, path := range nodes {
		ops = append(ops, tree.Delete(path, tree.AnyVersion))
	}
	c.write(ops...)
	c.eventually("nobody shows it", func() bool {
		return c.active().ctl.Image().Topic("t") == nil && c.brokers[0].leader("t", 0) == -3
	})
}

// TestReassignByHand: the node gets less as partitions get there, and goes.
func TestReassignByHand(t *testing.T) {
	c := newCluster(t, 3)
	c.create("t", []int32{0, 1}, []int32{0, 1})
	c.write(tree.Create(znode.Reassign, znode.EncodeReassign([]znode.Move{
		{Partition: znode.Partition{Topic: "t"}, Replicas: []int32{1, 0}}, // all in sync
		{Partition: znode.Partition{Topic: "t", Partition: 1}, Replicas: []int32{1, 2}},
		{Partition: znode.Partition{Topic: "nope"}, Replicas: []int32{1}},
	}), 0))
	c.eventually("one is left", func() bool {
		n, err := c.tree.Get(znode.Reassign, nil)
		return err == nil && string(n.Data) == `{"version":1,"partitions":[{"topic":"t","partition":1,"replicas":[1,2]}]}`
	})
	c.eventually("broker 2 has a replica", func() bool {
		r, ok := c.brokers[2].role("t", 1)
		return ok && r.fresh
	})
	list, err := c.active().ctl.ListReassignments(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []controller.Reassigning{{
		Ref: plan.Ref{Topic: "t", Partition: 1}, Replicas: []int32{1, 2, 0}, Adding: []int32{2}, Removing: []int32{0},
	}}, list)
	list, err = c.active().ctl.ListReassignments(t.Context(), []plan.Ref{{Topic: "t"}})
	require.NoError(t, err)
	require.Empty(t, list)

	// A new controller goes on with it; then the new replica is in sync.
	c.active().die()
	var up *broker
	c.eventually("another in office", func() bool { up = c.active(); return up != nil && len(up.ctl.Image().Brokers()) == 2 })
	for _, b := range c.brokers {
		if !c.exists(znode.BrokerPath(b.id)) {
			b.start()
		}
	}
	c.settled()
	c.sync("t", 1, 0, 1, 2)
	c.eventually("done", func() bool { return !c.exists(znode.Reassign) })
	c.leads(1, "t", 1)
	c.eventually("broker 0 has none", func() bool { _, has := c.brokers[0].role("t", 1); return !has })
}

// sync has a partition's leader ask for an in-sync set until it has it, or the
// partition has other replicas.
func (c *cluster) sync(name string, partition int32, isr ...int32) {
	c.t.Helper()
	c.eventually(fmt.Sprint("in sync: ", isr), func() bool {
		s, version := c.state(name, partition)
		active := c.active()
		if active == nil || s.Leader < 0 {
			return false
		}
		if fmt.Sprint(s.ISR) == fmt.Sprint(isr) {
			return true
		}
		a := active.ctl.AlterPartition(c.t.Context(), c.alter(plan.Ref{Topic: name, Partition: partition}, s, version, isr...))
		return a.ErrorCode == 0 && a.Topics[0].Partitions[0].ErrorCode == 0
	})
}

// alter is a leader's request for an in-sync set.
func (c *cluster) alter(at plan.Ref, s znode.State, version int32, isr ...int32) *kmsg.AlterPartitionRequest {
	c.t.Helper()
	q := kmsg.NewPtrAlterPartitionRequest()
	q.Version, q.BrokerID, q.BrokerEpoch = 3, s.Leader, c.brokers[s.Leader].m.Epoch()
	row := kmsg.NewAlterPartitionRequestTopic()
	if tp := c.active().ctl.Image().Topic(at.Topic); tp != nil {
		row.TopicID = tp.ID
	}
	p := kmsg.NewAlterPartitionRequestTopicPartition()
	p.Partition, p.LeaderEpoch, p.PartitionEpoch = at.Partition, s.LeaderEpoch, version
	for _, id := range isr {
		p.NewEpochISR = append(p.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: id, BrokerEpoch: -1})
	}
	row.Partitions = append(row.Partitions, p)
	q.Topics = append(q.Topics, row)
	return q
}

func TestAlterPartition(t *testing.T) {
	c := newCluster(t, 2)
	id := c.create("t", []int32{0, 1})
	ctl := c.active().ctl
	s, version := c.state("t", 0)
	a := ctl.AlterPartition(t.Context(), c.alter(plan.Ref{Topic: "t"}, s, version, 0))
	require.Zero(t, a.ErrorCode)
	require.Equal(t, id, topic.ID(a.Topics[0].TopidID))
	cell := a.Topics[0].Partitions[0]
	require.Zero(t, cell.ErrorCode)
	require.Equal(t, []int32{0}, cell.ISR)
	require.EqualValues(t, 1, cell.PartitionEpoch)
	require.EqualValues(t, 0, cell.LeaderEpoch, "the leader's epoch stays")
	now, v := c.state("t", 0)
	require.Equal(t, []int32{0}, now.ISR)
	require.EqualValues(t, 1, v)

	code := func(q *kmsg.AlterPartitionRequest) int16 {
		t.Helper()
		a := ctl.AlterPartition(t.Context(), q)
		require.Zero(t, a.ErrorCode)
		return a.Topics[0].Partitions[0].ErrorCode
	}
	require.Equal(t, kerr.InvalidUpdateVersion.Code, code(c.alter(plan.Ref{Topic: "t"}, s, version, 0, 1)))
	require.Equal(t, kerr.NotController.Code, code(c.alter(plan.Ref{Topic: "t"}, now, v+1, 0, 1)))
	_, err := ctl.ControlledShutdown(t.Context(), 1, -1)
	require.NoError(t, err)
	require.Equal(t, kerr.IneligibleReplica.Code, code(c.alter(plan.Ref{Topic: "t"}, now, v, 0, 1)))
	q := c.alter(plan.Ref{Topic: "t"}, now, v, 0, 1)
	q.Topics[0].TopicID[15]++
	require.Equal(t, kerr.UnknownTopicID.Code, code(q))
	q = c.alter(plan.Ref{Topic: "t"}, now, v, 0, 1)
	q.BrokerEpoch--
	require.Equal(t, kerr.StaleBrokerEpoch.Code, ctl.AlterPartition(t.Context(), q).ErrorCode)
	require.Equal(t, kerr.NotController.Code, c.other().ctl.AlterPartition(t.Context(), q).ErrorCode)
}

// TestForeignState: a state that somebody else has written is read again, and
// decided anew.
func TestForeignState(t *testing.T) {
	c := newCluster(t, 2)
	c.create("t", []int32{0, 1})
	s, version := c.state("t", 0)
	s.ISR = []int32{1, 0}
	c.write(tree.Set(znode.StatePath("t", 0), znode.EncodeState(s), version))
	a := c.active().ctl.AlterPartition(t.Context(), c.alter(plan.Ref{Topic: "t"}, s, version, 0))
	require.Equal(t, kerr.InvalidUpdateVersion.Code, a.Topics[0].Partitions[0].ErrorCode)
	c.sync("t", 0, 0)

	s, version = c.state("t", 0)
	c.write(tree.Set(znode.StatePath("t", 0), znode.EncodeState(s), version))
	dead := c.other()
	dead.die()
	c.eventually("decided on what is there now", func() bool {
		s, v := c.state("t", 0)
		return v > version+1 || dead.id == 1 && s.Leader == 0
	})
}

func TestPreferredByHand(t *testing.T) {
	c := newCluster(t, 2)
	c.create("t", []int32{0, 1})
	c.away(0, "t")
	c.write(tree.Create(znode.PreferredLeader, znode.EncodePartitions([]znode.Partition{{Topic: "t"}, {Topic: "nope"}}), 0))
	c.leads(0, "t", 0)
	c.eventually("removed", func() bool { return !c.exists(znode.PreferredLeader) })
	c.write(tree.Create(znode.PreferredLeader, []byte(`{`), 0))
	c.eventually("removed, though nobody can read it", func() bool { return !c.exists(znode.PreferredLeader) })
}

// away has broker 1 lead what broker 0 would rather lead, with both in sync.
func (c *cluster) away(preferred int32, name string) {
	c.t.Helper()
	c.brokers[preferred].die()
	c.leads(1-preferred, name, 0)
	c.brokers[preferred].start()
	c.settled()
	c.sync(name, 0, 0, 1)
}

func TestElectLeaders(t *testing.T) {
	c := newCluster(t, 2)
	c.create("t", []int32{0, 1})
	c.away(0, "t")
	results, err := c.active().ctl.ElectLeaders(t.Context(), plan.Preferred, nil)
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.NoError(t, results[0].Err)
	for _, b := range c.brokers {
		require.EqualValues(t, 0, b.leader("t", 0), "when the call returns all know")
	}
}

// TestDiskFails: a broker that cannot take its replica up loses it, and has it
// back when it says so again.
func TestDiskFails(t *testing.T) {
	c := newCluster(t, 2)
	c.create("t", []int32{0, 1})
	ref := plan.Ref{Topic: "t"}
	c.brokers[0].breaks(kerr.KafkaStorageError.Code, ref)
	event := znode.LogDirEvents + "/log_dir_event_"
	c.write(tree.Create(event, znode.EncodeLogDirEvent(znode.LogDirEvent{Broker: 0}), tree.Sequential))
	c.leads(1, "t", 0)
	s, _ := c.state("t", 0)
	require.Equal(t, []int32{1}, s.ISR)
	c.eventually("the notification is gone", func() bool { return !c.exists(event + "0000000000") })
	require.Equal(t, []int32{0}, c.active().ctl.Image().Partition("t", 0).Offline)

	c.brokers[0].breaks(0)
	c.write(tree.Create(event, znode.EncodeLogDirEvent(znode.LogDirEvent{Broker: 0}), tree.Sequential))
	c.eventually("back", func() bool { return len(c.active().ctl.Image().Partition("t", 0).Offline) == 0 })
}

// TestReplicaThatCouldNotBeHad: what keeps a broker from its replica may pass
// without its telling: it is asked again, and nobody else has to be told.
func TestReplicaThatCouldNotBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		follower := c.brokers[1]
		for _, code := range []int16{kerr.UnknownServerError.Code, kerr.RequestTimedOut.Code, kerr.InconsistentTopicID.Code} {
			name := fmt.Sprintf("t%d", code)
			ref := plan.Ref{Topic: name}
			follower.breaks(code, ref)
			c.create(name, []int32{1, 0})
			c.leads(0, name, 0)
			require.Equal(t, []int32{1}, c.active().ctl.Image().Partition(name, 0).Offline)
			follower.breaks(code)
			c.eventually("it has the replica", func() bool {
				r, ok := follower.role(name, 0)
				return ok && r.leader == 0 && len(c.active().ctl.Image().Partition(name, 0).Offline) == 0
			})
			s, _ := c.state(name, 0)
			require.EqualValues(t, 1, s.LeaderEpoch)
		}

		// The answer to the order that was obeyed is lost; the next one says that it
		// was heard before.
		ref := plan.Ref{Topic: "u"}
		follower.breaks(kerr.UnknownServerError.Code, ref)
		c.create("u", []int32{1, 0})
		c.leads(0, "u", 0)
		follower.breaks(kerr.StaleControllerEpoch.Code, ref)
		c.eventually("the epoch has risen", func() bool { s, _ := c.state("u", 0); return s.LeaderEpoch == 2 })
		follower.breaks(0)
		c.eventually("it counts as there", func() bool { return len(c.active().ctl.Image().Partition("u", 0).Offline) == 0 })
	})
}

// breaks has a broker answer orders about replicas with an error, and no others.
func (b *broker) breaks(code int16, refs ...plan.Ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.code, b.broken = code, map[plan.Ref]bool{}
	for _, ref := range refs {
		b.broken[ref] = true
	}
}

// TestISRChange: a leader of an old version writes its in-sync set by itself.
func TestISRChange(t *testing.T) {
	c := newCluster(t, 2)
	c.create("t", []int32{0, 1})
	s, version := c.state("t", 0)
	s.ISR = []int32{0}
	c.write(
		tree.Set(znode.StatePath("t", 0), znode.EncodeState(s), version),
		tree.Create(znode.IsrChangePrefix, znode.EncodePartitions([]znode.Partition{{Topic: "t"}}), tree.Sequential),
	)
	c.eventually("taken over", func() bool {
		p := c.active().ctl.Image().Partition("t", 0)
		return p.PartitionEpoch == 1 && len(p.ISR) == 1 && !c.exists(znode.IsrChangePrefix+"0000000000")
	})
}

// TestUncleanElection: only once it is allowed.
func TestUncleanElection(t *testing.T) {
	c := newCluster(t, 3)
	dead := c.other()
	rest := (dead.id + 1) % 3
	c.create("t", []int32{dead.id, rest})
	c.sync("t", 0, dead.id)
	dead.die()
	c.leads(-1, "t", 0)
	e := image.Entity{Type: image.TopicEntity, Name: "t"}
	c.active().ctl.ConfigChanged(e, map[string]string{"unclean.leader.election.enable": "false"})
	c.active().ctl.ConfigChanged(e, map[string]string{"unclean.leader.election.enable": "true"})
	c.leads(rest, "t", 0)
	s, _ := c.state("t", 0)
	require.Equal(t, []int32{rest}, s.ISR)
	require.True(t, s.Recovering)
}

// TestDeletion: it is not over before every replica is gone; a broker that is
// away does not hold up the caller.
func TestDeletion(t *testing.T) {
	c := newCluster(t, 2)
	c.create("stays", []int32{0, 1})
	b := c.other()
	b.mu.Lock()
	b.undying = map[string]bool{"stays": true}
	b.mu.Unlock()
	drop := func(name string) error {
		t.Helper()
		results, err := c.active().ctl.DeleteTopics(t.Context(), []plan.TopicRef{{Name: name}})
		require.NoError(t, err)
		return results[0].Err
	}
	require.ErrorIs(t, drop("stays"), controller.ErrPending)
	require.True(t, c.exists(znode.TopicPath("stays")))
	require.EqualValues(t, -3, b.leader("stays", 0))

	c.create("t", []int32{0, 1})
	require.NoError(t, drop("t"))
	require.False(t, c.exists(znode.TopicPath("t")))
	require.False(t, c.exists(znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: "t"})))
	c.create("t", []int32{0, 1})
	b.die()
	c.eventually("noticed", func() bool { return len(c.active().ctl.Image().Brokers()) == 1 })
	require.NoError(t, drop("t"), "for all who are there it is gone")
	require.True(t, c.exists(znode.DeleteTopicPath("t")))
	b.undying = nil
	b.start()
	c.eventually("both are gone when it is back", func() bool {
		return !c.exists(znode.DeleteTopicPath("t")) && !c.exists(znode.DeleteTopicPath("stays"))
	})
}
