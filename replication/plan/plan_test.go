package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
)

// settings are a broker's defaults, with chance made countable.
func settings() plan.Settings {
	var drawn byte
	return plan.Settings{
		Partitions: 1, Replication: 1, DeleteTopics: true,
		Random: func(int) int { return 0 },
		RandomBytes: func() [16]byte {
			drawn++
			return [16]byte{drawn, 1, 2, 3}
		},
		ValidateConfig: func(config map[string]string) error {
			if _, bad := config["no.such"]; bad {
				return errors.New("Unknown topic config name: no.such")
			}
			return nil
		},
		Internal: map[string]plan.TopicSpec{topic.ConsumerOffsets: {
			Partitions: 50, Replication: 3, Config: map[string]string{"cleanup.policy": "compact"},
		}},
	}
}

// cluster is a picture of brokers 0 to n-1 and nothing else.
func cluster(n int32) *image.Image {
	ch := image.Changes{Brokers: []image.Broker{}}
	epoch := int32(7)
	ch.ControllerEpoch = &epoch
	for id := range n {
		ch.Brokers = append(ch.Brokers, image.Broker{ID: id})
	}
	return image.Empty().With(ch)
}

// with is the picture after topics were created in it.
func with(t *testing.T, im *image.Image, specs ...plan.TopicSpec) *image.Image {
	t.Helper()
	step, results := plan.CreateTopics(im, specs, settings())
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	return im.With(step.Changes)
}

// simple is a topic of n partitions with one replica each.
func simple(name string, n int32) plan.TopicSpec {
	return plan.TopicSpec{Name: name, Partitions: n, Replication: 1}
}

// given is a topic whose partitions lie where the lists say.
func given(name string, lists ...[]int32) plan.TopicSpec {
	spec := plan.TopicSpec{Name: name, Partitions: plan.Default, Replication: plan.Default, Assignment: map[int32][]int32{}}
	for p, replicas := range lists {
		spec.Assignment[int32(p)] = replicas
	}
	return spec
}

// written shows a step's writes, one a line.
func written(step plan.Step) string {
	var b strings.Builder
	for _, op := range step.Writes {
		verb := map[tree.OpKind]string{tree.OpCreate: "+", tree.OpSet: "=", tree.OpDelete: "-"}[op.Kind]
		fmt.Fprintf(&b, "%s %s", verb, op.Path)
		if op.Kind == tree.OpSet {
			fmt.Fprintf(&b, " v%d", op.Version)
		}
		if len(op.Data) > 0 {
			fmt.Fprintf(&b, " %s", op.Data)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// ordered shows a step's orders, one a line.
func ordered(step plan.Step) string {
	var b strings.Builder
	for _, o := range step.Orders {
		switch o.Kind {
		case plan.Assign:
			role := fmt.Sprintf("follow %d in", o.State.Leader)
			if o.State.Leader == o.Broker {
				role = "lead"
			}
			fmt.Fprintf(&b, "broker %d: %s %s-%d epoch %d isr %v new %t\n", o.Broker, role, o.Topic, o.Partition, o.State.LeaderEpoch, o.State.ISR, o.New)
		case plan.Stop:
			fmt.Fprintf(&b, "broker %d: stop %s-%d\n", o.Broker, o.Topic, o.Partition)
		case plan.Delete:
			fmt.Fprintf(&b, "broker %d: delete %s-%d\n", o.Broker, o.Topic, o.Partition)
		}
	}
	return b.String()
}

func TestCreateWritesKafkasNodes(t *testing.T) {
	spec := simple("t", 2)
	spec.Config = map[string]string{"retention.ms": "5"}
	step, results := plan.CreateTopics(cluster(1), []plan.TopicSpec{spec}, settings())
	require.NoError(t, results[0].Err)
	id := results[0].ID.String()
	require.Equal(t, `+ /config/topics/t {"version":1,"config":{"retention.ms":"5"}}
+ /brokers/topics/t {"partitions":{"0":[0],"1":[0]},"topic_id":"`+id+`","adding_replicas":{},"removing_replicas":{},"version":3}
+ /brokers/topics/t/partitions
+ /brokers/topics/t/partitions/0
+ /brokers/topics/t/partitions/0/state {"controller_epoch":7,"leader":0,"version":1,"leader_epoch":0,"isr":[0]}
+ /brokers/topics/t/partitions/1
+ /brokers/topics/t/partitions/1/state {"controller_epoch":7,"leader":0,"version":1,"leader_epoch":0,"isr":[0]}
`, written(step))
	require.Equal(t, "broker 0: lead t-0 epoch 0 isr [0] new true\nbroker 0: lead t-1 epoch 0 isr [0] new true\n", ordered(step))
	im := cluster(1).With(step.Changes)
	require.Equal(t, results[0].ID, im.Topic("t").ID)
	require.Equal(t, int32(0), im.Partition("t", 1).Leader)
	require.Equal(t, "5", im.Topic("t").Config["retention.ms"])
	require.EqualValues(t, 2, results[0].Partitions)
	require.EqualValues(t, 1, results[0].Replication)
}

// TestCreateRefusals has Kafka's own sentences, recorded from 3.9.
func TestCreateRefusals(t *testing.T) {
	im := with(t, cluster(1), simple("t", 1), simple("a.b", 1))
	im = im.With(image.Changes{Deleting: map[string]bool{"going": true}})
	both := given("p0", []int32{0})
	both.Partitions = 3
	null := simple("p0", 1)
	null.NullConfig = []string{"retention.ms"}
	unknown := simple("p0", 1)
	unknown.Config = map[string]string{"no.such": "1"}
	gap := given("p0", []int32{0})
	gap.Assignment[2] = []int32{0}
	for _, c := range []struct {
		spec    plan.TopicSpec
		kind    error
		message string
	}{
		{simple("t", 0), plan.ErrTopicExists, "Topic 't' already exists."},
		{null, plan.ErrInvalidConfig, "Null value not supported for topic configs: retention.ms"},
		{both, plan.ErrInvalidRequest, "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time."},
		{simple("p0", 0), plan.ErrInvalidPartitions, "Number of partitions must be larger than 0."},
		{simple("p0", -2), plan.ErrInvalidPartitions, "Number of partitions must be larger than 0."},
		{plan.TopicSpec{Name: "p0", Partitions: 1, Replication: 0}, plan.ErrInvalidReplication, "Replication factor must be larger than 0."},
		{plan.TopicSpec{Name: "p0", Partitions: 1, Replication: 2}, plan.ErrInvalidReplication, "Replication factor: 2 larger than available brokers: 1."},
		{simple("bad name", 1), plan.ErrInvalidTopic, "Topic name is invalid: 'bad name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"},
		{simple("going", 1), plan.ErrTopicExists, "Topic 'going' is marked for deletion."},
		{simple("a_b", 1), plan.ErrInvalidTopic, "Topic 'a_b' collides with existing topics: a.b"},
		{gap, plan.ErrInvalidAssignment, "partitions should be a consecutive 0-based integer sequence"},
		{given("p0", []int32{0}, []int32{0, 1}), plan.ErrInvalidAssignment, "All partitions should have the same number of replicas"},
		{given("p0", []int32{0, 0}), plan.ErrInvalidAssignment, "Duplicate replica assignment found: partition 0 on [0 0]"},
		{unknown, plan.ErrInvalidConfig, "Unknown topic config name: no.such"},
	} {
		step, results := plan.CreateTopics(im, []plan.TopicSpec{c.spec}, settings())
		require.ErrorIs(t, results[0].Err, c.kind, c.message)
		require.EqualError(t, results[0].Err, c.message)
		require.EqualValues(t, -1, results[0].Partitions)
		require.Empty(t, step.Writes)
		require.Empty(t, step.Orders)
	}
}

func TestCreateSeesItsOwnBatch(t *testing.T) {
	step, results := plan.CreateTopics(cluster(1), []plan.TopicSpec{simple("a.b", 1), simple("a_b", 1), simple("a.b", 1), simple("c", 1)}, settings())
	require.NoError(t, results[0].Err)
	require.ErrorIs(t, results[1].Err, plan.ErrInvalidTopic)
	require.ErrorIs(t, results[2].Err, plan.ErrTopicExists)
	require.NoError(t, results[3].Err)
	require.Len(t, step.Changes.Topics, 2)
	require.NotEqual(t, results[0].ID, results[3].ID)
}

// TestCreateOnUnknownBrokers: Kafka lets them through; such a partition has no
// state and no leader.
func TestCreateOnUnknownBrokers(t *testing.T) {
	step, results := plan.CreateTopics(cluster(1), []plan.TopicSpec{given("t", []int32{9}, []int32{0}), given("empty", []int32{})}, settings())
	require.NoError(t, results[0].Err)
	require.NoError(t, results[1].Err)
	im := cluster(1).With(step.Changes)
	require.Equal(t, image.NoBroker, im.Partition("t", 0).Leader)
	require.EqualValues(t, -1, im.Partition("t", 0).PartitionEpoch)
	require.EqualValues(t, 0, im.Partition("t", 1).Leader)
	require.Equal(t, "broker 0: lead t-1 epoch 0 isr [0] new true\n", ordered(step))
	require.Equal(t, image.NoBroker, im.Partition("empty", 0).Leader)
}

func TestDefaultsAndClamp(t *testing.T) {
	s := settings()
	s.Partitions, s.Replication = 4, 3
	_, results := plan.CreateTopics(cluster(1), []plan.TopicSpec{{Name: "t", Partitions: plan.Default, Replication: plan.Default}}, s)
	require.ErrorIs(t, results[0].Err, plan.ErrInvalidReplication)
	_, results = plan.CreateTopics(cluster(1), []plan.TopicSpec{{Name: "t", Partitions: plan.Default, Replication: plan.Default, Clamp: true}}, s)
	require.NoError(t, results[0].Err)
	require.EqualValues(t, 4, results[0].Partitions)
	require.EqualValues(t, 1, results[0].Replication)
}

func TestCreatePartitions(t *testing.T) {
	im := with(t, cluster(3), given("t", []int32{1, 2}, []int32{2, 0}))
	step, results := plan.CreatePartitions(im, []plan.PartitionsSpec{{Name: "t", Count: 4}}, settings())
	require.NoError(t, results[0].Err)
	id := im.Topic("t").ID.String()
	require.Equal(t, `= /brokers/topics/t v-1 {"partitions":{"0":[1,2],"1":[2,0],"2":[0,2],"3":[1,2]},"topic_id":"`+id+`","adding_replicas":{},"removing_replicas":{},"version":3}
+ /brokers/topics/t/partitions/2
+ /brokers/topics/t/partitions/2/state {"controller_epoch":7,"leader":0,"version":1,"leader_epoch":0,"isr":[0,2]}
+ /brokers/topics/t/partitions/3
+ /brokers/topics/t/partitions/3/state {"controller_epoch":7,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2]}
`, written(step))
	require.Len(t, im.Topic("t").Partitions, 2, "the old picture is as it was")
	require.Len(t, im.With(step.Changes).Topic("t").Partitions, 4)
}

func TestCreatePartitionsRefusals(t *testing.T) {
	im := with(t, cluster(2), simple("t", 1), given("two", []int32{0, 1}))
	im = im.With(image.Changes{Deleting: map[string]bool{"going": true}, Topics: map[string]*image.Topic{
		"moving": {Name: "moving", Partitions: []image.Partition{{Replicas: []int32{0, 1}, Adding: []int32{1}}}},
	}})
	for _, c := range []struct {
		spec    plan.PartitionsSpec
		kind    error
		message string
	}{
		{plan.PartitionsSpec{Name: "nope", Count: 2}, plan.ErrUnknownTopic, "The topic 'nope' does not exist."},
		{plan.PartitionsSpec{Name: "going", Count: 2}, plan.ErrInvalidTopic, "The topic 'going' is marked for deletion."},
		{plan.PartitionsSpec{Name: "moving", Count: 2}, plan.ErrReassigning, "A partition reassignment is in progress for the topic 'moving'."},
		{plan.PartitionsSpec{Name: "t", Count: 1}, plan.ErrInvalidPartitions, "Topic already has 1 partitions."},
		{plan.PartitionsSpec{Name: "t", Count: 0}, plan.ErrInvalidPartitions, "Topic currently has 1 partitions, which is higher than the requested 0."},
		{plan.PartitionsSpec{Name: "t", Count: 3, Assignment: [][]int32{{0}}}, plan.ErrInvalidAssignment, "Increasing the number of partitions by 2 but 1 assignments provided."},
		{plan.PartitionsSpec{Name: "t", Count: 2, Assignment: [][]int32{{9}}}, plan.ErrInvalidAssignment, "Unknown broker(s) in replica assignment: 9."},
		{plan.PartitionsSpec{Name: "t", Count: 2, Assignment: [][]int32{{}}}, plan.ErrInvalidAssignment, "Cannot have replication factor of 0 for partition id 1."},
		{plan.PartitionsSpec{Name: "two", Count: 2, Assignment: [][]int32{{0, 0}}}, plan.ErrInvalidAssignment, "Duplicate brokers not allowed in replica assignment: 0, 0 for partition id 1."},
		{plan.PartitionsSpec{Name: "two", Count: 2, Assignment: [][]int32{{0}}}, plan.ErrInvalidAssignment,
			"Inconsistent replication factor between partitions, partition 0 has 2 while partitions [1] have replication factors [1], respectively."},
	} {
		step, results := plan.CreatePartitions(im, []plan.PartitionsSpec{c.spec}, settings())
		require.ErrorIs(t, results[0].Err, c.kind, c.message)
		require.EqualError(t, results[0].Err, c.message)
		require.Empty(t, step.Writes)
	}
}

func TestDeletion(t *testing.T) {
	im := with(t, cluster(2), given("t", []int32{0, 1}, []int32{9, 8}), simple("other", 1))
	id := im.Topic("t").ID
	step, results := plan.DeleteTopics(im, []plan.TopicRef{{Name: "t"}, {ID: id}, {Name: "nope"}, {ID: topic.ID{42}}}, settings())
	require.NoError(t, results[0].Err)
	require.NoError(t, results[1].Err, "named twice is deleted once")
	require.Equal(t, "t", results[1].Name)
	require.ErrorIs(t, results[2].Err, plan.ErrUnknownTopic)
	require.ErrorIs(t, results[3].Err, plan.ErrUnknownTopicID)
	require.Equal(t, "+ /admin/delete_topics/t\n"+
		`= /brokers/topics/t/partitions/0/state v0 {"controller_epoch":7,"leader":-1,"version":1,"leader_epoch":1,"isr":[0,1]}`+"\n",
		written(step), "brokers 9 and 8 are away: the nodes stay for as long")
	require.Equal(t, "broker 0: delete t-0\nbroker 1: delete t-0\n", ordered(step))
	im = im.With(step.Changes)
	require.Nil(t, im.Topic("t"))
	require.Nil(t, im.TopicByID(id))
	require.True(t, im.Deleting("t"))

	step = plan.ForgetTopics([]plan.Remains{{Name: "t", Nodes: []string{"/brokers/topics/t/partitions", "/brokers/topics/t"}, Config: true}})
	require.Equal(t, "- /config/topics/t\n- /brokers/topics/t/partitions\n- /brokers/topics/t\n- /admin/delete_topics/t\n", written(step),
		"whatever of it is written, what is left is found by the topic and its mark")
	require.False(t, im.With(step.Changes).Deleting("t"))

	s := settings()
	s.DeleteTopics = false
	_, results = plan.DeleteTopics(im, []plan.TopicRef{{Name: "other"}}, s)
	require.ErrorIs(t, results[0].Err, plan.ErrDeletionDisabled)
}

func TestJoin(t *testing.T) {
	im := cluster(1)
	first, _ := plan.CreateTopics(im, []plan.TopicSpec{simple("a", 1), simple("b", 1)}, settings())
	second, _ := plan.DeleteTopics(im.With(first.Changes), []plan.TopicRef{{Name: "a"}}, settings())
	both := plan.Join(first, second)
	require.Len(t, both.Writes, len(first.Writes)+len(second.Writes))
	next := im.With(both.Changes)
	require.Nil(t, next.Topic("a"))
	require.NotNil(t, next.Topic("b"))
	require.NotNil(t, im.With(first.Changes).Topic("a"), "joining changes neither part")
}
