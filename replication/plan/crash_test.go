package plan_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/znode"
)

// directory is one of a replica, on the disk of a broker.
type directory struct {
	broker int32
	id     topic.ID
	ref    plan.Ref
}

// crashing is a world whose controllers end between two writes, and whose brokers
// have disks.
type crashing struct {
	*world
	disks map[directory]bool
}

// tell has brokers obey a step. A broker that is away does not hear that it has to
// delete something; what it keeps is nobody's fault.
func (c *crashing) tell(step plan.Step) {
	for _, kind := range []plan.OrderKind{plan.Assign, plan.Delete} { // as they are sent
		for _, o := range step.Orders {
			d := directory{o.Broker, o.TopicID, plan.Ref{Topic: o.Topic, Partition: o.Partition}}
			switch {
			case o.Kind != kind:
			case kind == plan.Assign:
				c.disks[d] = true
			default:
				delete(c.disks, d)
			}
		}
	}
	for d := range c.disks {
		if _, lives := c.live[d.broker]; !lives && !c.wanted(d) {
			delete(c.disks, d)
		}
	}
}

// wanted says whether the replica of a directory is one of its topic's, or its topic
// is not there, and so has its own end.
func (c *crashing) wanted(d directory) bool {
	t := c.im.Topic(d.ref.Topic)
	return t == nil || t.ID != d.id || slices.Contains(t.Partitions[d.ref.Partition].Replicas, d.broker)
}

// check holds what there is after a step, or after another controller has taken
// office, to the rules.
func (c *crashing) check() {
	for d := range c.disks {
		require.True(c.r, c.wanted(d), "%v lies there for ever", d)
	}
	for _, t := range c.im.Topics() {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			target := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.Removing, id) })
			waits := slices.ContainsFunc(target, func(id int32) bool { return !slices.Contains(p.ISR, id) }) ||
				!slices.ContainsFunc(target, func(id int32) bool {
					_, lives := c.live[id]
					return lives && !c.im.ShuttingDown(id) && !slices.Contains(p.Offline, id)
				})
			require.True(c.r, !p.Reassigning() || waits, "%s-%d is not done with its reassignment: %+v", t.Name, i, p)
		}
	}
}

// crash ends the controller amid a step. The next one finds what was written.
func (c *crashing) crash(t *testing.T, step plan.Step) {
	ops := slices.Concat(step.Writes, step.Last)
	written := rapid.IntRange(0, len(ops)).Draw(c.r, "written")
	c.nodes.write(c.r, ops[:written])
	if written > len(step.Writes) || written == len(step.Writes) && rapid.Bool().Draw(c.r, "told") {
		c.tell(step)
	}
	topics, epoch, deleting := c.nodes.topics(t), c.im.ControllerEpoch+1, map[string]bool{}
	c.tidy(topics)
	for _, path := range c.nodes.below(znode.DeleteTopics) {
		deleting[strings.TrimPrefix(path, znode.DeleteTopics+"/")] = true
	}
	c.im = image.Empty().With(image.Changes{ControllerEpoch: &epoch, Brokers: brokers(c.live), Topics: topics, Deleting: deleting})
	read := c.read()
	next := plan.Recover(c.im, read, c.s)
	c.nodes.write(c.r, next.Writes)
	c.nodes.write(c.r, next.Last)
	before := c.im
	c.im = c.im.With(next.Changes)
	c.tell(next)
	c.rests(before, read)
	c.world.check(c.im, true)
}

// rests holds yet another controller, that finds what the one before it has written and
// the same brokers, to the rule that it raises no epochs; but it asks anew who has a part
// in a reassignment.
func (c *crashing) rests(before *image.Image, read plan.Read) {
	for ref := range read.Written {
		was, is := before.Partition(ref.Topic, ref.Partition), c.im.Partition(ref.Topic, ref.Partition)
		if is != nil && was.PartitionEpoch != is.PartitionEpoch {
			read.Written[ref] = math.MaxInt64
		}
	}
	again := c.im.With(plan.Recover(c.im, read, c.s).Changes)
	for _, t := range c.im.Topics() {
		for i := range t.Partitions {
			p, later := &t.Partitions[i], again.Partition(t.Name, int32(i))
			require.True(c.r, p.Reassigning() || p.LeaderEpoch == later.LeaderEpoch, "%s-%d: %+v, and then %+v", t.Name, i, p, later)
		}
	}
}

// tidy does what a controller does before it decides anything: marks and
// configurations of no topic go, and partitions get their folders.
func (c *crashing) tidy(topics map[string]*image.Topic) {
	for _, folder := range []string{znode.DeleteTopics, "/config/topics"} {
		for _, path := range c.nodes.below(folder) {
			if topics[strings.TrimPrefix(path, folder+"/")] == nil {
				delete(c.nodes, path)
			}
		}
	}
	folder := func(path string) {
		if _, there := c.nodes[path]; !there {
			c.nodes[path] = node{}
		}
	}
	for name, t := range topics {
		folder(znode.PartitionsPath(name))
		for p := range t.Partitions {
			folder(znode.PartitionPath(name, int32(p)))
		}
	}
}

// TestAnyCrash: wherever a controller ends, the next one brings the cluster to a
// state by the same rules: no directory is forgotten, no reassignment left lying.
func TestAnyCrash(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := &crashing{disks: map[directory]bool{}}
		c.world = &world{r: r, nodes: nodes{}, im: cluster(5), s: settings(), live: map[int32]int64{0: 0, 1: 0, 2: 0, 3: 0, 4: 0}}
		w := c.world
		events := []func() plan.Step{
			w.create, w.grow, w.members, w.members, w.alter, w.alter, w.alter, w.reassign, w.reassign, w.byHand,
			w.stop, w.delete, w.forget, w.disk, w.elect, w.unclean, w.succeed,
		}
		for i := range rapid.IntRange(1, 40).Draw(r, "events") {
			n := rapid.IntRange(0, len(events)-1).Draw(r, "event")
			if i == 0 {
				n = 0
			}
			if rapid.IntRange(0, 4).Draw(r, "crash") == 0 {
				step := events[n]()
				w.altering = false
				c.crash(t, step)
			} else {
				var step plan.Step
				w.decide(true, func() plan.Step { step = events[n](); return step })
				c.tell(step)
			}
			c.check()
		}
	})
}

// byHand is a node that names partitions, perhaps one of them twice.
func (w *world) byHand() plan.Step {
	step, _ := plan.ReassignFound(w.im, []plan.Reassignment{{Ref: w.ref(), Replicas: w.replicas()}, {Ref: w.ref(), Replicas: w.replicas()}}, w.s)
	return step
}

func (w *world) unclean() plan.Step {
	step, _ := plan.ElectLeaders(w.im, plan.Unclean, []plan.Ref{w.ref()}, w.s)
	return step
}

// TestWhoIsBackIsToldToGo: a broker that counts as gone first, for it has registered
// anew, may be the one that a reassignment takes the partition from. Nobody would tell
// it later.
func TestWhoIsBackIsToldToGo(t *testing.T) {
	brokers := []image.Broker{{ID: 0, Epoch: 20}, {ID: 1, Epoch: 10}, {ID: 2, Epoch: 10}}
	im := partitionOf(image.Partition{
		Replicas: []int32{1, 2, 0}, Adding: []int32{1, 2}, Removing: []int32{0},
		ISR: []int32{0, 1, 2}, Leader: 0, LeaderEpoch: 5, PartitionEpoch: 3,
	})
	found := im.With(image.Changes{Brokers: brokers})
	bounced, _ := plan.BrokersChanged(im, brokers, settings())
	for name, step := range map[string]plan.Step{
		"a new controller": plan.Recover(found, plan.Read{Written: map[plan.Ref]int64{{Topic: "t"}: 15}}, settings()),
		"the same":         bounced,
	} {
		require.Equal(t, []int32{1, 2}, after(im, step).Replicas, name)
		require.Contains(t, ordered(step), "broker 0: delete t-0", name)
	}
}
