package plan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// partitionOf is a picture of brokers 0 to 2 with one partition t-0.
func partitionOf(p image.Partition) *image.Image {
	t := &image.Topic{Name: "t", ID: topic.ID{1}, Partitions: []image.Partition{p}, Config: map[string]string{}}
	return cluster(3).With(image.Changes{Topics: map[string]*image.Topic{"t": t}})
}

func TestElectLeaders(t *testing.T) {
	for _, c := range []struct {
		name   string
		p      image.Partition
		how    plan.Election
		err    error
		writes string
	}{
		{"preferred leads", image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0}, plan.Preferred, plan.ErrElectionNotNeeded, ""},
		{"preferred takes over", image.Partition{Replicas: []int32{0, 1}, ISR: []int32{1, 0}, Leader: 1, LeaderEpoch: 4, PartitionEpoch: 9}, plan.Preferred, nil,
			`= /brokers/topics/t/partitions/0/state v9 {"controller_epoch":7,"leader":0,"version":1,"leader_epoch":5,"isr":[1,0]}` + "\n"},
		{"preferred is behind", image.Partition{Replicas: []int32{0, 1}, ISR: []int32{1}, Leader: 1}, plan.Preferred, plan.ErrPreferredUnavailable, ""},
		{"preferred is away", image.Partition{Replicas: []int32{8, 1}, ISR: []int32{8, 1}, Leader: 1}, plan.Preferred, plan.ErrPreferredUnavailable, ""},
		{"preferred's disk failed", image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 1, Offline: []int32{0}}, plan.Preferred, plan.ErrPreferredUnavailable, ""},
		{"there is a leader", image.Partition{Replicas: []int32{0, 1}, ISR: []int32{1}, Leader: 1}, plan.Unclean, plan.ErrElectionNotNeeded, ""},
		{"none in sync lives", image.Partition{Replicas: []int32{8, 1}, ISR: []int32{8}, Leader: -1, LeaderEpoch: 2}, plan.Unclean, nil,
			`= /brokers/topics/t/partitions/0/state v0 {"controller_epoch":7,"leader":1,"version":1,"leader_epoch":3,"isr":[1],"leader_recovery_state":1}` + "\n"},
		{"one in sync lives", image.Partition{Replicas: []int32{2, 1}, ISR: []int32{8, 1}, Leader: 8, LeaderEpoch: 2}, plan.Unclean, nil,
			`= /brokers/topics/t/partitions/0/state v0 {"controller_epoch":7,"leader":1,"version":1,"leader_epoch":3,"isr":[1]}` + "\n"},
		{"none lives", image.Partition{Replicas: []int32{8, 9}, ISR: []int32{8}, Leader: -1}, plan.Unclean, plan.ErrNoEligibleLeader, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			step, results := plan.ElectLeaders(partitionOf(c.p), c.how, []plan.Ref{{Topic: "t"}}, settings())
			require.ErrorIs(t, results[0].Err, c.err)
			require.Equal(t, c.writes, written(step))
		})
	}
	im := partitionOf(image.Partition{Replicas: []int32{0}, ISR: []int32{0}}).With(image.Changes{Deleting: map[string]bool{"going": true}})
	_, results := plan.ElectLeaders(im, plan.Preferred, []plan.Ref{{Topic: "t", Partition: 1}, {Topic: "nope"}, {Topic: "going"}}, settings())
	require.ErrorIs(t, results[0].Err, plan.ErrUnknownTopic)
	require.EqualError(t, results[1].Err, "The partition does not exist.")
	require.ErrorIs(t, results[2].Err, plan.ErrInvalidTopic)
	_, results = plan.ElectLeaders(im, plan.Preferred, nil, settings())
	require.Empty(t, results, "all partitions, less those that need none")
}

func TestReplicasFailed(t *testing.T) {
	// With another replica in sync, it takes over.
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 3})
	step := plan.ReplicasFailed(im, 0, []plan.Ref{{Topic: "t"}}, settings())
	p := im.With(step.Changes).Partition("t", 0)
	require.Equal(t, int32(1), p.Leader)
	require.Equal(t, []int32{1}, p.ISR)
	require.Equal(t, []int32{0}, p.Offline)
	// Alone, the partition has no leader, and its last replica in sync stays so.
	im = partitionOf(image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 3})
	step = plan.ReplicasFailed(im, 0, []plan.Ref{{Topic: "t"}}, settings())
	p = im.With(step.Changes).Partition("t", 0)
	require.Equal(t, image.NoBroker, p.Leader)
	require.Equal(t, []int32{0}, p.ISR)
	require.EqualValues(t, 4, p.LeaderEpoch)
	require.Equal(t, "broker 0: stop t-0\n", ordered(step))
	require.Empty(t, im.Partition("t", 0).Offline, "the old picture is as it was")
}

func TestReassign(t *testing.T) {
	p := image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0}
	moving := image.Partition{Replicas: []int32{2, 1, 0}, Adding: []int32{2}, Removing: []int32{0}, ISR: []int32{0, 1}, Leader: 0}
	for _, c := range []struct {
		name    string
		p       image.Partition
		to      []int32
		err     error
		message string
		after   image.Partition
	}{
		{name: "same", p: p, to: []int32{0, 1}, after: p},
		{name: "other order", p: p, to: []int32{1, 0},
			after: image.Partition{Replicas: []int32{1, 0}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 1, PartitionEpoch: 1, ControllerEpoch: 7}},
		{name: "fewer", p: p, to: []int32{1},
			after: image.Partition{Replicas: []int32{1}, ISR: []int32{1}, Leader: 1, LeaderEpoch: 1, PartitionEpoch: 1, ControllerEpoch: 7}},
		{name: "a new one", p: p, to: []int32{2, 1},
			after: image.Partition{Replicas: []int32{2, 1, 0}, Adding: []int32{2}, Removing: []int32{0}, ISR: []int32{0, 1}, LeaderEpoch: 1, PartitionEpoch: 1, ControllerEpoch: 7, Origin: []int32{0, 1}}},
		{name: "cancel", p: moving, to: nil,
			after: image.Partition{Replicas: []int32{1, 0}, ISR: []int32{0, 1}, LeaderEpoch: 1, PartitionEpoch: 1, ControllerEpoch: 7}},
		{name: "cancel nothing", p: p, to: nil, err: plan.ErrNoReassignment, message: "No partition reassignment is in progress."},
		{name: "empty", p: p, to: []int32{}, err: plan.ErrInvalidAssignment, message: "Empty replica list specified in partition reassignment."},
		{name: "twice", p: p, to: []int32{0, 0}, err: plan.ErrInvalidAssignment, message: "Duplicate replica ids in partition reassignment replica list: 0, 0"},
		{name: "negative", p: p, to: []int32{-3}, err: plan.ErrInvalidAssignment, message: "Invalid broker id in replica list: -3"},
		{name: "unknown", p: p, to: []int32{9}, err: plan.ErrInvalidAssignment,
			message: "Replica assignment has brokers that are not alive. Replica list: 9, live broker list: 0, 1, 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := partitionOf(c.p)
			step, results := plan.Reassign(im, []plan.Reassignment{{Ref: plan.Ref{Topic: "t"}, Replicas: c.to}}, settings())
			require.ErrorIs(t, results[0].Err, c.err)
			if c.err != nil {
				require.EqualError(t, results[0].Err, c.message)
				require.Empty(t, step.Writes)
				return
			}
			require.Equal(t, c.after, *im.With(step.Changes).Partition("t", 0))
		})
	}
	_, results := plan.Reassign(partitionOf(p), []plan.Reassignment{{Ref: plan.Ref{Topic: "nope"}, Replicas: []int32{0}}}, settings())
	require.EqualError(t, results[0].Err, "The partition does not exist.")
}

func TestRecover(t *testing.T) {
	for _, c := range []struct {
		name   string
		p      image.Partition
		ends   map[plan.Ref]int32
		orders string
		leader int32
		epoch  int32
		writes bool
	}{
		{name: "leader lives: its epoch stays", p: image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 5},
			ends: map[plan.Ref]int32{{Topic: "t"}: 5}, orders: "broker 0: lead t-0 epoch 5 isr [0] new false\n", leader: 0, epoch: 5},
		{name: "log is ahead of the tree", p: image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 5},
			ends: map[plan.Ref]int32{{Topic: "t"}: 8}, orders: "broker 0: lead t-0 epoch 9 isr [0] new false\n", leader: 0, epoch: 9, writes: true},
		{name: "never led", p: image.Partition{Replicas: []int32{0}, Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1},
			orders: "broker 0: lead t-0 epoch 0 isr [0] new true\n", leader: 0, epoch: 0, writes: true},
		{name: "never led, but there is a log", p: image.Partition{Replicas: []int32{0}, Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1},
			ends: map[plan.Ref]int32{{Topic: "t"}: 2}, orders: "broker 0: lead t-0 epoch 3 isr [0] new false\n", leader: 0, epoch: 3, writes: true},
		{name: "leader is away", p: image.Partition{Replicas: []int32{8, 1}, ISR: []int32{8, 1}, Leader: 8, LeaderEpoch: 5},
			orders: "broker 1: lead t-0 epoch 6 isr [1] new false\n", leader: 1, epoch: 6, writes: true},
		{name: "leader is away and nobody in sync", p: image.Partition{Replicas: []int32{8, 1}, ISR: []int32{8}, Leader: 8, LeaderEpoch: 5},
			orders: "broker 1: follow -1 in t-0 epoch 6 isr [8] new false\n", leader: -1, epoch: 6, writes: true},
		{name: "had none and gets none", p: image.Partition{Replicas: []int32{8}, ISR: []int32{8}, Leader: -1, LeaderEpoch: 5}, leader: -1, epoch: 5},
		{name: "had none and gets one", p: image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: -1, LeaderEpoch: 5},
			orders: "broker 0: lead t-0 epoch 6 isr [0] new false\n", leader: 0, epoch: 6, writes: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := partitionOf(c.p)
			step := plan.Recover(im, plan.Read{Ends: c.ends}, settings())
			require.Equal(t, c.orders, ordered(step))
			require.Equal(t, c.writes, len(step.Writes) > 0)
			p := im.With(step.Changes).Partition("t", 0)
			require.Equal(t, c.leader, p.Leader)
			require.Equal(t, c.epoch, p.LeaderEpoch)
		})
	}
}

func TestRecoverUncleanWhereAllowed(t *testing.T) {
	p := image.Partition{Replicas: []int32{8, 1}, ISR: []int32{8}, Leader: 8, LeaderEpoch: 5}
	s := settings()
	s.UncleanElection = true
	step := plan.Recover(partitionOf(p), plan.Read{}, s)
	require.Equal(t, "broker 1: lead t-0 epoch 6 isr [1] new false\n", ordered(step))
	im := partitionOf(p)
	im.Topic("t").Config["unclean.leader.election.enable"] = "false"
	require.Equal(t, "broker 1: follow -1 in t-0 epoch 6 isr [8] new false\n", ordered(plan.Recover(im, plan.Read{}, s)), "the topic's word counts")
}

// TestRecoverWhoIsBack: who is in sync and has registered since that was written may have
// lost what it had not on disk; others are asked to lead, if there are any.
func TestRecoverWhoIsBack(t *testing.T) {
	brokers := []image.Broker{{ID: 0, Epoch: 10}, {ID: 1, Epoch: 20}, {ID: 2, Epoch: 10}}
	ref := plan.Ref{Topic: "t"}
	for _, c := range []struct {
		name    string
		leader  int32
		isr     []int32
		written map[plan.Ref]int64
		want    string
	}{
		{"the leader", 1, []int32{1, 2, 0}, map[plan.Ref]int64{ref: 15}, "2 [2 0] 6"},
		{"a follower", 0, []int32{0, 1}, map[plan.Ref]int64{ref: 15}, "0 [0] 6"},
		{"nobody", 1, []int32{1, 2, 0}, map[plan.Ref]int64{ref: 25}, "1 [1 2 0] 5"},
		{"all", 1, []int32{1, 2, 0}, map[plan.Ref]int64{ref: 5}, "1 [1 2 0] 6"},
		{"the only one", 1, []int32{1}, map[plan.Ref]int64{ref: 15}, "1 [1] 6"},
		{"one, and the others are gone", 1, []int32{1, 8}, map[plan.Ref]int64{ref: 15}, "1 [1] 6"},
		{"nobody knows", 1, []int32{1, 2, 0}, nil, "1 [1 2 0] 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := partitionOf(image.Partition{
				Replicas: []int32{1, 2, 0, 8}, ISR: c.isr, Leader: c.leader, LeaderEpoch: 5, PartitionEpoch: 3,
			}).With(image.Changes{Brokers: brokers})
			step := plan.Recover(im, plan.Read{Written: c.written}, settings())
			p := after(im, step)
			require.Equal(t, c.want, fmt.Sprint(p.Leader, p.ISR, p.LeaderEpoch))
			require.Contains(t, ordered(step), "broker 1: ", "it is told in any case")
		})
	}
}

func TestRecoverOldAndMarkedTopics(t *testing.T) {
	im := cluster(1).With(image.Changes{
		Topics: map[string]*image.Topic{
			"old":   {Name: "old", Partitions: []image.Partition{{Replicas: []int32{0}, ISR: []int32{0}}}},
			"going": {Name: "going", ID: topic.ID{3}, Partitions: []image.Partition{{Replicas: []int32{0}, ISR: []int32{0}}}},
		},
		Deleting: map[string]bool{"going": true},
	})
	step := plan.Recover(im, plan.Read{}, settings())
	require.Equal(t, "broker 0: lead old-0 epoch 0 isr [0] new false\nbroker 0: delete going-0\n", ordered(step))
	next := im.With(step.Changes)
	require.False(t, next.Topic("old").ID.IsZero(), "topics from before ids get one")
	require.Nil(t, next.Topic("going"))
	require.True(t, next.Deleting("going"))
}

func TestAdopt(t *testing.T) {
	id := topic.ID{0x77, 1}
	at := func(name string, p int32) plan.Ref { return plan.Ref{Topic: name, Partition: p} }
	step, left := plan.Adopt(cluster(1), 0, []plan.Existing{
		{Ref: at("t", 2), TopicID: id, LatestEpoch: 4},
		{Ref: at("t", 0), TopicID: id, LatestEpoch: -1},
		{Ref: at("mixed", 0), TopicID: topic.ID{5}},
		{Ref: at("mixed", 1), TopicID: topic.ID{6}},
		{Ref: at("old", 0), LatestEpoch: 0},
		{Ref: at("keyed", 0), TopicID: topic.ID{7}, Compacted: true},
		{Ref: at(topic.ConsumerOffsets, 1), TopicID: topic.ID{8}, LatestEpoch: 1},
		{Ref: at("bad name", 0)},
		{Ref: at(topic.ClusterMetadata, 0)},
	}, settings())
	im := cluster(1).With(step.Changes)
	require.Equal(t, id, im.Topic("t").ID)
	require.Len(t, im.Topic("t").Partitions, 3, "a number in between begins empty")
	require.Equal(t, "broker 0: lead __consumer_offsets-0 epoch 0 isr [0] new true\n"+
		"broker 0: lead __consumer_offsets-1 epoch 2 isr [0] new false\n"+
		"broker 0: lead keyed-0 epoch 1 isr [0] new false\n"+
		"broker 0: lead mixed-0 epoch 1 isr [0] new false\n"+
		"broker 0: lead mixed-1 epoch 0 isr [0] new true\n"+
		"broker 0: lead old-0 epoch 1 isr [0] new false\n"+
		"broker 0: lead t-0 epoch 0 isr [0] new false\n"+
		"broker 0: lead t-1 epoch 0 isr [0] new true\n"+
		"broker 0: lead t-2 epoch 5 isr [0] new false\n", ordered(step))
	require.False(t, im.Topic("old").ID.IsZero())
	require.Equal(t, map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}, im.Topic("t").Config, "nothing is deleted by a guess")
	require.Equal(t, "compact", im.Topic("keyed").Config["cleanup.policy"])
	require.Equal(t, "compact", im.Topic(topic.ConsumerOffsets).Config["cleanup.policy"])
	require.True(t, im.Topic(topic.ConsumerOffsets).Internal)
	var names []string
	for _, e := range left {
		names = append(names, e.Topic)
	}
	require.ElementsMatch(t, []string{"mixed", "bad name", topic.ClusterMetadata}, names)
}
