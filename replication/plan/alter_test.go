package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

func TestAlterPartition(t *testing.T) {
	now := image.Partition{Replicas: []int32{0, 1, 2}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 5, PartitionEpoch: 9}
	anew := image.Partition{Replicas: []int32{0, 4}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 5, PartitionEpoch: 9}
	recovering := now
	recovering.ISR, recovering.Recovering = []int32{0}, true
	good := func(change func(*plan.Alteration)) plan.Alteration {
		a := plan.Alteration{Ref: plan.Ref{Topic: "t"}, TopicID: topic.ID{1}, LeaderEpoch: 5, PartitionEpoch: 9, ISR: []int32{0, 1, 2}}
		change(&a)
		return a
	}
	for _, c := range []struct {
		name   string
		p      image.Partition
		change func(*plan.Alteration)
		err    error
		writes int
	}{
		{name: "grows", change: func(*plan.Alteration) {}, writes: 1},
		{name: "shrinks", change: func(a *plan.Alteration) { a.ISR = []int32{0} }, writes: 1},
		{name: "by name", change: func(a *plan.Alteration) { a.TopicID = topic.ID{} }, writes: 1},
		{name: "unknown id", change: func(a *plan.Alteration) { a.TopicID = topic.ID{2} }, err: plan.ErrUnknownTopicID},
		{name: "unknown name", change: func(a *plan.Alteration) { a.TopicID, a.Topic = topic.ID{}, "u" }, err: plan.ErrUnknownTopic},
		{name: "unknown partition", change: func(a *plan.Alteration) { a.Partition = 1 }, err: plan.ErrUnknownTopic},
		{name: "later partition epoch, before all else", change: func(a *plan.Alteration) { a.PartitionEpoch, a.LeaderEpoch = 10, 4 }, err: plan.ErrNotController},
		{name: "later leader epoch", change: func(a *plan.Alteration) { a.LeaderEpoch = 6 }, err: plan.ErrNotController},
		{name: "earlier leader epoch, before the partition epoch", change: func(a *plan.Alteration) { a.LeaderEpoch, a.PartitionEpoch = 4, 1 }, err: plan.ErrFencedLeaderEpoch},
		{name: "asked again", change: func(a *plan.Alteration) { a.ISR, a.PartitionEpoch = []int32{0, 1}, 8 }},
		{name: "earlier partition epoch, before what is asked", change: func(a *plan.Alteration) { a.PartitionEpoch, a.Recovering = 8, true }, err: plan.ErrInvalidUpdateVersion},
		{name: "recovering again, before who is alive", change: func(a *plan.Alteration) { a.Recovering, a.ISR = true, []int32{0} }, err: plan.ErrInvalidRequest},
		{name: "recovering and not alone", p: recovering, change: func(a *plan.Alteration) { a.Recovering = true }, err: plan.ErrInvalidRequest},
		{name: "has recovered", p: recovering, change: func(a *plan.Alteration) { a.ISR = []int32{0} }, writes: 1},
		{name: "nobody", change: func(a *plan.Alteration) { a.ISR = nil }, err: plan.ErrInvalidRequest},
		{name: "without the leader", change: func(a *plan.Alteration) { a.ISR = []int32{1} }, err: plan.ErrInvalidRequest},
		{name: "twice the same", change: func(a *plan.Alteration) { a.ISR = []int32{0, 1, 1} }, err: plan.ErrInvalidRequest},
		{name: "not a replica", change: func(a *plan.Alteration) { a.ISR = []int32{0, 7} }, err: plan.ErrInvalidRequest},
		{name: "one that is stopping", p: image.Partition{Replicas: []int32{0, 3}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 5, PartitionEpoch: 9},
			change: func(a *plan.Alteration) { a.ISR = []int32{0, 3} }, err: plan.ErrIneligibleReplica},
		{name: "one that is away", p: image.Partition{Replicas: []int32{0, 8}, ISR: []int32{0}, Leader: 0, LeaderEpoch: 5, PartitionEpoch: 9},
			change: func(a *plan.Alteration) { a.ISR = []int32{0, 8} }, err: plan.ErrIneligibleReplica},
		{name: "epochs that the leader does not know", change: func(a *plan.Alteration) { a.Epochs = []int64{-1, -1, -1} }, writes: 1},
		{name: "one that has registered anew", p: anew, change: func(a *plan.Alteration) { a.ISR, a.Epochs = []int32{0, 4}, []int64{-1, 60} }, err: plan.ErrIneligibleReplica},
		{name: "one that the leader knows", p: anew, change: func(a *plan.Alteration) { a.ISR, a.Epochs = []int32{0, 4}, []int64{-1, 61} }, writes: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.p.Replicas == nil {
				c.p = now
			}
			im := partitionOf(c.p).With(image.Changes{ShuttingDown: map[int32]bool{3: true}})
			im = im.With(image.Changes{Brokers: append(slices.Clone(im.Brokers()), image.Broker{ID: 4, Epoch: 61})})
			a := good(c.change)
			step, results, err := plan.AlterPartition(im, plan.Asker{Broker: 0, Epoch: 0}, []plan.Alteration{a}, settings())
			require.NoError(t, err)
			require.ErrorIs(t, results[0].Err, c.err)
			require.Len(t, step.Writes, c.writes)
			require.Empty(t, step.Orders, "the leader learns of it by the answer")
			if c.err == nil {
				require.Equal(t, after(im, step), results[0].State)
				require.Equal(t, a.ISR, results[0].State.ISR)
				require.EqualValues(t, 5, results[0].State.LeaderEpoch)
				require.EqualValues(t, 9+c.writes, results[0].State.PartitionEpoch)
			}
		})
	}
}

func TestWhoMayAlter(t *testing.T) {
	now := image.Partition{Replicas: []int32{0, 1, 2}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 5, PartitionEpoch: 9}
	_, _, err := plan.AlterPartition(partitionOf(now), plan.Asker{Broker: 0, Epoch: 3}, nil, settings())
	require.ErrorIs(t, err, plan.ErrStaleBrokerEpoch)
	_, _, err = plan.AlterPartition(partitionOf(now), plan.Asker{Broker: 8, Epoch: 0}, nil, settings())
	require.ErrorIs(t, err, plan.ErrStaleBrokerEpoch)
	_, results, err := plan.AlterPartition(partitionOf(now), plan.Asker{Broker: 1, Epoch: 0}, []plan.Alteration{{
		Ref: plan.Ref{Topic: "t"}, TopicID: topic.ID{1}, LeaderEpoch: 5, PartitionEpoch: 9, ISR: []int32{0, 1, 2},
	}}, settings())
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, plan.ErrInvalidRequest, "broker 1 does not lead")
}

// TestAlterationCompletesReassignment: the leader gets its answer, and then
// hears that it leads no more.
func TestAlterationCompletesReassignment(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{2, 1, 0}, Adding: []int32{2}, Removing: []int32{0}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 1, PartitionEpoch: 1})
	step, results, err := plan.AlterPartition(im, plan.Asker{Broker: 0, Epoch: 0}, []plan.Alteration{{
		Ref: plan.Ref{Topic: "t"}, LeaderEpoch: 1, PartitionEpoch: 1, ISR: []int32{0, 1, 2},
	}}, settings())
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1, 2}, results[0].State.ISR)
	require.EqualValues(t, 1, results[0].State.LeaderEpoch)
	id := topic.ID{1}.String()
	require.Equal(t, `= /brokers/topics/t/partitions/0/state v1 {"controller_epoch":7,"leader":0,"version":1,"leader_epoch":1,"isr":[0,1,2]}
= /brokers/topics/t/partitions/0/state v2 {"controller_epoch":7,"leader":2,"version":1,"leader_epoch":2,"isr":[1,2]}
`, written(step))
	require.Equal(t, `= /brokers/topics/t v-1 {"partitions":{"0":[2,1]},"topic_id":"`+id+`","adding_replicas":{},"removing_replicas":{},"version":3}
`, written(plan.Step{Writes: step.Last}), "when broker 0 is on its way to be told")
	require.Equal(t, "broker 2: lead t-0 epoch 2 isr [1 2] new false\nbroker 1: follow 2 in t-0 epoch 2 isr [1 2] new false\nbroker 0: delete t-0\n", ordered(step))
}

// move asks for other replicas of t-0.
func move(t *testing.T, im *image.Image, to []int32) (plan.Step, *image.Image) {
	t.Helper()
	step, results := plan.Reassign(im, []plan.Reassignment{{Ref: plan.Ref{Topic: "t"}, Replicas: to}}, settings())
	require.NoError(t, results[0].Err)
	return step, im.With(step.Changes)
}

// TestCancelRestoresOrder: the preferred leader is the one it was, also for a
// controller that has only read the tree.
func TestCancelRestoresOrder(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{2, 1}, ISR: []int32{1, 2}, Leader: 2})
	step, moving := move(t, im, []int32{0, 1})
	require.Contains(t, written(step), `{"partitions":{"0":[0,1,2]}`)
	require.Contains(t, written(step), `"original_replicas":{"0":[2,1]}`)
	require.Equal(t, "broker 0: follow 2 in t-0 epoch 1 isr [1 2] new true\nbroker 1: follow 2 in t-0 epoch 1 isr [1 2] new false\n"+
		"broker 2: lead t-0 epoch 1 isr [1 2] new false\n", ordered(step))
	step, back := move(t, moving, nil)
	p := back.Partition("t", 0)
	require.Equal(t, []int32{2, 1}, p.Replicas)
	require.False(t, p.Reassigning())
	require.Nil(t, p.Origin)
	require.EqualValues(t, 2, p.Leader)
	require.Equal(t, "broker 2: lead t-0 epoch 2 isr [1 2] new false\nbroker 1: follow 2 in t-0 epoch 2 isr [1 2] new false\nbroker 0: delete t-0\n", ordered(step))
}

func TestReassignAnew(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0})
	_, im = move(t, im, []int32{2, 1})
	step, next := move(t, im, []int32{1, 0})
	require.Equal(t, []int32{1, 0}, next.Partition("t", 0).Replicas, "no more than a new order")
	require.Contains(t, ordered(step), "broker 2: delete t-0\n")
	require.Len(t, step.Writes, 2)

	// The new replica has come to lead, alone in sync: what would leave it out
	// would lose records.
	t2 := *im.Topic("t")
	t2.Partitions = []image.Partition{*im.Partition("t", 0)}
	t2.Partitions[0].Leader, t2.Partitions[0].ISR = 2, []int32{2}
	im = im.With(image.Changes{Topics: map[string]*image.Topic{"t": &t2}})
	for _, to := range [][]int32{nil, {0, 1}} {
		step, results := plan.Reassign(im, []plan.Reassignment{{Ref: plan.Ref{Topic: "t"}, Replicas: to}}, settings())
		require.ErrorIs(t, results[0].Err, plan.ErrInvalidAssignment)
		require.Empty(t, step)
	}
}

// TestToldBeforeForgotten: until the replicas that have to go are told, the topic's
// node has them among those to be removed, whatever took them from the partition.
func TestToldBeforeForgotten(t *testing.T) {
	moving := image.Partition{Replicas: []int32{2, 0, 1}, Adding: []int32{2}, Removing: []int32{1}, ISR: []int32{0, 1}, Leader: 0}
	for _, c := range []struct {
		name        string
		p           image.Partition
		to          []int32
		until, then string
	}{
		{"fewer", image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0}, []int32{1},
			`{"partitions":{"0":[1,0]},"topic_id":"ID","adding_replicas":{},"removing_replicas":{"0":[0]},"original_replicas":{"0":[0,1]},"version":3}`,
			`{"partitions":{"0":[1]},"topic_id":"ID","adding_replicas":{},"removing_replicas":{},"version":3}`},
		{"cancel", moving, nil,
			`{"partitions":{"0":[0,1,2]},"topic_id":"ID","adding_replicas":{},"removing_replicas":{"0":[2]},"original_replicas":{"0":[0,1]},"version":3}`,
			`{"partitions":{"0":[0,1]},"topic_id":"ID","adding_replicas":{},"removing_replicas":{},"version":3}`},
		{"replace", moving, []int32{0, 3},
			`{"partitions":{"0":[0,3,1,2]},"topic_id":"ID","adding_replicas":{"0":[3]},"removing_replicas":{"0":[1,2]},"original_replicas":{"0":[0,1]},"version":3}`,
			`{"partitions":{"0":[0,3,1]},"topic_id":"ID","adding_replicas":{"0":[3]},"removing_replicas":{"0":[1]},"version":3}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := partitionOf(c.p).With(image.Changes{Brokers: brokers(map[int32]int64{0: 0, 1: 0, 2: 0, 3: 0})})
			step, after := move(t, im, c.to)
			id := topic.ID{1}.String()
			require.Contains(t, written(step), "= /brokers/topics/t v-1 "+strings.ReplaceAll(c.until, "ID", id))
			require.Equal(t, "= /brokers/topics/t v-1 "+strings.ReplaceAll(c.then, "ID", id)+"\n", written(plan.Step{Writes: step.Last}))
			require.Equal(t, im.Topic("t").Version+2, after.Topic("t").Version)
		})
	}
}

// TestReassignEndsWithTheLastInSync: the target was in sync, and away; no other
// replica is there to come into sync.
func TestReassignEndsWithTheLastInSync(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{1}, Leader: -1, LeaderEpoch: 3})
	im = im.With(image.Changes{Brokers: brokers(map[int32]int64{2: 0})})
	_, im = move(t, im, []int32{1})
	require.True(t, im.Partition("t", 0).Reassigning())
	step, _ := plan.BrokersChanged(im, brokers(map[int32]int64{1: 5, 2: 0}), settings())
	p := after(im, step)
	require.Equal(t, []int32{1}, p.Replicas)
	require.EqualValues(t, 1, p.Leader)
	require.False(t, p.Reassigning())
}

// TestReassignTwiceInOne: the later counts, and the broker of both keeps what it has.
func TestReassignTwiceInOne(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0})
	_, im = move(t, im, []int32{1})
	at := plan.Ref{Topic: "t"}
	step, results := plan.Reassign(im, []plan.Reassignment{{Ref: at, Replicas: []int32{0}}, {Ref: at, Replicas: []int32{1}}}, settings())
	require.Equal(t, []plan.ElectResult{{Ref: at}, {Ref: at}}, results)
	require.NotContains(t, ordered(step), "delete")
	require.Contains(t, ordered(step), "broker 1: follow 0 in t-0")
}

// TestReassignRepeated: what is under way is not written down again.
func TestReassignRepeated(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, Leader: 0})
	_, im = move(t, im, []int32{2, 1})
	step, after := move(t, im, []int32{2, 1})
	require.NotContains(t, written(step), "= /brokers/topics/t v")
	require.Empty(t, step.Last)
	require.Equal(t, im.Topic("t").Version, after.Topic("t").Version)
	require.Equal(t, im.Partition("t", 0).Replicas, after.Partition("t", 0).Replicas)
	_, again := move(t, after, []int32{1, 2})
	require.Equal(t, []int32{1, 2, 0}, again.Partition("t", 0).Replicas, "in another order it is another one")
}

// TestReassignWaitsForOneThatCanLead: completing would leave nobody to lead.
func TestReassignWaitsForOneThatCanLead(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{2, 0}, Adding: []int32{2}, Removing: []int32{0}, ISR: []int32{0, 2}, Leader: 0})
	im = im.With(image.Changes{ShuttingDown: map[int32]bool{2: true}})
	require.Empty(t, plan.CompleteReassignments(im, nil, settings()))
	im = im.With(image.Changes{ShuttingDown: map[int32]bool{2: false}})
	p := after(im, plan.CompleteReassignments(im, nil, settings()))
	require.EqualValues(t, 2, p.Leader)
	require.Equal(t, []int32{2}, p.ISR)
}

func TestReassignNeverLed(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{8}, Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1})
	step, next := move(t, im, []int32{1, 0})
	require.Equal(t, []int32{1, 0}, next.Partition("t", 0).Replicas)
	require.Equal(t, "broker 1: lead t-0 epoch 0 isr [1 0] new true\nbroker 0: follow 1 in t-0 epoch 0 isr [1 0] new true\n", ordered(step))
}

// TestRecoverGoesOnWithReassignments, which a new controller finds in the tree.
func TestRecoverGoesOnWithReassignments(t *testing.T) {
	p := image.Partition{Replicas: []int32{2, 1, 0}, Adding: []int32{2}, Removing: []int32{0}, ISR: []int32{0, 1}, Leader: 0, LeaderEpoch: 4}
	step := plan.Recover(partitionOf(p), plan.Read{}, settings())
	q := after(partitionOf(p), step)
	require.EqualValues(t, 5, q.LeaderEpoch, "all hear of it anew")
	require.Equal(t, "broker 2: follow 0 in t-0 epoch 5 isr [0 1] new true\nbroker 1: follow 0 in t-0 epoch 5 isr [0 1] new false\n"+
		"broker 0: lead t-0 epoch 5 isr [0 1] new false\n", ordered(step), "broker 2 has perhaps never heard of it")
	require.True(t, q.Reassigning())
	p.ISR = []int32{0, 1, 2}
	q = after(partitionOf(p), plan.Recover(partitionOf(p), plan.Read{}, settings()))
	require.Equal(t, []int32{2, 1}, q.Replicas)
	require.EqualValues(t, 2, q.Leader)
}

func TestReassignFound(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0})
	rs := []plan.Reassignment{
		{Ref: plan.Ref{Topic: "t"}, Replicas: []int32{9}}, {Ref: plan.Ref{Topic: "nope"}, Replicas: []int32{0}},
	}
	step, results := plan.ReassignFound(im, rs, settings())
	require.NoError(t, results[0].Err, "broker 9 may yet come")
	require.ErrorIs(t, results[1].Err, plan.ErrUnknownTopic)
	im = im.With(step.Changes)
	require.Equal(t, rs[:1], plan.ReassignLeft(im, rs))
	_, im = move(t, im, []int32{0, 1})
	require.Empty(t, plan.ReassignLeft(im, rs), "asked for anew in another way")
	step, results = plan.ReassignFound(im, []plan.Reassignment{{Ref: plan.Ref{Topic: "t"}}}, settings())
	require.ErrorIs(t, results[0].Err, plan.ErrInvalidAssignment, "a node that names no replicas cancels nothing")
	require.Empty(t, step.Writes)
}
