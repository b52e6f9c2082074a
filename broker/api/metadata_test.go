package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

// cluster gives a node a picture with three brokers: 1 is the node itself, 2 has
// its listener, 3 has another.
func cluster(n *node, topics ...*image.Topic) {
	one := int32(1)
	byName := map[string]*image.Topic{}
	for _, t := range topics {
		byName[t.Name] = t
	}
	n.change(image.Changes{
		ClusterID: "cluster", Controller: &one, Topics: byName,
		Brokers: []image.Broker{
			{ID: 1, Rack: "r1"},
			{ID: 2, Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "two.example", Port: 9092}}},
			{ID: 3, Endpoints: []image.Endpoint{{Listener: "OTHER", Host: "three.example", Port: 9093}}},
		},
	})
}

// topicOf has one partition of each kind.
func topicOf(name string) *image.Topic {
	return &image.Topic{Name: name, ID: idOf(name), Partitions: []image.Partition{
		{Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: 1, LeaderEpoch: 3},
		{Replicas: []int32{2, 9}, ISR: []int32{2}, Leader: 2, LeaderEpoch: 4},
		{Replicas: []int32{3, 1}, ISR: []int32{3, 1}, Leader: 3, LeaderEpoch: 5},
		{Replicas: []int32{9}, ISR: []int32{9}, Leader: 9, LeaderEpoch: 6},
		{Replicas: []int32{1}, ISR: []int32{1}, Leader: image.NoBroker, LeaderEpoch: 7, Offline: []int32{1}},
	}}
}

// TestMetadataAtEveryVersion holds the codec against kmsg's: receive demands
// that kmsg reads the answer and would write the same bytes.
func TestMetadataAtEveryVersion(t *testing.T) {
	n := start(t)
	cluster(n, topicOf("a"), topicOf("__consumer_offsets"))
	c := n.connect()
	for version := int16(0); version <= 12; version++ {
		got := metadataOf(c, version, "a", false)
		require.Len(t, got.Brokers, 2, "a broker without the listener is not told")
		require.EqualValues(t, 1, got.Brokers[0].NodeID)
		require.Equal(t, "127.0.0.1", got.Brokers[0].Host, "where nothing is advertised, what the client dialled")
		require.Equal(t, n.addr, fmt.Sprintf("%s:%d", got.Brokers[0].Host, got.Brokers[0].Port))
		require.Equal(t, "two.example", got.Brokers[1].Host)
		if version >= 1 {
			require.EqualValues(t, 1, got.ControllerID)
			require.Equal(t, "r1", *got.Brokers[0].Rack)
			require.Nil(t, got.Brokers[1].Rack)
		}
		if version >= 2 {
			require.Equal(t, "cluster", *got.ClusterID)
		}
		require.Len(t, got.Topics, 1)
		checkPartitions(t, version, got.Topics[0].Partitions)
		if version >= 10 {
			require.EqualValues(t, idOf("a"), got.Topics[0].TopicID)
		}
		require.EqualValues(t, -1<<31, got.Topics[0].AuthorizedOperations)
	}
}

func checkPartitions(t *testing.T, version int16, ps []kmsg.MetadataResponseTopicPartition) {
	t.Helper()
	require.Len(t, ps, 5)
	leader, code := map[int16]int16{0: 9}, map[bool]int16{true: kerr.ListenerNotFound.Code, false: kerr.LeaderNotAvailable.Code}
	require.Zero(t, ps[0].ErrorCode)
	require.EqualValues(t, 1, ps[0].Leader)
	require.Equal(t, leader[version], ps[1].ErrorCode, "version 0 tells of dead replicas")
	require.EqualValues(t, 2, ps[1].Leader)
	require.Equal(t, code[version >= 6], ps[2].ErrorCode)
	require.EqualValues(t, -1, ps[2].Leader)
	for _, p := range ps[3:] {
		require.Equal(t, kerr.LeaderNotAvailable.Code, p.ErrorCode)
		require.EqualValues(t, -1, p.Leader)
	}
	if version == 0 {
		require.Equal(t, []int32{2}, ps[1].Replicas)
		return
	}
	require.Equal(t, []int32{2, 9}, ps[1].Replicas)
	if version >= 5 {
		require.Equal(t, []int32{9}, ps[1].OfflineReplicas)
		require.Equal(t, []int32{1}, ps[4].OfflineReplicas, "its disk has failed")
		require.Empty(t, ps[0].OfflineReplicas)
	}
	if version >= 7 {
		require.EqualValues(t, 7, ps[4].LeaderEpoch, "also without a leader")
	}
}

func TestMetadataOfAllOrNone(t *testing.T) {
	n := start(t)
	cluster(n, topicOf("a"), topicOf("b"))
	c := n.connect()
	for version := int16(0); version <= 12; version++ {
		q := kmsg.NewPtrMetadataRequest()
		q.Topics = nil
		if version == 0 {
			q.Topics = []kmsg.MetadataRequestTopic{}
		}
		require.Len(t, ask[*kmsg.MetadataResponse](c, version, q).Topics, 2)
		if version > 0 {
			q.Topics = []kmsg.MetadataRequestTopic{}
			require.Empty(t, ask[*kmsg.MetadataResponse](c, version, q).Topics)
		}
	}
}

func TestMetadataByID(t *testing.T) {
	n := start(t)
	cluster(n, topicOf("a"))
	q := kmsg.NewPtrMetadataRequest()
	for _, id := range [][16]byte{idOf("a"), {7}} {
		topic := kmsg.NewMetadataRequestTopic()
		topic.TopicID = id
		q.Topics = append(q.Topics, topic)
	}
	got := ask[*kmsg.MetadataResponse](n.connect(), 12, q).Topics
	require.Equal(t, "a", *got[0].Topic)
	require.Zero(t, got[0].ErrorCode)
	require.Equal(t, kerr.UnknownTopicID.Code, got[1].ErrorCode)
	require.Nil(t, got[1].Topic)
	require.Equal(t, [16]byte{7}, got[1].TopicID)
}

func TestMetadataAnswersEachTopicOnce(t *testing.T) {
	n := start(t)
	cluster(n, topicOf("a"), topicOf("b"))
	for _, repeat := range []int{2, 40} {
		q := kmsg.NewPtrMetadataRequest()
		q.AllowAutoTopicCreation = false
		for range repeat {
			for _, name := range []string{"b", "a", "nope"} {
				topic := kmsg.NewMetadataRequestTopic()
				topic.Topic = value(name)
				q.Topics = append(q.Topics, topic)
			}
		}
		got := ask[*kmsg.MetadataResponse](n.connect(), 9, q).Topics
		require.Len(t, got, 3)
		require.Equal(t, "b", *got[0].Topic)
		require.Equal(t, "nope", *got[2].Topic)
	}
}

func TestMetadataTellsOperationsWhenAsked(t *testing.T) {
	n := start(t)
	cluster(n, topicOf("a"))
	q := kmsg.NewPtrMetadataRequest()
	q.Topics = nil
	q.IncludeTopicAuthorizedOperations, q.IncludeClusterAuthorizedOperations = true, true
	got := ask[*kmsg.MetadataResponse](n.connect(), 8, q)
	require.EqualValues(t, 3576, got.Topics[0].AuthorizedOperations)
	require.EqualValues(t, 8096, got.AuthorizedOperations)
}

// TestAdvertisedAddress: what is configured is told, whatever was dialled.
func TestAdvertisedAddress(t *testing.T) {
	n := startWith(t, options{settings: map[string]string{"advertised.listeners": "PLAINTEXT://pub.example:7777"}})
	cluster(n)
	n.change(image.Changes{Brokers: []image.Broker{{ID: 1, Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "pub.example", Port: 7777}}}}})
	got := ask[*kmsg.MetadataResponse](n.connect(), 9, kmsg.NewPtrMetadataRequest()).Brokers
	require.Equal(t, "pub.example", got[0].Host)
	require.EqualValues(t, 7777, got[0].Port)
	described := ask[*kmsg.DescribeClusterResponse](n.connect(), 1, kmsg.NewPtrDescribeClusterRequest())
	require.Equal(t, "pub.example", described.Brokers[0].Host)
	require.EqualValues(t, 1, described.ControllerID)
}
