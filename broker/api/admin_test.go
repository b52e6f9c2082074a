package api_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker"
)

// whole is a broker with everything in it, for the APIs that the controller and
// the tree stand behind. It can be stopped and started again.
type whole struct {
	t    *testing.T
	dir  string
	set  []string
	b    *broker.Broker
	stop func()
}

func startWhole(t *testing.T, set ...string) *whole {
	w := &whole{t: t, dir: t.TempDir(), set: set}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *whole) start() {
	w.t.Helper()
	b, err := broker.New(broker.Config{DataDir: w.dir, Set: w.set})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { done <- b.Run(ctx) })
	w.b, w.stop = b, sync.OnceFunc(func() {
		cancel()
		running.Wait()
		require.NoError(w.t, <-done)
	})
	select {
	case <-b.Ready():
	case <-time.After(30 * time.Second):
		require.FailNow(w.t, "the broker is not ready")
	}
}

func (w *whole) restart() {
	w.stop()
	w.start()
}

func (w *whole) connect() *client {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.b.Addr().String())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { conn.Close() })
	require.NoError(w.t, conn.SetDeadline(time.Now().Add(60*time.Second)))
	return &client{t: w.t, conn: conn}
}

func value(s string) *string { return &s }

// createTopic asks for one topic and returns its row.
func createTopic(c *client, version int16, edit func(*kmsg.CreateTopicsRequestTopic)) kmsg.CreateTopicsResponseTopic {
	c.t.Helper()
	q := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.NumPartitions, t.ReplicationFactor = 1, 1
	edit(&t)
	q.Topics = append(q.Topics, t)
	return ask[*kmsg.CreateTopicsResponse](c, version, q).Topics[0]
}

func named(name string) func(*kmsg.CreateTopicsRequestTopic) {
	return func(t *kmsg.CreateTopicsRequestTopic) { t.Topic = name }
}

// metadataOf asks for one topic by name, at a version.
func metadataOf(c *client, version int16, name string, create bool) *kmsg.MetadataResponse {
	c.t.Helper()
	q := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	q.Topics, q.AllowAutoTopicCreation = []kmsg.MetadataRequestTopic{t}, create
	return ask[*kmsg.MetadataResponse](c, version, q)
}

func TestCreateTopicsAtEveryVersion(t *testing.T) {
	c := startWhole(t, "num.partitions=3").connect()
	for version := int16(0); version <= 7; version++ {
		name := "t" + string(rune('0'+version))
		row := createTopic(c, version, func(t *kmsg.CreateTopicsRequestTopic) {
			t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
			config := kmsg.NewCreateTopicsRequestTopicConfig()
			config.Name, config.Value = "retention.ms", value("77")
			t.Configs = append(t.Configs, config)
		})
		require.Zero(t, row.ErrorCode)
		got := metadataOf(c, 12, name, false).Topics[0]
		require.Zero(t, got.ErrorCode)
		require.Len(t, got.Partitions, 3)
		if version >= 7 {
			require.Equal(t, got.TopicID, row.TopicID)
		}
		if version < 5 {
			continue
		}
		require.EqualValues(t, 3, row.NumPartitions)
		require.EqualValues(t, 1, row.ReplicationFactor)
		found := map[string]kmsg.CreateTopicsResponseTopicConfig{}
		for _, config := range row.Configs {
			found[config.Name] = config
		}
		require.Equal(t, "77", *found["retention.ms"].Value)
		require.EqualValues(t, 1, found["retention.ms"].Source)
		require.Equal(t, "delete", *found["cleanup.policy"].Value)
		require.EqualValues(t, 5, found["cleanup.policy"].Source)
		require.Greater(t, len(found), 25, "all keys of a topic")
	}
	failed := createTopic(c, 7, named("t7"))
	require.Equal(t, kerr.TopicAlreadyExists.Code, failed.ErrorCode)
	require.EqualValues(t, -1, failed.NumPartitions)
	require.NotNil(t, failed.Configs, "the Java client fails on null")
	require.Empty(t, failed.Configs)
}

func TestCreateTopicsResultsAreInRequestOrder(t *testing.T) {
	c := startWhole(t).connect()
	q := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range []string{"z", "bad name", "a", "__cluster_metadata", "m"} {
		row := kmsg.NewCreateTopicsRequestTopic()
		row.Topic, row.NumPartitions, row.ReplicationFactor = name, 1, 1
		q.Topics = append(q.Topics, row)
	}
	got := ask[*kmsg.CreateTopicsResponse](c, 7, q).Topics
	for i, want := range []int16{0, kerr.InvalidTopicException.Code, 0, kerr.InvalidRequest.Code, 0} {
		require.Equal(t, q.Topics[i].Topic, got[i].Topic)
		require.Equal(t, want, got[i].ErrorCode)
	}
}

func TestDeleteTopicsByNameAndID(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	first := createTopic(c, 7, named("t"))
	q := kmsg.NewPtrDeleteTopicsRequest()
	byID := kmsg.NewDeleteTopicsRequestTopic()
	byID.TopicID = first.TopicID
	q.Topics = append(q.Topics, byID)
	row := ask[*kmsg.DeleteTopicsResponse](c, 6, q).Topics[0]
	require.Zero(t, row.ErrorCode)
	require.Equal(t, "t", *row.Topic, "a topic deleted by id is named")
	require.Equal(t, kerr.UnknownTopicID.Code, ask[*kmsg.DeleteTopicsResponse](c, 6, q).Topics[0].ErrorCode)

	again := createTopic(c, 7, named("t"))
	require.Zero(t, again.ErrorCode, "the name is free when the answer has come")
	require.NotEqual(t, first.TopicID, again.TopicID)
	for version := int16(0); version <= 5; version++ {
		old := kmsg.NewPtrDeleteTopicsRequest()
		old.TopicNames = []string{"t", "nope"}
		rows := ask[*kmsg.DeleteTopicsResponse](c, version, old).Topics
		require.Zero(t, rows[0].ErrorCode)
		require.Equal(t, kerr.UnknownTopicOrPartition.Code, rows[1].ErrorCode)
		require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	}
	w.restart()
	require.Zero(t, metadataOf(w.connect(), 12, "t", false).Topics[0].ErrorCode)
}

func TestDeletionCanBeSwitchedOff(t *testing.T) {
	c := startWhole(t, "delete.topic.enable=false").connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	q := kmsg.NewPtrDeleteTopicsRequest()
	q.TopicNames = []string{"t"}
	require.Equal(t, kerr.InvalidRequest.Code, ask[*kmsg.DeleteTopicsResponse](c, 2, q).Topics[0].ErrorCode)
	require.Equal(t, kerr.TopicDeletionDisabled.Code, ask[*kmsg.DeleteTopicsResponse](c, 3, q).Topics[0].ErrorCode)
}

// TestAutoCreatedTopicIsUsableAtOnce: the answer that made the topic says
// LEADER_NOT_AVAILABLE, as Kafka's; the very next request on any connection,
// whatever it is, can use it.
func TestAutoCreatedTopicIsUsableAtOnce(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	made := metadataOf(c, 12, "made", true).Topics[0]
	require.Equal(t, kerr.LeaderNotAvailable.Code, made.ErrorCode)
	require.Empty(t, made.Partitions)
	q := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1
	topic.Topic, topic.Partitions = "made", append(topic.Partitions, partition)
	q.Topics = append(q.Topics, topic)
	require.Zero(t, ask[*kmsg.ListOffsetsResponse](w.connect(), 5, q).Topics[0].Partitions[0].ErrorCode)
	next := metadataOf(c, 12, "made", true).Topics[0]
	require.Zero(t, next.ErrorCode)
	require.Zero(t, next.Partitions[0].Leader)
}

func TestAutoCreationNeedsBoth(t *testing.T) {
	c := startWhole(t, "auto.create.topics.enable=false").connect()
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, metadataOf(c, 12, "a", true).Topics[0].ErrorCode)
	c = startWhole(t).connect()
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, metadataOf(c, 12, "a", false).Topics[0].ErrorCode)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, metadataOf(c, 4, "a", false).Topics[0].ErrorCode)
	require.Equal(t, kerr.LeaderNotAvailable.Code, metadataOf(c, 3, "a", false).Topics[0].ErrorCode, "older clients cannot say")
}

func TestCreatePartitions(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	grow := func(count int32, validateOnly bool) int16 {
		q := kmsg.NewPtrCreatePartitionsRequest()
		row := kmsg.NewCreatePartitionsRequestTopic()
		row.Topic, row.Count = "t", count
		q.Topics, q.ValidateOnly = append(q.Topics, row), validateOnly
		return ask[*kmsg.CreatePartitionsResponse](c, 3, q).Topics[0].ErrorCode
	}
	require.Zero(t, grow(4, true))
	require.Len(t, metadataOf(c, 12, "t", false).Topics[0].Partitions, 1)
	require.Zero(t, grow(4, false))
	require.Len(t, metadataOf(c, 12, "t", false).Topics[0].Partitions, 4)
	require.Equal(t, kerr.InvalidPartitions.Code, grow(4, false))
	w.restart()
	require.Len(t, metadataOf(w.connect(), 12, "t", false).Topics[0].Partitions, 4)
}

func TestReassignmentsOnOneBroker(t *testing.T) {
	c := startWhole(t).connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	reassign := func(replicas []int32) int16 {
		q := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Replicas = replicas
		topic.Topic, topic.Partitions = "t", append(topic.Partitions, p)
		q.Topics = append(q.Topics, topic)
		return ask[*kmsg.AlterPartitionAssignmentsResponse](c, 0, q).Topics[0].Partitions[0].ErrorCode
	}
	require.Zero(t, reassign([]int32{0}))
	require.Equal(t, kerr.NoReassignmentInProgress.Code, reassign(nil))
	require.Equal(t, kerr.InvalidReplicaAssignment.Code, reassign([]int32{5}))
	require.Empty(t, ask[*kmsg.ListPartitionReassignmentsResponse](c, 0, kmsg.NewPtrListPartitionReassignmentsRequest()).Topics)
}

func TestDescribeTopicPartitionsPages(t *testing.T) {
	c := startWhole(t).connect()
	for _, name := range []string{"b", "a", "c"} {
		require.Zero(t, createTopic(c, 7, func(t *kmsg.CreateTopicsRequestTopic) { t.Topic, t.NumPartitions = name, 3 }).ErrorCode)
	}
	q := kmsg.NewPtrDescribeTopicPartitionsRequest()
	q.ResponsePartitionLimit = 4
	type row struct {
		topic     string
		partition int32
	}
	var seen []row
	for pages := 0; ; pages++ {
		require.Less(t, pages, 5)
		got := ask[*kmsg.DescribeTopicPartitionsResponse](c, 0, q)
		for _, topic := range got.Topics {
			require.Zero(t, topic.ErrorCode)
			for _, p := range topic.Partitions {
				require.NotNil(t, p.EligibleLeaderReplicas)
				require.NotNil(t, p.LastKnownELR)
				seen = append(seen, row{*topic.Topic, p.Partition})
			}
		}
		if got.NextCursor == nil {
			break
		}
		cursor := kmsg.NewDescribeTopicPartitionsRequestCursor()
		cursor.Topic, cursor.Partition = got.NextCursor.Topic, got.NextCursor.Partition
		q.Cursor = &cursor
	}
	require.Equal(t, []row{{"a", 0}, {"a", 1}, {"a", 2}, {"b", 0}, {"b", 1}, {"b", 2}, {"c", 0}, {"c", 1}, {"c", 2}}, seen)

	q = kmsg.NewPtrDescribeTopicPartitionsRequest()
	for _, name := range []string{"nope", "bad name"} {
		topic := kmsg.NewDescribeTopicPartitionsRequestTopic()
		topic.Topic = name
		q.Topics = append(q.Topics, topic)
	}
	got := ask[*kmsg.DescribeTopicPartitionsResponse](c, 0, q).Topics
	require.Equal(t, kerr.InvalidTopicException.Code, got[0].ErrorCode)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, got[1].ErrorCode)
	require.Empty(t, got[1].Partitions)
}

func TestProducerIDsAreNeverGivenTwice(t *testing.T) {
	w := startWhole(t)
	seen := map[int64]bool{}
	next := func(c *client) {
		got := ask[*kmsg.InitProducerIDResponse](c, 4, kmsg.NewPtrInitProducerIDRequest())
		require.Zero(t, got.ErrorCode, "the first after a start, too")
		require.Zero(t, got.ProducerEpoch)
		require.False(t, seen[got.ProducerID])
		seen[got.ProducerID] = true
	}
	c := w.connect()
	for range 1100 {
		next(c)
	}
	require.True(t, seen[0])
	w.restart()
	next(w.connect())
	require.True(t, seen[2000], "a block that a restart cut off is not used on")
}

// produceOne produces one record and returns the code.
func produceOne(c *client, topic string, v []byte) int16 {
	c.t.Helper()
	q := produce(topic, 1, batchOf{values: []string{string(v)}, timestamp: time.Now().UnixMilli()}.bytes())
	return produced(ask[*kmsg.ProduceResponse](c, 9, q)).ErrorCode
}
