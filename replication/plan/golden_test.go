package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/znode"
)

// replay is one event of the recording, decided here.
type replay struct {
	t      *testing.T
	im     *image.Image
	nodes  nodes // what our decisions make of the tree of before
	after  nodes // what Kafka made of it
	wrote  map[string]int32
	s      plan.Settings
	orders []plan.Order
}

// do carries a step out.
func (r *replay) do(step plan.Step) {
	ops := slices.Concat(step.Writes, step.Last)
	r.nodes.write(r.t, ops)
	for _, op := range ops {
		r.wrote[op.Path]++
	}
	r.im = r.im.With(step.Changes)
	r.orders = append(r.orders, step.Orders...)
}

func (r *replay) create(specs ...plan.TopicSpec) {
	ids := make([]topic.ID, 0, len(specs))
	for _, spec := range specs {
		z, err := znode.DecodeTopic([]byte(r.after[znode.TopicPath(spec.Name)].data))
		require.NoError(r.t, err)
		ids = append(ids, z.ID)
	}
	r.s.RandomBytes = func() [16]byte {
		id := ids[0]
		ids = ids[1:]
		return id
	}
	step, results := plan.CreateTopics(r.im, specs, r.s)
	for _, result := range results {
		require.NoError(r.t, result.Err)
	}
	r.do(step)
}

func (r *replay) reassign(to []int32, name string, number int32) {
	step, results := plan.Reassign(r.im, []plan.Reassignment{{Ref: plan.Ref{Topic: name, Partition: number}, Replicas: to}}, r.s)
	require.NoError(r.t, results[0].Err)
	r.do(step)
}

// brokers shows the plan who is registered after the event.
func (r *replay) brokers() plan.Census {
	step, c := plan.BrokersChanged(r.im, r.after.brokers(r.t), r.s)
	r.do(step)
	return c
}

// failOver has a new controller take office, in the epoch and with the brokers
// of after the event.
func (r *replay) failOver() {
	epoch := r.after.picture(r.t).ControllerEpoch
	r.im = r.nodes.picture(r.t).With(image.Changes{ControllerEpoch: &epoch, Brokers: r.after.brokers(r.t)})
	r.do(plan.Recover(r.im, plan.Read{}, r.s))
}

// join has the leaders of partitions ask for a replica to be in sync.
func (r *replay) join(broker int32, only ...plan.Ref) {
	for _, t := range r.im.Topics() {
		for i := range t.Partitions {
			ref, p := plan.Ref{Topic: t.Name, Partition: int32(i)}, &t.Partitions[i]
			if slices.Contains(p.ISR, broker) || !slices.Contains(p.Replicas, broker) || len(only) > 0 && !slices.Contains(only, ref) {
				continue
			}
			leader, ok := r.im.Broker(p.Leader)
			require.True(r.t, ok)
			step, results, err := plan.AlterPartition(r.im, plan.Asker{Broker: leader.ID, Epoch: leader.Epoch}, []plan.Alteration{{
				Ref: ref, TopicID: t.ID, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch,
				ISR: append(slices.Clone(p.ISR), broker),
			}}, r.s)
			require.NoError(r.t, err)
			require.NoError(r.t, results[0].Err)
			require.Equal(r.t, p.PartitionEpoch+1, results[0].State.PartitionEpoch)
			r.do(step)
		}
	}
}

// led are all partitions.
func (r *replay) led() []plan.Ref {
	var refs []plan.Ref
	for _, t := range r.im.Topics() {
		for p := range t.Partitions {
			refs = append(refs, plan.Ref{Topic: t.Name, Partition: int32(p)})
		}
	}
	return refs
}

func (r *replay) stop(broker int32, remaining ...plan.Ref) {
	step, left, err := plan.ControlledShutdown(r.im, broker, -1, r.s)
	require.NoError(r.t, err)
	require.Equal(r.t, remaining, left)
	r.do(step)
}

// deleted has all orders to delete obeyed, and ends the deletions that are done.
func (r *replay) deleted(want ...string) {
	var done []string
	for _, o := range r.orders {
		if o.Kind == plan.Delete {
			var step plan.Step
			step, done = plan.ReplicasDeleted(r.im, o.Broker, []plan.Ref{{Topic: o.Topic, Partition: o.Partition}}, []error{nil})
			r.do(step)
		}
	}
	require.Equal(r.t, want, done)
	require.Equal(r.t, want, plan.DeletionsDone(r.im))
	for _, name := range done {
		gone := r.nodes.below(znode.TopicPath(name))
		slices.Reverse(gone)
		r.do(plan.ForgetTopics([]plan.Remains{{Name: name, Nodes: append(gone, znode.TopicPath(name)), Config: true}}))
	}
}

func (r *replay) preferred(refs []plan.Ref) {
	step, results := plan.ElectLeaders(r.im, plan.Preferred, refs, r.s)
	for _, result := range results {
		require.NoError(r.t, result.Err)
	}
	r.do(step)
}

// events are what happened, by the name in the recording. Events that Kafka's
// controller had no part in are not here.
var events = map[string]func(r *replay){
	"03 topic-created": func(r *replay) {
		chance := []int{1, 0} // first broker, first distance
		r.s.Random = func(int) int {
			n := chance[0]
			chance = chance[1:]
			return n
		}
		r.create(plan.TopicSpec{Name: "t1", Partitions: 3, Replication: 3, Config: map[string]string{"min.insync.replicas": "2", "segment.bytes": "100000"}})
	},
	"04 topic-created-by-assignment": func(r *replay) { r.create(given("t2", []int32{0, 1}, []int32{1, 2})) },
	"05 partitions-added": func(r *replay) {
		r.create(given("dot.name", []int32{1}))
		step, results := plan.CreatePartitions(r.im, []plan.PartitionsSpec{{Name: "t1", Count: 5}}, r.s)
		require.NoError(r.t, results[0].Err)
		r.do(step)
	},
	"21 internal-topics": func(r *replay) {
		r.create(
			plan.TopicSpec{Name: "__consumer_offsets", Partitions: 2, Replication: 3, Config: map[string]string{
				"compression.type": "producer", "cleanup.policy": "compact", "segment.bytes": "104857600"}},
			plan.TopicSpec{Name: "__transaction_state", Partitions: 2, Replication: 3, Config: map[string]string{
				"compression.type": "uncompressed", "cleanup.policy": "compact", "min.insync.replicas": "2",
				"segment.bytes": "104857600", "unclean.leader.election.enable": "false"}},
		)
	},
	"22 reassignment-under-way":   func(r *replay) { r.reassign([]int32{2, 1}, "t2", 0) },
	"23 reassignment-done":        func(r *replay) { r.join(2, plan.Ref{Topic: "t2"}) },
	"25 reassignment-2-under-way": func(r *replay) { r.reassign([]int32{0, 1}, "t2", 0) },
	"26 reassignment-cancelled":   func(r *replay) { r.reassign(nil, "t2", 0) },
	"27 reassign-znode": func(r *replay) {
		moves, err := znode.DecodeReassign([]byte(r.after[znode.Reassign].data))
		require.NoError(r.t, err)
		r.nodes[znode.Reassign] = r.after[znode.Reassign] // the tool's doing
		rs := []plan.Reassignment{{Ref: plan.Ref(moves[0].Partition), Replicas: moves[0].Replicas}}
		step, results := plan.ReassignFound(r.im, rs, r.s)
		require.NoError(r.t, results[0].Err)
		r.do(step)
		require.Equal(r.t, rs, plan.ReassignLeft(r.im, rs))
		r.join(0, plan.Ref{Topic: "t2", Partition: 1})
		require.Empty(r.t, plan.ReassignLeft(r.im, rs))
	},
	"29 replica-order-changed": func(r *replay) { r.reassign([]int32{2, 1, 0}, "t1", 0) },
	"30 preferred-election":    func(r *replay) { r.preferred([]plan.Ref{{Topic: "t1"}}) },
	"31 preferred-election-znode": func(r *replay) {
		r.reassign([]int32{1, 2, 0}, "t1", 0)
		r.nodes[znode.PreferredLeader] = node{data: `{"version":1,"partitions":[{"topic":"t1","partition":0}]}`}
		step, results := plan.PreferredFound(r.im, []plan.Ref{{Topic: "t1"}}, r.s)
		require.NoError(r.t, results[0].Err)
		r.do(step)
	},
	"32 broker-stopped": func(r *replay) {
		r.stop(1)
		require.True(r.t, r.im.ShuttingDown(1))
		require.Equal(r.t, plan.Census{Dead: []int32{1}}, r.brokers())
		require.False(r.t, r.im.ShuttingDown(1))
	},
	"33 broker-back": func(r *replay) {
		require.Equal(r.t, plan.Census{New: []int32{1}}, r.brokers())
		r.join(1)
	},
	"34 broker-killed":            func(r *replay) { r.brokers() },
	"35 killed-broker-back":       func(r *replay) { r.brokers(); r.join(2) },
	"36 preferred-election-all":   func(r *replay) { r.preferred(nil) },
	"37 controller-znode-deleted": func(r *replay) { r.failOver() },
	"38 controller-stopped":       func(r *replay) { r.stop(1); r.failOver() },
	"39 old-controller-back":      func(r *replay) { r.brokers(); r.join(1) },
	"40 controller-killed":        func(r *replay) { r.failOver() },
	"41 killed-controller-back":   func(r *replay) { r.brokers(); r.join(0) },
	"43 log-dir-failed": func(r *replay) {
		r.do(plan.Probe(r.im, 2, r.s))
		r.do(plan.ReplicasFailed(r.im, 2, []plan.Ref{
			{Topic: "__consumer_offsets"}, {Topic: "__transaction_state"}, {Topic: "t1"}, {Topic: "t1", Partition: 3}, {Topic: "t2", Partition: 1},
		}, r.s))
	},
	"44 topic-deleted": func(r *replay) {
		step, results := plan.DeleteTopics(r.im, []plan.TopicRef{{Name: "dot.name"}}, r.s)
		require.NoError(r.t, results[0].Err)
		r.do(step)
		r.deleted("dot.name")
	},
	"45 topic-deleted-broker-away": func(r *replay) {
		r.brokers()
		r.nodes[znode.DeleteTopicPath("t2")] = node{} // another tool's doing
		r.wrote[znode.DeleteTopicPath("t2")]++
		r.do(plan.DeletionsFound(r.im, []string{"t2"}, r.s))
		r.deleted()
		require.Equal(r.t, [][]int32{{2}, {2}}, r.im.Deletion("t2").Left)
	},
	"46 topic-deletion-done": func(r *replay) {
		r.im = r.im.With(image.Changes{
			Topics: map[string]*image.Topic{"t2": nil}, Deleting: map[string]bool{"t2": true},
			Deletions: map[string]*image.Deletion{"t2": {Topic: r.im.Topic("t2"), Left: [][]int32{{2}, {2}}}},
		})
		r.brokers()
		r.deleted("t2")
		r.join(2)
	},
	"47 all-stopped": func(r *replay) { // the last broker finds nobody to relieve it, and nobody sees it go
		r.stop(2)
		r.stop(1)
		r.stop(0, r.led()...)
	},
}

// odd are the events after which our tree is not Kafka's, and how.
var odd = map[string]func(r *replay){
	// Kafka lost the order of before the reassignment; so it is also for a
	// controller of ours that has found it in Kafka's tree.
	"26 reassignment-cancelled": func(r *replay) {
		require.Equal(r.t, []int32{1, 2}, r.im.Partition("t2", 0).Replicas)
	},
}

func TestEventsOfKafka(t *testing.T) {
	names, trees := recording(t)
	for i, name := range names {
		event := events[name]
		if event == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := &replay{t: t, nodes: nodes{}, after: trees[name], wrote: map[string]int32{}, s: settings()}
			for path, n := range trees[names[i-1]] {
				r.nodes[path] = n
			}
			before := trees[names[i-1]]
			r.im = before.picture(t)
			event(r)
			if check := odd[name]; check != nil {
				check(r)
			}
			compare(r, before)
		})
	}
}

// compare holds the tree that our decisions have made against Kafka's. Where
// Kafka wrote a node more often for one event than we do, versions and leader
// epochs differ by as much.
func compare(r *replay, before nodes) {
	for _, folder := range []string{znode.Topics, "/config/topics", znode.DeleteTopics} {
		paths := r.after.below(folder)
		mine := r.nodes.below(folder)
		if folder == znode.DeleteTopics { // when Kafka removes this mark is a matter of moments
			late := func(path string) bool { return path == znode.DeleteTopicPath("dot.name") }
			paths, mine = slices.DeleteFunc(paths, late), slices.DeleteFunc(mine, late)
		}
		require.ElementsMatch(r.t, paths, mine)
		for _, path := range paths {
			ours, kafkas := r.nodes[path], r.after[path]
			switch {
			case folder == "/config/topics" && kafkas.version == before[path].version:
				require.JSONEq(r.t, kafkas.data, ours.data, path)
			case folder == "/config/topics": // not the controller's doing
			case times(before, path, kafkas) == r.wrote[path]:
				require.Equal(r.t, kafkas.data, plain(ours.data), path)
			case strings.HasSuffix(path, "/state"):
				fewer(r, path, before[path])
			default:
				require.Less(r.t, ours.version, kafkas.version, path)
				require.Equal(r.t, kafkas.data, plain(ours.data), path)
			}
		}
	}
}

// times is how often Kafka wrote a node.
func times(before nodes, path string, now node) int32 {
	if was, there := before[path]; there {
		return now.version - was.version
	}
	return now.version + 1
}

// fewer compares a state that we wrote less often than Kafka.
func fewer(r *replay, path string, was node) {
	ours, err := znode.DecodeState([]byte(r.nodes[path].data))
	require.NoError(r.t, err)
	kafkas, err := znode.DecodeState([]byte(r.after[path].data))
	require.NoError(r.t, err)
	before, err := znode.DecodeState([]byte(was.data))
	require.NoError(r.t, err)
	require.Positive(r.t, r.wrote[path], path)
	require.Less(r.t, r.wrote[path], r.after[path].version-was.version, path)
	require.Greater(r.t, ours.LeaderEpoch, before.LeaderEpoch, path)
	require.Less(r.t, ours.LeaderEpoch, kafkas.LeaderEpoch, path)
	ours.LeaderEpoch = kafkas.LeaderEpoch
	require.Equal(r.t, kafkas, ours, path)
}

// plain is a topic's node without what only we write.
func plain(data string) string {
	start := strings.Index(data, `,"original_replicas":`)
	if start < 0 {
		return data
	}
	end := start + strings.Index(data[start:], "}") + 1
	return data[:start] + data[end:]
}
