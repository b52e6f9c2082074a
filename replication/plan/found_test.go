package plan_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/znode"
)

func TestTopicsFound(t *testing.T) {
	old := plan.FoundTopic{Name: "old", Node: znode.Topic{Partitions: [][]int32{{1, 0}, {9}}}}
	half := plan.FoundTopic{Name: "half", Node: znode.Topic{ID: topic.ID{5}, Partitions: [][]int32{{0, 8}}}, Version: 3,
		States: map[int32]plan.FoundState{0: {State: znode.State{Leader: 8, LeaderEpoch: 2, ISR: []int32{0, 8}}, Version: 6}}}
	im := cluster(2)
	step := plan.TopicsFound(im, []plan.FoundTopic{old, half}, settings())
	next := im.With(step.Changes)
	id := next.Topic("old").ID
	require.False(t, id.IsZero())
	require.Equal(t, `= /brokers/topics/old v-1 {"partitions":{"0":[1,0],"1":[9]},"topic_id":"`+id.String()+`","adding_replicas":{},"removing_replicas":{},"version":3}
+ /brokers/topics/old/partitions/0/state {"controller_epoch":7,"leader":1,"version":1,"leader_epoch":0,"isr":[1,0]}
= /brokers/topics/half/partitions/0/state v6 {"controller_epoch":7,"leader":0,"version":1,"leader_epoch":3,"isr":[0]}
`, written(step))
	require.Equal(t, "broker 1: lead old-0 epoch 0 isr [1 0] new true\nbroker 0: follow 1 in old-0 epoch 0 isr [1 0] new true\n"+
		"broker 0: lead half-0 epoch 3 isr [0] new false\n", ordered(step))
	require.Empty(t, plan.TopicsFound(next, []plan.FoundTopic{old, half}, settings()), "known")
	next = next.With(plan.TopicsGone(next, []string{"old", "nope"}, settings()).Changes)
	require.Nil(t, next.Topic("old"))
}

func TestAssignmentFound(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0}, ISR: []int32{0}, Leader: 0})
	f := plan.FoundTopic{Name: "t", Version: 4, Node: znode.Topic{ID: topic.ID{1}, Partitions: [][]int32{{2}, {1, 2}}}}
	step := plan.AssignmentFound(im, f, settings())
	require.Equal(t, `+ /brokers/topics/t/partitions/1/state {"controller_epoch":7,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2]}`+"\n", written(step))
	next := im.With(step.Changes)
	require.Equal(t, []int32{0}, next.Partition("t", 0).Replicas, "what is there stays where it is")
	require.Empty(t, plan.AssignmentFound(next, f, settings()), "our own write comes back")

	f.Version, f.Node.ID = 5, topic.ID{}
	require.Contains(t, written(plan.AssignmentFound(next, f, settings())), topic.ID{1}.String(), "the id was forgotten")

	step, _ = plan.DeleteTopics(next, []plan.TopicRef{{Name: "t"}}, settings())
	next = next.With(step.Changes)
	f.Version = 9
	step = plan.AssignmentFound(next, f, settings())
	require.Contains(t, written(step), `= /brokers/topics/t v-1 {"partitions":{"0":[0],"1":[1,2]}`, "the node of a topic that is going")
	f.Name = "nope"
	require.Empty(t, plan.AssignmentFound(next, f, settings()))
}

func TestStatesFound(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0, 1}, ISR: []int32{0}, Leader: 0, PartitionEpoch: 3})
	f := plan.FoundPartition{Ref: plan.Ref{Topic: "t"}, FoundState: plan.FoundState{
		State: znode.State{Leader: 0, ISR: []int32{0, 1}, ControllerEpoch: 7}, Version: 4,
	}}
	step, err := plan.StatesFound(im, []plan.FoundPartition{f, {Ref: plan.Ref{Topic: "nope"}}})
	require.NoError(t, err)
	require.Empty(t, step.Writes)
	require.Equal(t, []int32{0, 1}, after(im, step).ISR)
	require.EqualValues(t, 4, after(im, step).PartitionEpoch)
	require.Empty(t, step.Orders, "a leader has written it, who knows")
	untold := f
	untold.Leader, untold.LeaderEpoch = 1, 1
	step, err = plan.StatesFound(im, []plan.FoundPartition{untold})
	require.NoError(t, err)
	require.Len(t, step.Orders, 2, "this controller has, and nobody knows")
	f.ControllerEpoch = 8
	_, err = plan.StatesFound(im, []plan.FoundPartition{f})
	require.ErrorIs(t, err, plan.ErrNotController)
}

func TestConfigFound(t *testing.T) {
	im := partitionOf(image.Partition{Replicas: []int32{0}})
	e := image.Entity{Type: image.TopicEntity, Name: "t"}
	require.Equal(t, "b", im.With(plan.ConfigFound(im, e, map[string]string{"a": "b"}).Changes).Config(e)["a"])
	require.Empty(t, plan.ConfigFound(im, image.Entity{Type: image.TopicEntity, Name: "nope"}, nil))
	e = image.Entity{Type: image.BrokerEntity, Name: "0"}
	require.Equal(t, "b", im.With(plan.ConfigFound(im, e, map[string]string{"a": "b"}).Changes).Config(e)["a"])
}

func TestDeletionsFound(t *testing.T) {
	im := with(t, cluster(2), given("t", []int32{0, 1}))
	step := plan.DeletionsFound(im, []string{"t", "nope"}, settings())
	require.Equal(t, "- /admin/delete_topics/nope\n", written(step))
	require.Equal(t, "broker 0: delete t-0\nbroker 1: delete t-0\n", ordered(step))
	im2 := im.With(step.Changes)
	require.True(t, im2.Deleting("t"))
	require.Empty(t, plan.DeletionsFound(im2, []string{"t"}, settings()), "under way")
	s := settings()
	s.DeleteTopics = false
	step = plan.DeletionsFound(im, []string{"t"}, s)
	require.Equal(t, "- /admin/delete_topics/t\n", written(step))
	require.Empty(t, step.Orders)
}

// TestDeletionThatFails is done when the broker has come back and obeyed.
func TestDeletionThatFails(t *testing.T) {
	im := with(t, cluster(2), given("t", []int32{0, 1}, []int32{1, 0}))
	step, _ := plan.DeleteTopics(im, []plan.TopicRef{{Name: "t"}}, settings())
	im = im.With(step.Changes)
	refs := []plan.Ref{{Topic: "t"}, {Topic: "t", Partition: 1}, {Topic: "other"}, {Topic: "t", Partition: 7}}
	step, done := plan.ReplicasDeleted(im, 1, refs, []error{nil, errors.New("disk"), nil, nil})
	require.Empty(t, done)
	im = im.With(step.Changes)
	step, done = plan.ReplicasDeleted(im, 0, refs[:2], []error{nil, nil})
	require.Empty(t, done)
	im = im.With(step.Changes)
	require.Equal(t, [][]int32{nil, {1}}, im.Deletion("t").Left)
	require.Empty(t, plan.DeletionsDone(im))
	step, _ = plan.BrokersChanged(im, brokers(map[int32]int64{0: 0, 1: 9}), settings())
	require.Equal(t, "broker 1: delete t-1\n", ordered(step))
	im = im.With(step.Changes)
	step, done = plan.ReplicasDeleted(im, 1, refs[1:2], []error{nil})
	require.Equal(t, []string{"t"}, done)
	im = im.With(step.Changes)
	require.Equal(t, done, plan.DeletionsDone(im))
	im = im.With(plan.ForgetTopics([]plan.Remains{{Name: "t"}}).Changes)
	require.Nil(t, im.Deletion("t"))
}

func TestAnnounce(t *testing.T) {
	im := with(t, cluster(2), given("a", []int32{0, 1}, []int32{1, 0}), given("b", []int32{0}), given("away", []int32{9}))
	all := []plan.Ref{{Topic: "a"}, {Topic: "a", Partition: 1}, {Topic: "b"}}
	require.Equal(t, []plan.Announcement{{Broker: 0, Full: true, Partitions: all}, {Broker: 1, Full: true, Partitions: all}},
		plan.Announce(image.Empty(), im), "who takes office tells everything")
	require.Empty(t, plan.Announce(im, im))

	step, _ := plan.BrokersChanged(im, append(im.Brokers(), image.Broker{ID: 2}), settings())
	three := im.With(step.Changes)
	require.Equal(t, []plan.Announcement{{Broker: 0}, {Broker: 1}, {Broker: 2, Full: true, Partitions: all}}, plan.Announce(im, three),
		"the others are told of the list of brokers")

	step, _ = plan.BrokersChanged(three, brokers(map[int32]int64{0: 0, 1: 5}), settings())
	two := three.With(step.Changes)
	require.Equal(t, []plan.Announcement{{Broker: 0, Partitions: all[:2]}, {Broker: 1, Full: true, Partitions: all}}, plan.Announce(three, two))

	step, _ = plan.DeleteTopics(two, []plan.TopicRef{{Name: "a"}}, settings())
	gone := []plan.TopicGone{{Name: "a", ID: two.Topic("a").ID, Partitions: 2}}
	less := two.With(step.Changes)
	require.Equal(t, []plan.Announcement{{Broker: 0, Gone: gone}, {Broker: 1, Gone: gone}}, plan.Announce(two, less))

	require.Equal(t, plan.Announcement{Broker: 0, Full: true, Partitions: all[2:], Gone: gone}, plan.Announce(image.Empty(), less)[0],
		"who takes office says it again: brokers may have heard of the topic and not of its end")

	again := less.With(image.Changes{Topics: map[string]*image.Topic{"b": {Name: "b", ID: topic.ID{77}, Partitions: less.Topic("b").Partitions}}})
	gone = []plan.TopicGone{{Name: "b", ID: less.Topic("b").ID, Partitions: 1}}
	require.Equal(t, plan.Announcement{Broker: 0, Partitions: all[2:], Gone: gone}, plan.Announce(less, again)[0], "the same name is another topic")

	step = plan.ReplicasFailed(less, 0, []plan.Ref{{Topic: "b"}}, settings())
	require.Equal(t, all[2:], plan.Announce(less, less.With(step.Changes))[0].Partitions)
}
