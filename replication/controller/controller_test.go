package controller_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(main{m}) }

// main runs the tests with a ZooKeeper server for those that ask for one.
type main struct{ m *testing.M }

func (m main) Run() int { return zookeeper.Main(m.m) }

// TestFirstStart: the nodes of a first broker are those of Kafka's.
func TestFirstStart(t *testing.T) {
	n := newNode(t)
	n.start()
	require.Equal(t, []string{
		"/", "/admin", "/admin/delete_topics", "/brokers", "/brokers/ids", "/brokers/ids/0", "/brokers/seqid", "/brokers/topics",
		"/cluster", "/cluster/id", "/config", "/config/brokers", "/config/changes", "/config/clients", "/config/ips",
		"/config/topics", "/config/users", "/consumers", "/controller", "/controller_epoch", "/feature",
		"/isr_change_notification", "/latest_producer_id_block", "/log_dir_event_notification",
	}, n.paths())
	require.Equal(t, "1", n.data(znode.ControllerEpoch))
	require.Equal(t, `{"version":2,"brokerid":0,"timestamp":"1700000000000","kraftControllerEpoch":-1}`, n.data(znode.ControllerPath))
	require.Equal(t, `{"features":{},"version":2,"status":1}`, n.data(znode.FeaturePath))
	im := n.ctl.Image()
	require.NotEmpty(t, im.ClusterID)
	require.EqualValues(t, 0, im.Controller)
	require.EqualValues(t, 1, im.ControllerEpoch)
	require.EqualValues(t, 0, im.FeatureEpoch)
	b, ok := im.Broker(0)
	require.True(t, ok)
	require.NotZero(t, b.Epoch)
	stat, err := n.tree.Exists(znode.BrokerPath(0), nil)
	require.NoError(t, err)
	require.Equal(t, b.Epoch, stat.Czxid)

	cluster := im.ClusterID
	n.restart()
	require.Equal(t, cluster, n.ctl.Image().ClusterID)
	require.EqualValues(t, 2, n.ctl.Image().ControllerEpoch)
}

func TestCreatedTopicIsUsable(t *testing.T) {
	n := newNode(t)
	n.start()
	s := spec("t", 3)
	s.Config = map[string]string{"retention.ms": "5"}
	results := n.create(s, spec("bad name", 1))
	require.NoError(t, results[0].Err)
	require.ErrorIs(t, results[1].Err, plan.ErrInvalidTopic)
	tp := n.ctl.Image().Topic("t")
	require.NotNil(t, tp)
	require.Same(t, tp, n.ctl.Image().TopicByID(results[0].ID))
	for p := range int32(3) {
		require.EqualValues(t, 0, n.ctl.Image().Partition("t", p).Leader)
		require.Contains(t, n.led, plan.Ref{Topic: "t", Partition: p})
	}
	require.Equal(t, `{"version":1,"config":{"retention.ms":"5"}}`, n.data("/config/topics/t"))
	require.ErrorIs(t, n.create(s)[0].Err, plan.ErrTopicExists)
}

func TestValidateOnlyCreatesNothing(t *testing.T) {
	n := newNode(t)
	n.start()
	before := n.paths()
	results, err := n.ctl.CreateTopics(t.Context(), []plan.TopicSpec{spec("t", 3)}, controller.CreateOptions{ValidateOnly: true})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	require.EqualValues(t, 3, results[0].Partitions)
	require.Nil(t, n.ctl.Image().Topic("t"))
	require.Equal(t, before, n.paths())
	require.Empty(t, n.led)
}

// TestRestartRestores: all partitions are led again, at their epochs, with no
// write to the tree.
func TestRestartRestores(t *testing.T) {
	for name, restart := range map[string]func(*node){
		"clean": func(n *node) { n.restart() },
		"crash": func(n *node) { n.crash(); n.start() },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.start()
			id := n.create(spec("t", 3))[0].ID
			_, err := n.ctl.CreatePartitions(t.Context(), []plan.PartitionsSpec{{Name: "t", Count: 5}}, controller.CreateOptions{})
			require.NoError(t, err)
			state := n.data(znode.StatePath("t", 4))
			restart(n)
			require.Len(t, n.led, 5)
			require.Equal(t, id, n.ctl.Image().Topic("t").ID)
			require.Len(t, n.ctl.Image().Topic("t").Partitions, 5)
			require.Equal(t, state, n.data(znode.StatePath("t", 4)))
		})
	}
}

func TestDeletedTopicLeavesNothing(t *testing.T) {
	n := newNode(t)
	n.start()
	before := n.paths()
	first := n.create(spec("t", 2))[0].ID
	require.NoError(t, n.delete("t"))
	require.Equal(t, before, n.paths())
	require.Empty(t, n.led)
	require.Nil(t, n.ctl.Image().Topic("t"))
	require.ErrorIs(t, n.delete("t"), plan.ErrUnknownTopic)
	again := n.create(spec("t", 1))[0]
	require.NoError(t, again.Err, "the name is free at once")
	require.NotEqual(t, first, again.ID)
}

// TestDeletionSurvives: data that cannot be removed keeps the name taken, over
// restarts, until it can.
func TestDeletionSurvives(t *testing.T) {
	n := newNode(t)
	n.start()
	n.create(spec("t", 2), spec("other", 1))
	n.refuse = func(o plan.Order) error {
		if o.Kind == plan.Delete && o.Partition == 1 {
			return errors.New("disk")
		}
		return nil
	}
	require.ErrorIs(t, n.delete("t"), controller.ErrPending)
	require.Nil(t, n.ctl.Image().Topic("t"))
	require.ErrorIs(t, n.create(spec("t", 1))[0].Err, plan.ErrTopicExists)
	n.restart()
	require.Nil(t, n.ctl.Image().Topic("t"))
	require.True(t, n.ctl.Image().Deleting("t"))
	require.ErrorIs(t, n.create(spec("t", 1))[0].Err, plan.ErrTopicExists)
	n.refuse = nil
	n.restart()
	n.gone("t")
	require.NotContains(t, n.paths(), "/brokers/topics/t")
	require.NoError(t, n.create(spec("t", 1))[0].Err)
	require.Len(t, n.led, 2)
}

// TestHalfMadeTopic: a topic whose creation was cut off after its assignment,
// as Kafka's controller may leave it, is finished at the next start.
func TestHalfMadeTopic(t *testing.T) {
	n := newNode(t)
	n.start()
	id := topic.ID{1, 2, 3}
	_, err := n.tree.Multi(
		tree.Create(znode.TopicPath("half"), znode.EncodeTopic(znode.Topic{ID: id, Partitions: [][]int32{{0}, {0}}}), 0),
		tree.Create(znode.PartitionsPath("half"), nil, 0),
		tree.Create(znode.PartitionPath("half", 1), nil, 0),
		tree.Create(znode.TopicPath("old"), []byte(`{"version":1,"partitions":{"0":[0]}}`), 0),
		tree.Create(znode.TopicPath("broken"), []byte(`{`), 0),
		tree.Create(znode.DeleteTopicPath("unknown"), nil, 0),
	)
	require.NoError(t, err)
	n.restart()
	im := n.ctl.Image()
	require.Len(t, n.led, 3)
	require.Equal(t, id, im.Topic("half").ID)
	require.EqualValues(t, 0, im.Partition("half", 0).Leader)
	require.False(t, im.Topic("old").ID.IsZero())
	require.Nil(t, im.Topic("broken"))
	require.NotContains(t, n.paths(), "/admin/delete_topics/unknown", "a mark of nothing goes")
	require.Contains(t, n.data(znode.TopicPath("old")), im.Topic("old").ID.String())
}

// TestLeftBehind: what an earlier life, or another version, has left in the tree.
func TestLeftBehind(t *testing.T) {
	n := newNode(t)
	n.start()
	n.create(spec("t", 1))
	_, err := n.tree.Multi(
		tree.Set(znode.FeaturePath, []byte(`{"features":{},"version":2,"status":0}`), tree.AnyVersion),
		tree.Create(znode.IsrChangePrefix, []byte(`{}`), tree.Sequential),
		tree.Create(znode.LogDirEventPrefix, []byte(`{}`), tree.Sequential),
	)
	require.NoError(t, err)
	n.stop()
	n.settings.DeleteTopics = false
	tr, err := embedded.Open(n.path, embedded.Options{})
	require.NoError(t, err)
	_, err = tr.Multi(tree.Create(znode.DeleteTopicPath("t"), nil, 0))
	require.NoError(t, err)
	require.NoError(t, tr.Close())
	n.start()
	require.Equal(t, `{"features":{},"version":2,"status":1}`, n.data(znode.FeaturePath))
	require.EqualValues(t, 2, n.ctl.Image().FeatureEpoch)
	require.NotNil(t, n.ctl.Image().Topic("t"), "deletion is switched off")
	require.NotContains(t, n.paths(), znode.DeleteTopicPath("t"))
	for _, folder := range []string{znode.IsrChanges, znode.LogDirEvents} {
		names, _, err := n.tree.Children(folder, nil)
		require.NoError(t, err)
		require.Empty(t, names)
	}
}

func TestReplicaThatCannotOpenIsOffline(t *testing.T) {
	n := newNode(t)
	n.start()
	n.refuse = func(o plan.Order) error {
		if o.Kind == plan.Assign && o.Partition == 1 {
			return errors.New("disk")
		}
		return nil
	}
	require.NoError(t, n.create(spec("t", 2))[0].Err)
	require.Eventually(t, func() bool { return n.ctl.Image().Partition("t", 1).Leader == image.NoBroker }, time.Minute, time.Millisecond)
	p := n.ctl.Image().Partition("t", 1)
	require.Equal(t, []int32{0}, p.Offline)
	require.Equal(t, []int32{0}, p.ISR)
	require.EqualValues(t, 0, n.ctl.Image().Partition("t", 0).Leader)
	require.Contains(t, n.data(znode.StatePath("t", 1)), `"leader":-1`)
	n.stop() // which asks again now and then
	n.refuse = nil
	n.start()
	require.EqualValues(t, 0, n.ctl.Image().Partition("t", 1).Leader)
	require.Empty(t, n.ctl.Image().Partition("t", 1).Offline)
}

func TestAdoption(t *testing.T) {
	n := newNode(t)
	id := topic.ID{9, 9}
	n.existing = []plan.Existing{
		{Ref: plan.Ref{Topic: "t", Partition: 0}, TopicID: id, LatestEpoch: 3},
		{Ref: plan.Ref{Topic: "t", Partition: 1}, TopicID: id, LatestEpoch: -1},
	}
	n.start()
	require.Equal(t, id, n.ctl.Image().Topic("t").ID)
	require.Equal(t, map[plan.Ref]int32{{Topic: "t"}: 4, {Topic: "t", Partition: 1}: 0}, n.led)
	require.NoError(t, n.delete("t"))
	n.existing = n.existing[:1]
	n.restart()
	require.Nil(t, n.ctl.Image().Topic("t"), "a tree that had topics adopts no orphan")
}

func TestLogAheadOfTheTree(t *testing.T) {
	n := newNode(t)
	n.start()
	id := n.create(spec("t", 1))[0].ID
	n.existing = []plan.Existing{{Ref: plan.Ref{Topic: "t"}, TopicID: id, LatestEpoch: 6}}
	n.restart()
	require.EqualValues(t, 7, n.led[plan.Ref{Topic: "t"}])
	require.Contains(t, n.data(znode.StatePath("t", 0)), `"leader_epoch":7`)
}

func TestAutoCreate(t *testing.T) {
	n := newNode(t)
	n.start()
	results, err := n.ctl.AutoCreate(t.Context(), []string{topic.ConsumerOffsets, "mine"})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	require.NoError(t, results[1].Err)
	offsets := n.ctl.Image().Topic(topic.ConsumerOffsets)
	require.Len(t, offsets.Partitions, 50)
	require.Equal(t, []int32{0}, offsets.Partitions[0].Replicas, "as many replicas as there are brokers")
	require.Equal(t, "compact", offsets.Config["cleanup.policy"])
	require.Len(t, n.ctl.Image().Topic("mine").Partitions, 2)
}

func TestProducerIDs(t *testing.T) {
	n := newNode(t)
	n.start()
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			first, count, err := n.ctl.AllocateProducerIDs(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil || count != 1000 || first%1000 != 0 || seen[first] {
				t.Errorf("block %d of %d: %v", first, count, err)
			}
			seen[first] = true
		})
	}
	wg.Wait()
	require.Equal(t, `{"version":1,"broker":0,"block_start":"19000","block_end":"19999"}`, n.data(znode.ProducerIDPath))
	n.crash()
	n.start()
	first, _, err := n.ctl.AllocateProducerIDs(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 20000, first)
}

func TestConsumerOffsets(t *testing.T) {
	n := newNode(t)
	n.start()
	of := controller.ConsumerPartition{Group: "g", Topic: "t"}
	_, ok, err := n.ctl.ConsumerOffset(t.Context(), of)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, n.ctl.SetConsumerOffset(t.Context(), of, 3))
	require.NoError(t, n.ctl.SetConsumerOffset(t.Context(), of, 4))
	offset, ok, err := n.ctl.ConsumerOffset(t.Context(), of)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 4, offset)
	require.Equal(t, "4", n.data("/consumers/g/offsets/t/0"))
	require.ErrorIs(t, n.ctl.SetConsumerOffset(t.Context(), controller.ConsumerPartition{Group: "../x", Topic: "t"}, 4), tree.ErrBadPath)
	_, ok, err = n.ctl.ConsumerOffset(t.Context(), controller.ConsumerPartition{Topic: "t"})
	require.NoError(t, err)
	require.False(t, ok)
}

// TestDeposedControllerWritesNothing: another has raised the epoch.
func TestDeposedControllerWritesNothing(t *testing.T) {
	n := newNode(t)
	n.start()
	_, err := n.tree.Multi(tree.Set(znode.ControllerEpoch, []byte("2"), tree.AnyVersion))
	require.NoError(t, err)
	_, err = n.ctl.CreateTopics(t.Context(), []plan.TopicSpec{spec("t", 1)}, controller.CreateOptions{})
	require.ErrorIs(t, err, controller.ErrNotController)
	require.NotContains(t, n.paths(), "/brokers/topics/t")
	require.Empty(t, n.led)
	require.Eventually(t, func() bool { return n.ctl.Image().ControllerEpoch == 3 }, time.Minute, time.Millisecond, "nobody else is there: it is elected again")
	require.NoError(t, n.create(spec("t", 1))[0].Err)
}

// TestManyPartitions: ten thousand partitions are few writes, and are there
// again after a restart.
func TestManyPartitions(t *testing.T) {
	n := newNode(t)
	n.start()
	specs := make([]plan.TopicSpec, 100)
	for i := range specs {
		specs[i] = spec(fmt.Sprintf("t-%03d", i), 100)
	}
	before, err := n.tree.Exists(znode.FeaturePath, nil)
	require.NoError(t, err)
	n.create(specs...)
	require.Len(t, n.led, 10_000)
	last, err := n.tree.Exists(znode.StatePath("t-099", 99), nil)
	require.NoError(t, err)
	require.Greater(t, last.Czxid, before.Czxid)
	require.Less(t, last.Czxid, before.Czxid+30, "twenty thousand nodes are few writes")
	n.restart()
	require.Len(t, n.led, 10_000)
}

func TestNotInOffice(t *testing.T) {
	n := newNode(t)
	c := controller.New(controller.Options{Settings: func() plan.Settings { return n.settings }})
	_, err := c.CreateTopics(t.Context(), []plan.TopicSpec{spec("t", 1)}, controller.CreateOptions{})
	require.ErrorIs(t, err, controller.ErrNotController)
	require.False(t, c.Active())
	require.NotNil(t, c.Image())
}

// TestStopCutsOrdersOff: what was decided and not obeyed is ordered again by
// the next controller.
func TestStopCutsOrdersOff(t *testing.T) {
	n := newNode(t)
	n.start()
	n.create(spec("old", 2))
	cutOff := make(chan struct{})
	n.cutOff = cutOff
	answered := make(chan error, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := n.ctl.DeleteTopics(context.Background(), []plan.TopicRef{{Name: "old"}})
		answered <- err
	})
	<-cutOff
	n.stop()
	waiting.Wait()
	t.Log("the request that was cut off:", <-answered)
	n.start()
	require.Nil(t, n.ctl.Image().Topic("old"))
	n.gone("old")
	require.NotContains(t, n.paths(), "/brokers/topics/old")
	require.Empty(t, n.led)

	cutOff = make(chan struct{})
	n.cutOff = cutOff
	waiting.Go(func() {
		_, err := n.ctl.CreateTopics(context.Background(), []plan.TopicSpec{spec("new", 2)}, controller.CreateOptions{})
		answered <- err
	})
	<-cutOff
	n.stop()
	waiting.Wait()
	t.Log("the request that was cut off:", <-answered)
	n.start()
	require.Len(t, n.led, 2)
	require.EqualValues(t, 0, n.ctl.Image().Partition("new", 1).Leader)
}
