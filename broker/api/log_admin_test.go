package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func deleteUpTo(topic string, offset int64) *kmsg.DeleteRecordsRequest {
	q := kmsg.NewPtrDeleteRecordsRequest()
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic = topic
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Offset = offset
	t.Partitions = append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
	return q
}

func TestDeleteRecords(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.topic("compacted", 1, "cleanup.policy", "compact")
	n.topic("both", 1, "cleanup.policy", "compact,delete")
	n.topic("__consumer_offsets", 1)
	n.elsewhere("far", 1)
	n.fill("t", 0, 5)
	n.fill("both", 0, 2)
	c := n.connect()
	for version := range int16(3) {
		for _, x := range []struct {
			topic  string
			offset int64
			low    int64
			code   int16
		}{
			{"t", 0, 0, 0},
			{"t", 6, -1, kerr.OffsetOutOfRange.Code},
			{"t", -2, -1, kerr.OffsetOutOfRange.Code},
			{"nope", 0, -1, kerr.UnknownTopicOrPartition.Code},
			{"far", 0, -1, kerr.NotLeaderForPartition.Code},
			{"compacted", 0, -1, kerr.PolicyViolation.Code},
			{"__consumer_offsets", 0, -1, kerr.InvalidTopicException.Code},
		} {
			row := ask[*kmsg.DeleteRecordsResponse](c, version, deleteUpTo(x.topic, x.offset)).Topics[0].Partitions[0]
			require.Equal(t, x.code, row.ErrorCode, "%+v", x)
			require.Equal(t, x.low, row.LowWatermark, "%+v", x)
		}
	}
	low := func(topic string, offset int64) int64 {
		row := ask[*kmsg.DeleteRecordsResponse](c, 2, deleteUpTo(topic, offset)).Topics[0].Partitions[0]
		require.Zero(t, row.ErrorCode)
		return row.LowWatermark
	}
	require.EqualValues(t, 3, low("t", 3))
	require.EqualValues(t, 3, low("t", 1), "the start does not move back")
	require.Equal(t, kerr.OffsetOutOfRange.Code, fetched(ask[*kmsg.FetchResponse](c, 11, fetch("t", 2))).ErrorCode)
	require.EqualValues(t, 3, fetched(ask[*kmsg.FetchResponse](c, 11, fetch("t", 3))).LogStartOffset)
	require.EqualValues(t, 5, low("t", -1), "-1 is the high watermark")
	require.EqualValues(t, 2, low("both", -1))
	require.EqualValues(t, 5, listed(ask[*kmsg.ListOffsetsResponse](c, 5, list("t", -2))).Offset)
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.elsewhere("far", 1)
	n.fill("t", 0, 3)
	n.lead("t", 0, 2, n.log("t", 0).Config())
	n.fill("t", 0, 2)
	c := n.connect()
	get := func(version int16, topic string, current, epoch int32) kmsg.OffsetForLeaderEpochResponseTopicPartition {
		q := kmsg.NewPtrOffsetForLeaderEpochRequest()
		t := kmsg.NewOffsetForLeaderEpochRequestTopic()
		t.Topic = topic
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.CurrentLeaderEpoch, p.LeaderEpoch = current, epoch
		t.Partitions = append(t.Partitions, p)
		q.Topics = append(q.Topics, t)
		return ask[*kmsg.OffsetForLeaderEpochResponse](c, version, q).Topics[0].Partitions[0]
	}
	for version := range int16(5) {
		for _, x := range []struct {
			epoch, found int32
			end          int64
		}{{0, 0, 3}, {1, 0, 3}, {2, 2, 5}, {3, -1, -1}, {-1, -1, -1}} {
			row := get(version, "t", -1, x.epoch)
			require.Zero(t, row.ErrorCode)
			require.Equal(t, x.end, row.EndOffset, "epoch %d", x.epoch)
			if version >= 1 {
				require.Equal(t, x.found, row.LeaderEpoch)
			}
		}
	}
	require.Equal(t, kerr.FencedLeaderEpoch.Code, get(2, "t", 1, 0).ErrorCode)
	require.Equal(t, kerr.UnknownLeaderEpoch.Code, get(2, "t", 3, 0).ErrorCode)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, get(2, "nope", -1, 0).ErrorCode)
	require.Equal(t, kerr.NotLeaderForPartition.Code, get(2, "far", -1, 0).ErrorCode)
	require.EqualValues(t, -1, get(2, "far", -1, 0).EndOffset)
}

func TestDescribeProducers(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	b := batchOf{values: []string{"x", "y"}, producer: 5, epoch: 3, timestamp: 77}
	require.Zero(t, produced(ask[*kmsg.ProduceResponse](c, 9, produce("t", -1, b.bytes()))).ErrorCode)
	get := func(topic string, index int32) kmsg.DescribeProducersResponseTopicPartition {
		q := kmsg.NewPtrDescribeProducersRequest()
		t := kmsg.NewDescribeProducersRequestTopic()
		t.Topic, t.Partitions = topic, []int32{index}
		q.Topics = append(q.Topics, t)
		return ask[*kmsg.DescribeProducersResponse](c, 0, q).Topics[0].Partitions[0]
	}
	row := get("t", 0)
	require.Zero(t, row.ErrorCode)
	require.Nil(t, row.ErrorMessage)
	require.Len(t, row.ActiveProducers, 1)
	p := row.ActiveProducers[0]
	require.EqualValues(t, 5, p.ProducerID)
	require.EqualValues(t, 3, p.ProducerEpoch)
	require.EqualValues(t, 1, p.LastSequence)
	require.EqualValues(t, 77, p.LastTimestamp)
	require.EqualValues(t, -1, p.CoordinatorEpoch)
	require.EqualValues(t, -1, p.CurrentTxnStartOffset)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, get("t", 9).ErrorCode)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, get("nope", 0).ErrorCode)
	require.Equal(t, kerr.InvalidTopicException.Code, get("bad name", 0).ErrorCode)
	n.elsewhere("far", 1)
	require.Equal(t, kerr.NotLeaderForPartition.Code, get("far", 0).ErrorCode)
}
