package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// brokers are registrations of the ids, each at its epoch.
func brokers(epochs map[int32]int64) []image.Broker {
	out := []image.Broker{}
	for id, epoch := range epochs {
		out = append(out, image.Broker{ID: id, Epoch: epoch})
	}
	return out
}

// after is partition t-0 after a step.
func after(im *image.Image, step plan.Step) image.Partition {
	return *im.With(step.Changes).Partition("t", 0)
}

func TestBrokersChanged(t *testing.T) {
	all := image.Partition{Replicas: []int32{0, 1, 2}, ISR: []int32{2, 1, 0}, Leader: 0, LeaderEpoch: 4}
	alone := image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 4}
	for _, c := range []struct {
		name    string
		p       image.Partition
		live    map[int32]int64
		unclean bool
		leader  int32
		epoch   int32
		isr     []int32
		writes  int
		orders  string
	}{
		{name: "a follower dies", p: all, live: map[int32]int64{0: 0, 2: 0}, leader: 0, epoch: 5, isr: []int32{2, 0}, writes: 1,
			orders: "broker 0: lead t-0 epoch 5 isr [2 0] new false\nbroker 2: follow 0 in t-0 epoch 5 isr [2 0] new false\n"},
		{name: "the leader dies: the next in the assignment", p: all, live: map[int32]int64{1: 0, 2: 0}, leader: 1, epoch: 5, isr: []int32{2, 1}, writes: 1,
			orders: "broker 1: lead t-0 epoch 5 isr [2 1] new false\nbroker 2: follow 1 in t-0 epoch 5 isr [2 1] new false\n"},
		{name: "all die: any of them may come back first", p: all, live: nil, leader: -1, epoch: 5, isr: []int32{2, 1, 0}, writes: 1},
		{name: "the only one in sync dies", p: alone, live: map[int32]int64{1: 0, 2: 0}, leader: -1, epoch: 5, isr: []int32{0}, writes: 1,
			orders: "broker 1: follow -1 in t-0 epoch 5 isr [0] new false\n"},
		{name: "the only one in sync dies, and records may be lost", p: alone, unclean: true, live: map[int32]int64{1: 0, 2: 0}, leader: 1, epoch: 5, isr: []int32{1}, writes: 1,
			orders: "broker 1: lead t-0 epoch 5 isr [1] new false\n"},
		{name: "the leader bounces: another leads", p: all, live: map[int32]int64{0: 9, 1: 0, 2: 0}, leader: 1, epoch: 5, isr: []int32{2, 1}, writes: 1,
			orders: "broker 0: follow 1 in t-0 epoch 5 isr [2 1] new false\nbroker 1: lead t-0 epoch 5 isr [2 1] new false\nbroker 2: follow 1 in t-0 epoch 5 isr [2 1] new false\n"},
		{name: "the only one in sync bounces: it leads again, at a new epoch", p: alone, live: map[int32]int64{0: 9, 1: 0, 2: 0}, leader: 0, epoch: 5, isr: []int32{0}, writes: 1,
			orders: "broker 0: lead t-0 epoch 5 isr [0] new false\nbroker 1: follow 0 in t-0 epoch 5 isr [0] new false\n"},
		{name: "one without a replica dies", p: alone, live: map[int32]int64{0: 0, 1: 0}, leader: 0, epoch: 4, isr: []int32{0}},
		{name: "one out of sync dies", p: alone, live: map[int32]int64{0: 0, 2: 0}, leader: 0, epoch: 4, isr: []int32{0}},
		{name: "one out of sync bounces", p: alone, live: map[int32]int64{0: 0, 1: 9, 2: 0}, leader: 0, epoch: 4, isr: []int32{0},
			orders: "broker 1: follow 0 in t-0 epoch 4 isr [0] new false\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := partitionOf(c.p)
			s := settings()
			s.UncleanElection = c.unclean
			step, _ := plan.BrokersChanged(im, brokers(c.live), s)
			p := after(im, step)
			require.Equal(t, c.leader, p.Leader)
			require.Equal(t, c.epoch, p.LeaderEpoch)
			require.Equal(t, c.isr, p.ISR)
			require.Equal(t, c.unclean, p.Recovering)
			require.Len(t, step.Writes, c.writes)
			require.Equal(t, c.orders, ordered(step))
		})
	}
}

func TestCensus(t *testing.T) {
	im := cluster(4)
	live := []image.Broker{{ID: 5}, {ID: 0}, {ID: 1, Epoch: 3}, {ID: 2, Endpoints: []image.Endpoint{{Listener: "L"}}}}
	step, c := plan.BrokersChanged(im, live, settings())
	require.Equal(t, plan.Census{New: []int32{5}, Bounced: []int32{1}, Dead: []int32{3}, Modified: []int32{2}}, c)
	next := im.With(step.Changes)
	require.Len(t, next.Brokers(), 4)
	step, c = plan.BrokersChanged(next, live, settings())
	require.True(t, c.Quiet())
	require.Empty(t, step)
}

// TestBrokerComesBack: what waited for it goes on.
func TestBrokerComesBack(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{7, 1}, ISR: []int32{7}, Leader: -1, LeaderEpoch: 4, PartitionEpoch: 2})
	fresh := &image.Topic{Name: "n", Partitions: []image.Partition{{Replicas: []int32{7, 8}, Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1}}}
	gone := &image.Topic{Name: "g", ID: topic.ID{9}, Partitions: []image.Partition{{Replicas: []int32{7}}, {Replicas: []int32{8}}}}
	im = im.With(image.Changes{
		Topics: map[string]*image.Topic{"n": fresh}, Deleting: map[string]bool{"g": true},
		Deletions: map[string]*image.Deletion{"g": {Topic: gone, Left: [][]int32{{7}, {8}}}},
	})
	step, _ := plan.BrokersChanged(im, append(im.Brokers(), image.Broker{ID: 7, Epoch: 3}), settings())
	require.Equal(t, "broker 7: lead n-0 epoch 0 isr [7] new true\n"+
		"broker 7: lead t-0 epoch 5 isr [7] new false\nbroker 1: follow 7 in t-0 epoch 5 isr [7] new false\n"+
		"broker 7: delete g-0\n", ordered(step))
}

func TestControlledShutdown(t *testing.T) {
	shutting := map[int32]bool{2: true}
	for _, c := range []struct {
		name      string
		p         image.Partition
		leader    int32
		isr       []int32
		remaining bool
		orders    string
	}{
		{name: "leads: another of the in-sync that is not stopping too", p: image.Partition{Replicas: []int32{0, 2, 1}, ISR: []int32{0, 2, 1}, Leader: 0},
			leader: 1, isr: []int32{1},
			orders: "broker 0: follow 1 in t-0 epoch 1 isr [1] new false\nbroker 2: follow 1 in t-0 epoch 1 isr [1] new false\nbroker 1: lead t-0 epoch 1 isr [1] new false\n"},
		{name: "leads, and the other is not in sync", p: image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0}, Leader: 0},
			leader: 0, isr: []int32{0}, remaining: true},
		{name: "leads, and the other is stopping too", p: image.Partition{Replicas: []int32{0, 2}, ISR: []int32{0, 2}, Leader: 0},
			leader: 0, isr: []int32{0, 2}, remaining: true},
		{name: "leads alone", p: image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0}, leader: 0, isr: []int32{0}},
		{name: "follows", p: image.Partition{Replicas: []int32{1, 0}, ISR: []int32{1, 0}, Leader: 1}, leader: 1, isr: []int32{1},
			orders: "broker 1: lead t-0 epoch 1 isr [1] new false\nbroker 0: stop t-0\n"},
		{name: "follows out of sync", p: image.Partition{Replicas: []int32{1, 0}, ISR: []int32{1}, Leader: 1}, leader: 1, isr: []int32{1},
			orders: "broker 0: stop t-0\n"},
		{name: "is the last in sync, without leading", p: image.Partition{Replicas: []int32{1, 0}, ISR: []int32{0}, Leader: -1}, leader: -1, isr: []int32{0},
			orders: "broker 0: stop t-0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := partitionOf(c.p).With(image.Changes{ShuttingDown: shutting})
			step, remaining, err := plan.ControlledShutdown(im, 0, -1, settings())
			require.NoError(t, err)
			p := after(im, step)
			require.Equal(t, c.leader, p.Leader)
			require.Equal(t, c.isr, p.ISR)
			require.Equal(t, c.remaining, len(remaining) == 1)
			require.Equal(t, c.orders, ordered(step))
			require.Equal(t, []int32{0, 2}, im.With(step.Changes).BrokersShuttingDown())
		})
	}
	_, _, err := plan.ControlledShutdown(cluster(1), 1, -1, settings())
	require.ErrorIs(t, err, plan.ErrUnknownBroker)
	im := cluster(1).With(image.Changes{Brokers: []image.Broker{{ID: 0, Epoch: 5}}})
	_, _, err = plan.ControlledShutdown(im, 0, 4, settings())
	require.ErrorIs(t, err, plan.ErrStaleBrokerEpoch)
	_, _, err = plan.ControlledShutdown(im, 0, 5, settings())
	require.NoError(t, err)
}

func TestRebalance(t *testing.T) {
	led := func(leader int32) image.Partition {
		return image.Partition{Replicas: []int32{0, 1}, ISR: []int32{1, 0}, Leader: leader}
	}
	behind, moving := led(1), led(1)
	behind.ISR = []int32{1}
	moving.Adding = []int32{1}
	tp := &image.Topic{Name: "t", ID: topic.ID{1}, Partitions: []image.Partition{led(1), led(0), led(0), led(0), behind, moving}}
	im := cluster(2).With(image.Changes{Topics: map[string]*image.Topic{"t": tp}})
	require.Empty(t, plan.Rebalance(im, 50, settings()), "three of six is no more than half")
	step := plan.Rebalance(im, 49, settings())
	require.Len(t, step.Writes, 1)
	require.EqualValues(t, 0, after(im, step).Leader)
	require.EqualValues(t, 1, im.With(step.Changes).Partition("t", 4).Leader, "the preferred one is behind")
	require.EqualValues(t, 1, im.With(step.Changes).Partition("t", 5).Leader, "being reassigned")
	im = im.With(image.Changes{ShuttingDown: map[int32]bool{0: true}})
	require.Empty(t, plan.Rebalance(im, 0, settings()).Writes, "not to one that is stopping")
}

func TestUncleanEnabled(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{8, 1}, ISR: []int32{8}, Leader: -1, LeaderEpoch: 2})
	require.Empty(t, plan.UncleanEnabled(im, nil, settings()).Writes)
	im.Topic("t").Config["unclean.leader.election.enable"] = "True"
	require.Empty(t, plan.UncleanEnabled(im, []string{"other"}, settings()).Writes)
	p := after(im, plan.UncleanEnabled(im, []string{"t"}, settings()))
	require.EqualValues(t, 1, p.Leader)
	require.True(t, p.Recovering)
}

func TestDisksFailAndComeBack(t *testing.T) {
	ref := []plan.Ref{{Topic: "t"}, {Topic: "t", Partition: 9}, {Topic: "nope"}}
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 3})
	step := plan.ReplicasFailed(im, 0, ref, settings())
	require.Equal(t, "broker 1: lead t-0 epoch 4 isr [1] new false\nbroker 0: stop t-0\n", ordered(step))
	im = im.With(step.Changes)
	require.Equal(t, []int32{0}, im.Partition("t", 0).Offline)
	require.Empty(t, plan.ReplicasFailed(im, 0, ref, settings()), "known already")
	require.Equal(t, "broker 0: follow 1 in t-0 epoch 4 isr [1] new false\n", ordered(plan.Probe(im, 0, settings())))

	step = plan.ReplicasFailed(im, 1, ref, settings())
	im = im.With(step.Changes)
	require.Equal(t, image.NoBroker, im.Partition("t", 0).Leader)
	require.Equal(t, []int32{1}, im.Partition("t", 0).ISR)
	step = plan.ReplicasBack(im, plan.Returned{Broker: 0, Replicas: ref}, settings())
	require.Equal(t, image.NoBroker, after(im, step).Leader, "0 is not in sync")
	im = im.With(step.Changes)
	im = im.With(plan.ReplicasBack(im, plan.Returned{Broker: 1, Replicas: ref}, settings()).Changes)
	require.EqualValues(t, 1, im.Partition("t", 0).Leader)
	require.Empty(t, im.Partition("t", 0).Offline)
}

// TestReplicasAreTriedAgain: only those that are missing, at the epoch that is;
// where the broker may have heard that before, at the next.
func TestReplicasAreTriedAgain(t *testing.T) {
	ref := []plan.Ref{{Topic: "t"}, {Topic: "t", Partition: 9}, {Topic: "nope"}}
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 3})
	require.Empty(t, plan.Retry(im, 0, settings()).Orders, "it has everything")
	im = im.With(plan.ReplicasFailed(im, 0, ref, settings()).Changes)
	step := plan.Retry(im, 0, settings())
	require.Equal(t, "broker 0: follow 1 in t-0 epoch 4 isr [1] new false\n", ordered(step))
	require.Empty(t, step.Writes)
	require.Empty(t, plan.Retry(im, 1, settings()).Orders)
	require.Empty(t, plan.Retry(im, 9, settings()).Orders, "it is away")
	step = plan.ReplicasBack(im, plan.Returned{Broker: 0, Doubtful: ref}, settings())
	require.Equal(t, "broker 0: follow 1 in t-0 epoch 5 isr [1] new false\nbroker 1: lead t-0 epoch 5 isr [1] new false\n", ordered(step))
	require.Empty(t, after(im, step).Offline)
	im = im.With(step.Changes)
	require.Empty(t, plan.ReplicasBack(im, plan.Returned{Broker: 0, Doubtful: ref}, settings()).Orders)
}

// TestDiskIsForgottenWithItsBroker: a broker that comes back may have a new one.
func TestDiskIsForgottenWithItsBroker(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{1, 0}, ISR: []int32{1}, Leader: 1, Offline: []int32{0}})
	step, _ := plan.BrokersChanged(im, brokers(map[int32]int64{0: 9, 1: 0, 2: 0}), settings())
	require.Empty(t, after(im, step).Offline)
	require.Equal(t, "broker 0: follow 1 in t-0 epoch 0 isr [1] new false\n", ordered(step))
}
