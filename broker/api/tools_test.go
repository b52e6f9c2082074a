package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestConfigsThatToolsNeed: user interfaces read these and fail on null, or
// take features for missing.
func TestConfigsThatToolsNeed(t *testing.T) {
	c := startWhole(t).connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	broker := describe(c, ofBroker, "0")
	for key, want := range map[string]string{
		"auto.create.topics.enable": "true", "delete.topic.enable": "true", "inter.broker.protocol.version": "3.9-IV0",
		"default.replication.factor": "1", "min.insync.replicas": "1", "offsets.topic.replication.factor": "1",
		"log.cleaner.enable": "true", "log.retention.hours": "168", "num.partitions": "1",
	} {
		require.NotNil(t, broker[key].Value, key)
		require.Equal(t, want, *broker[key].Value, key)
		require.NotZero(t, broker[key].ConfigType, key)
	}
	topic := describe(c, ofTopic, "t")
	for _, key := range []string{
		"cleanup.policy", "retention.ms", "retention.bytes", "segment.bytes", "segment.ms", "segment.index.bytes", "segment.jitter.ms",
		"max.message.bytes", "min.insync.replicas", "compression.type", "message.timestamp.type", "delete.retention.ms",
	} {
		require.NotNil(t, topic[key].Value, key)
		require.NotZero(t, topic[key].ConfigType, key)
		require.False(t, topic[key].ReadOnly, key)
	}
}

// TestTopicKeysOfStreams: what Kafka Streams and Connect set is accepted.
func TestTopicKeysOfStreams(t *testing.T) {
	c := startWhole(t).connect()
	row := createTopic(c, 7, func(q *kmsg.CreateTopicsRequestTopic) {
		q.Topic, q.NumPartitions, q.ReplicationFactor = "app-store-changelog", -1, -1
		for key, v := range map[string]string{
			"segment.bytes": "52428800", "segment.ms": "600000", "message.timestamp.type": "CreateTime", "min.cleanable.dirty.ratio": "0.1",
			"retention.ms": "-1", "delete.retention.ms": "86400000", "cleanup.policy": "compact,delete", "segment.index.bytes": "52428800",
		} {
			config := kmsg.NewCreateTopicsRequestTopicConfig()
			config.Name, config.Value = key, value(v)
			q.Configs = append(q.Configs, config)
		}
	})
	require.Zero(t, row.ErrorCode)
}

// TestInternalTopic: made by the first request for a coordinator, marked as
// Kafka's own, with its configuration, and with as many replicas as there are
// brokers.
func TestInternalTopic(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	q := kmsg.NewPtrFindCoordinatorRequest()
	q.CoordinatorKeys = []string{"g"}
	require.Zero(t, ask[*kmsg.FindCoordinatorResponse](c, 4, q).Coordinators[0].ErrorCode)
	got := metadataOf(c, 12, "__consumer_offsets", false).Topics[0]
	require.Zero(t, got.ErrorCode)
	require.True(t, got.IsInternal)
	require.Len(t, got.Partitions, 50)
	require.Equal(t, []int32{0}, got.Partitions[0].Replicas)
	config := describe(c, ofTopic, "__consumer_offsets")
	for key, want := range map[string]string{"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600"} {
		require.Equal(t, want, *config[key].Value)
		require.EqualValues(t, 1, config[key].Source)
	}
	require.Equal(t, "__consumer_offsets", *metadataOf(c, 12, "__consumer_offsets", true).Topics[0].Topic)
}

// TestMetadataNamesTheController: tools look it up among the brokers.
func TestMetadataNamesTheController(t *testing.T) {
	c := startWhole(t, "broker.rack=here").connect()
	q := kmsg.NewPtrMetadataRequest()
	got := ask[*kmsg.MetadataResponse](c, 12, q)
	require.Len(t, got.Brokers, 1)
	require.Equal(t, got.Brokers[0].NodeID, got.ControllerID)
	require.Equal(t, "here", *got.Brokers[0].Rack)
	require.NotEmpty(t, *got.ClusterID)
	described := ask[*kmsg.DescribeClusterResponse](c, 1, kmsg.NewPtrDescribeClusterRequest())
	require.Equal(t, *got.ClusterID, described.ClusterID)
	require.Equal(t, got.ControllerID, described.ControllerID)
}

// TestSecurityIsOff: tools probe for it and want to be told in Kafka's way.
func TestSecurityIsOff(t *testing.T) {
	c := startWhole(t).connect()
	for version := int16(0); version <= 3; version++ {
		require.Equal(t, kerr.SecurityDisabled.Code, ask[*kmsg.DescribeACLsResponse](c, version, kmsg.NewPtrDescribeACLsRequest()).ErrorCode)
		create := kmsg.NewPtrCreateACLsRequest()
		create.Creations = append(create.Creations, kmsg.NewCreateACLsRequestCreation())
		require.Equal(t, kerr.SecurityDisabled.Code, ask[*kmsg.CreateACLsResponse](c, version, create).Results[0].ErrorCode)
		tokens := kmsg.NewPtrDescribeDelegationTokenRequest()
		require.Equal(t, kerr.DelegationTokenRequestNotAllowed.Code, ask[*kmsg.DescribeDelegationTokenResponse](c, version, tokens).ErrorCode)
	}
}
