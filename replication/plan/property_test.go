package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/znode"
)

// world is a cluster under random events: the tree, the picture, and who is
// registered.
type world struct {
	r     *rapid.T
	nodes nodes
	im    *image.Image
	live  map[int32]int64
	next  int64
	s     plan.Settings

	altering bool // the event is one that may be two: what a leader asked for, and what it completes
}

var names = []string{"a", "b"}

// decide carries out two steps as one, and holds the result to the rules.
func (w *world) decide(unclean bool, steps ...func() plan.Step) {
	before := w.im
	var joint plan.Step
	seen := w.im
	for i, decide := range steps {
		w.im = seen
		step := decide()
		seen = seen.With(step.Changes)
		if joint = plan.Join(joint, step); i == 0 {
			joint = step
		}
	}
	w.im = before.With(joint.Changes)
	w.nodes.write(w.r, joint.Writes)
	w.checkToldFirst(joint)
	w.nodes.write(w.r, joint.Last)
	if len(steps) == 1 && !w.altering {
		once := map[string]bool{}
		for _, op := range joint.Writes {
			require.False(w.r, once[op.Path], "%s is written twice", op.Path)
			once[op.Path] = true
		}
	}
	w.check(before, unclean)
	w.checkOrders(joint)
	w.altering = false
}

// check holds the picture to the rules, and to the tree.
func (w *world) check(before *image.Image, unclean bool) {
	for _, t := range w.im.Topics() {
		for i := range t.Partitions {
			p, name := &t.Partitions[i], fmt.Sprintf("%s-%d", t.Name, i)
			n, there := w.nodes[znode.StatePath(t.Name, int32(i))]
			require.Equal(w.r, p.PartitionEpoch >= 0, there, name)
			if !there {
				continue
			}
			require.Equal(w.r, n.version, p.PartitionEpoch, name)
			require.Equal(w.r, string(znode.EncodeState(znode.StateOf(p))), n.data, name)
			require.NotEmpty(w.r, p.ISR, name)
			require.Subset(w.r, p.Replicas, p.ISR, name)
			if p.Leader != image.NoBroker {
				require.Contains(w.r, p.ISR, p.Leader, name)
				require.Contains(w.r, w.live, p.Leader, name)
			}
			was := before.Partition(t.Name, int32(i))
			if was != nil && before.Topic(t.Name).ID == t.ID && was.PartitionEpoch >= 0 {
				w.checkSuccession(was, p, name, unclean)
			}
		}
		require.Equal(w.r, string(znode.EncodeTopic(znode.TopicOf(t))), w.nodes[znode.TopicPath(t.Name)].data)
	}
}

// checkSuccession holds a new state against the one before it.
func (w *world) checkSuccession(was, p *image.Partition, name string, unclean bool) {
	require.GreaterOrEqual(w.r, p.LeaderEpoch, was.LeaderEpoch, name)
	require.GreaterOrEqual(w.r, p.PartitionEpoch, was.PartitionEpoch, name)
	if p.Leader != was.Leader || !slices.Equal(p.Replicas, was.Replicas) {
		require.Greater(w.r, p.LeaderEpoch, was.LeaderEpoch, name)
	}
	// Whoever comes into the in-sync set without its leader asking (and then
	// the epoch stays) has not shown that it has the records.
	if p.LeaderEpoch > was.LeaderEpoch && !unclean && !w.altering {
		require.Subset(w.r, was.ISR, p.ISR, name)
	}
}

// checkToldFirst: a controller that reads the tree before a step's last writes finds
// every replica that the step has deleted, as one that its topic has or has to lose.
func (w *world) checkToldFirst(step plan.Step) {
	for _, o := range step.Orders {
		if o.Kind != plan.Delete || w.im.Topic(o.Topic) == nil || w.im.Topic(o.Topic).ID != o.TopicID {
			continue
		}
		z, err := znode.DecodeTopic([]byte(w.nodes[znode.TopicPath(o.Topic)].data))
		require.NoError(w.r, err)
		require.Contains(w.r, z.Partitions[o.Partition], o.Broker)
		require.Contains(w.r, slices.Concat(z.Adding[o.Partition], z.Removing[o.Partition]), o.Broker)
	}
}

// checkOrders: orders say what the picture says, to brokers that are there.
func (w *world) checkOrders(step plan.Step) {
	last := map[string]plan.Order{}
	for _, o := range step.Orders {
		require.Contains(w.r, w.live, o.Broker)
		last[fmt.Sprintf("%d %s-%d", o.Broker, o.Topic, o.Partition)] = o
	}
	for _, o := range last {
		p := w.im.Partition(o.Topic, o.Partition)
		switch {
		case o.Kind == plan.Delete && p != nil && w.im.Topic(o.Topic).ID == o.TopicID:
			require.NotContains(w.r, p.Replicas, o.Broker)
		case o.Kind == plan.Assign && p != nil:
			require.Contains(w.r, p.Replicas, o.Broker)
			require.Equal(w.r, *p, o.State)
		}
	}
}

func (w *world) ref() plan.Ref {
	return plan.Ref{Topic: rapid.SampledFrom(names).Draw(w.r, "topic"), Partition: rapid.Int32Range(0, 2).Draw(w.r, "partition")}
}

func (w *world) replicas() []int32 {
	ids := rapid.Permutation([]int32{0, 1, 2, 3, 4}).Draw(w.r, "replicas")
	return slices.Clone(ids[:rapid.IntRange(1, 3).Draw(w.r, "n")])
}

func (w *world) broker() int32 { return rapid.Int32Range(0, 4).Draw(w.r, "broker") }

// events of the world. Each is one step.
func (w *world) create() plan.Step {
	name := rapid.SampledFrom(names).Draw(w.r, "topic")
	lists := [][]int32{w.replicas()}
	for range rapid.IntRange(0, 2).Draw(w.r, "more") {
		lists = append(lists, slices.Clone(lists[0]))
	}
	step, _ := plan.CreateTopics(w.im, []plan.TopicSpec{given(name, lists...)}, w.s)
	return step
}

func (w *world) grow() plan.Step {
	step, _ := plan.CreatePartitions(w.im, []plan.PartitionsSpec{{Name: w.ref().Topic, Count: 3}}, w.s)
	return step
}

func (w *world) members() plan.Step {
	id := w.broker()
	w.next++
	switch epoch, there := w.live[id]; {
	case there && rapid.Bool().Draw(w.r, "bounces"):
		w.live[id] = epoch + w.next
	case there:
		delete(w.live, id)
	default:
		w.live[id] = w.next
	}
	step, _ := plan.BrokersChanged(w.im, brokers(w.live), w.s)
	return step
}

func (w *world) alter() plan.Step {
	ref := w.ref()
	p := w.im.Partition(ref.Topic, ref.Partition)
	if p == nil || p.Leader == image.NoBroker {
		return plan.Step{}
	}
	set := []int32{p.Leader}
	for _, id := range p.Replicas {
		if id != p.Leader && rapid.Bool().Draw(w.r, "in sync") {
			set = append(set, id)
		}
	}
	w.altering = true
	step, _, err := plan.AlterPartition(w.im, plan.Asker{Broker: p.Leader, Epoch: w.live[p.Leader]}, []plan.Alteration{{
		Ref: ref, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch, ISR: set,
	}}, w.s)
	require.NoError(w.r, err)
	return step
}

func (w *world) reassign() plan.Step {
	to := w.replicas()
	if rapid.Bool().Draw(w.r, "cancel") {
		to = nil
	}
	step, _ := plan.Reassign(w.im, []plan.Reassignment{{Ref: w.ref(), Replicas: to}}, w.s)
	return step
}

func (w *world) stop() plan.Step {
	step, _, _ := plan.ControlledShutdown(w.im, w.broker(), -1, w.s)
	return step
}

func (w *world) delete() plan.Step {
	step, _ := plan.DeleteTopics(w.im, []plan.TopicRef{{Name: w.ref().Topic}}, w.s)
	return step
}

// forget ends the deletion of a topic, whoever has obeyed.
func (w *world) forget() plan.Step {
	for _, name := range w.im.DeletingTopics() {
		gone := append([]string{znode.TopicPath(name)}, w.nodes.below(znode.TopicPath(name))...)
		slices.Reverse(gone)
		_, config := w.nodes["/config/topics/"+name]
		return plan.ForgetTopics([]plan.Remains{{Name: name, Nodes: gone, Config: config}})
	}
	return plan.Step{}
}

func (w *world) disk() plan.Step {
	id, ref := w.broker(), []plan.Ref{w.ref()}
	if _, there := w.live[id]; !there {
		return plan.Step{}
	}
	if rapid.Bool().Draw(w.r, "back") {
		r := plan.Returned{Broker: id, Replicas: ref}
		if rapid.Bool().Draw(w.r, "doubtful") {
			r = plan.Returned{Broker: id, Doubtful: ref}
		}
		return plan.ReplicasBack(w.im, r, w.s)
	}
	return plan.ReplicasFailed(w.im, id, ref, w.s)
}

func (w *world) elect() plan.Step {
	step, _ := plan.ElectLeaders(w.im, plan.Preferred, []plan.Ref{w.ref()}, w.s)
	return step
}

// succeed has a new controller take office, who knows only the tree.
func (w *world) succeed() plan.Step {
	return plan.Recover(w.im, w.read(), w.s)
}

// read is what a new controller may find beside the states: some of them are older than
// registrations of those in sync.
func (w *world) read() plan.Read {
	written := map[plan.Ref]int64{}
	for _, t := range w.im.Topics() {
		for p := range t.Partitions {
			written[plan.Ref{Topic: t.Name, Partition: int32(p)}] = rapid.Int64Range(-1, w.next).Draw(w.r, "written")
		}
	}
	return plan.Read{Written: written}
}

// TestAnyEvents: whatever happens in whatever order, the rules hold.
func TestAnyEvents(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		unclean := rapid.Float64Range(0, 1).Draw(r, "unclean") > 0.8
		w := &world{r: r, nodes: nodes{}, im: cluster(5), s: settings(), live: map[int32]int64{}}
		for id := range int32(5) {
			w.live[id] = 0
		}
		w.s.UncleanElection = unclean
		events := []func() plan.Step{
			w.create, w.grow, w.members, w.members, w.alter, w.alter, w.alter, w.reassign, w.reassign,
			w.stop, w.delete, w.forget, w.disk, w.elect, w.succeed,
			func() plan.Step { return plan.Rebalance(w.im, 0, w.s) },
			func() plan.Step { return plan.CompleteReassignments(w.im, nil, w.s) },
		}
		w.decide(unclean, w.create)
		for range rapid.IntRange(1, 40).Draw(r, "events") {
			n := rapid.IntRange(0, len(events)-1).Draw(r, "event")
			if rapid.Bool().Draw(r, "alone") {
				w.decide(unclean, events[n])
				continue
			}
			w.decide(unclean, events[n], w.elect)
		}
	})
}

// large is a picture of n partitions with three replicas on four brokers.
func large(n int) *image.Image {
	topics := map[string]*image.Topic{}
	for len(topics)*100 < n {
		name := fmt.Sprintf("topic-%d", len(topics))
		t := &image.Topic{Name: name, ID: topic.ID{1, byte(len(topics)), byte(len(topics) >> 8)}}
		for p := range int32(100) {
			list := []int32{p % 4, (p + 1) % 4, (p + 2) % 4}
			t.Partitions = append(t.Partitions, image.Partition{Replicas: list, ISR: list, Leader: list[0], LeaderEpoch: 3, PartitionEpoch: 5})
		}
		topics[name] = t
	}
	return cluster(4).With(image.Changes{Topics: topics})
}

func TestOneStepForADeadBroker(t *testing.T) {
	im := large(10_000)
	live := brokers(map[int32]int64{0: 0, 1: 0, 3: 0})
	step, _ := plan.BrokersChanged(im, live, settings())
	require.Len(t, step.Writes, 7500)
	require.Len(t, step.Orders, 15000)
}

func BenchmarkBrokerDies(b *testing.B) {
	live := brokers(map[int32]int64{0: 0, 1: 0, 3: 0})
	for _, n := range []int{1_000, 10_000} {
		im := large(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				step, _ := plan.BrokersChanged(im, live, settings())
				if next := im.With(step.Changes); len(plan.Announce(im, next)) != 3 {
					b.Fatal("not all are told")
				}
			}
		})
	}
}
