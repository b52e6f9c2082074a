package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestProduceGivesOffsets(t *testing.T) {
	n := start(t)
	n.topic("t", 2)
	c := n.connect()
	for version := int16(3); version <= 11; version++ {
		before := n.log("t", 0).EndOffset()
		row := produced(ask[*kmsg.ProduceResponse](c, version, produce("t", -1, batch(3))))
		require.Zero(t, row.ErrorCode)
		require.Equal(t, before, row.BaseOffset)
		require.EqualValues(t, -1, row.LogAppendTime)
		require.Equal(t, before+3, n.log("t", 0).EndOffset())
	}
}

func TestProduceAnswersEachPartition(t *testing.T) {
	n := start(t)
	n.topic("t", 2)
	n.topic("u", 1)
	n.topic("__consumer_offsets", 1)
	q := produce("t", 1, batch(1))
	addRecords(q, "t", 7, batch(1))
	addRecords(q, "t", 1, []byte("not a batch, but long enough to look like one, 61 bytes at least"))
	addRecords(q, "nope", 0, batch(1))
	addRecords(q, "__consumer_offsets", 0, batch(1))
	addRecords(q, "u", 0, batch(2))
	a := ask[*kmsg.ProduceResponse](n.connect(), 11, q)
	var got [][2]int64
	for _, topic := range a.Topics {
		for _, p := range topic.Partitions {
			got = append(got, [2]int64{int64(p.ErrorCode), p.BaseOffset})
		}
	}
	require.Equal(t, [][2]int64{{0, 0}, {3, -1}, {2, -1}, {3, -1}, {17, -1}, {0, 0}}, got)
}

// Records that are null are refused, where Kafka blocks the connection for ever.
func TestProduceNullRecordsAreAnswered(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	for version := range int16(12) {
		row := produced(ask[*kmsg.ProduceResponse](c, version, produce("t", 1, nil)))
		require.Equal(t, kerr.InvalidRecord.Code, row.ErrorCode)
	}
}

func TestProduceWithoutAcksHasNoAnswer(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	q := produce("t", 0, batch(1))
	q.Version = 9
	c.send(q)
	// The next answer is that of the next request.
	row := produced(ask[*kmsg.ProduceResponse](c, 9, produce("t", 1, batch(1))))
	require.EqualValues(t, 1, row.BaseOffset)

	q = produce("nope", 0, batch(1))
	q.Version = 9
	c.send(q)
	c.closed()
}

func TestProduceAcksMustBeKnown(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	for _, acks := range []int16{2, -2} {
		row := produced(ask[*kmsg.ProduceResponse](n.connect(), 8, produce("t", acks, batch(1))))
		require.Equal(t, kerr.InvalidRequiredAcks.Code, row.ErrorCode)
	}
	require.Zero(t, n.log("t", 0).EndOffset())
}

// A single replica is all there is: acks=all is accepted whatever
// min.insync.replicas says.
func TestProduceAllOfOneReplica(t *testing.T) {
	n := start(t)
	n.topic("t", 1, "min.insync.replicas", "2")
	row := produced(ask[*kmsg.ProduceResponse](n.connect(), 9, produce("t", -1, batch(1))))
	require.Zero(t, row.ErrorCode)
}

func TestProduceDuplicateGivesTheFirstOffset(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	send := func(sequence int32) kmsg.ProduceResponseTopicPartition {
		b := batchOf{values: []string{"x", "y"}, producer: 5, sequence: sequence}
		return produced(ask[*kmsg.ProduceResponse](c, 9, produce("t", -1, b.bytes())))
	}
	require.EqualValues(t, 0, send(0).BaseOffset)
	require.EqualValues(t, 2, send(2).BaseOffset)
	again := send(0)
	require.Zero(t, again.ErrorCode)
	require.EqualValues(t, 0, again.BaseOffset)
	require.EqualValues(t, 4, n.log("t", 0).EndOffset())
	require.Equal(t, kerr.OutOfOrderSequenceNumber.Code, send(9).ErrorCode)
}

func TestProduceAppendTime(t *testing.T) {
	n := start(t)
	n.topic("t", 1, "message.timestamp.type", "LogAppendTime")
	row := produced(ask[*kmsg.ProduceResponse](n.connect(), 9, produce("t", 1, batchOf{values: []string{"x"}, timestamp: 5}.bytes())))
	require.Zero(t, row.ErrorCode)
	require.Greater(t, row.LogAppendTime, int64(1e12))
}

func TestProduceNamesTheRecordsAtFault(t *testing.T) {
	n := start(t)
	n.topic("t", 1, "cleanup.policy", "compact")
	c := n.connect()
	q := produce("t", 1, batchOf{values: []string{"x", "y"}, noKey: true}.bytes())
	row := produced(ask[*kmsg.ProduceResponse](c, 8, q))
	require.Equal(t, kerr.InvalidRecord.Code, row.ErrorCode)
	require.Len(t, row.ErrorRecords, 2)
	require.EqualValues(t, 1, row.ErrorRecords[1].RelativeOffset)
	require.Contains(t, *row.ErrorRecords[0].ErrorMessage, "without key")
	require.NotNil(t, row.ErrorMessage)
}

// Who asks the wrong broker is told who leads and where (KIP-951).
func TestProduceHintsTheLeader(t *testing.T) {
	n := start(t)
	n.elsewhere("far", 2)
	q := produce("far", 1, batch(1))
	addRecords(q, "far", 1, batch(1))
	c := n.connect()
	a := ask[*kmsg.ProduceResponse](c, 10, q)
	for _, row := range a.Topics[0].Partitions {
		require.Equal(t, kerr.NotLeaderForPartition.Code, row.ErrorCode)
		require.EqualValues(t, 2, row.CurrentLeader.LeaderID)
		require.EqualValues(t, 9, row.CurrentLeader.LeaderEpoch)
	}
	require.Len(t, a.Brokers, 1)
	require.Equal(t, "two.example", a.Brokers[0].Host)
	require.Equal(t, "r2", *a.Brokers[0].Rack)
	require.Empty(t, ask[*kmsg.ProduceResponse](c, 9, q).Brokers)
}

// Of a partition that is listed twice the last records count, as in Kafka.
func TestProduceTheSamePartitionTwice(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	q := produce("t", 1, batch(1))
	addRecords(q, "t", 0, batch(2))
	a := ask[*kmsg.ProduceResponse](n.connect(), 8, q)
	require.Len(t, a.Topics[0].Partitions, 1)
	require.EqualValues(t, 2, n.log("t", 0).EndOffset())
}

// With group commit an answer comes when the records are on disk, and shows
// them to consumers not before; other requests go on meanwhile.
func TestProduceGroupCommit(t *testing.T) {
	n := startWith(t, options{groupCommit: true})
	n.topic("t", 3)
	var all []*client
	for range 4 {
		c := n.connect()
		for i := range 50 {
			q := produce("t", []int16{1, -1}[i%2], batch(1))
			addRecords(q, "t", int32(1+i%2), batch(1))
			q.Version = 9
			c.send(q)
		}
		all = append(all, c)
	}
	last := int64(0)
	for _, c := range all {
		c.next = 0
		for range 50 {
			c.next++
			q := kmsg.NewPtrProduceRequest()
			q.Version = 9
			for _, row := range receive[*kmsg.ProduceResponse](c, q).Topics[0].Partitions {
				require.Zero(t, row.ErrorCode)
				last = max(last, row.BaseOffset)
			}
		}
	}
	require.EqualValues(t, 199, last)
	require.EqualValues(t, 200, n.log("t", 0).RecoveryPoint(), "on disk")
	row := fetched(ask[*kmsg.FetchResponse](all[0], 11, fetch("t", 0)))
	require.EqualValues(t, 200, row.HighWatermark)
}

// A topic that wants each record on disk (flush.messages=1) commits alike.
func TestProduceFlushMessages(t *testing.T) {
	n := start(t)
	n.topic("t", 1, "flush.messages", "1")
	row := produced(ask[*kmsg.ProduceResponse](n.connect(), 9, produce("t", 1, batch(2))))
	require.Zero(t, row.ErrorCode)
	require.EqualValues(t, 2, n.log("t", 0).RecoveryPoint())
}

func TestProduceTransactionalNeedsATransaction(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	b := batchOf{values: []string{"x"}, producer: 8, attributes: 1 << 4}.bytes()
	for _, c := range []struct {
		id   *string
		code int16
	}{
		{nil, kerr.TransactionalIDAuthorizationFailed.Code},
		{kmsg.StringPtr(""), kerr.InvalidRequest.Code},
		{kmsg.StringPtr("tx"), kerr.InvalidProducerIDMapping.Code},
	} {
		q := produce("t", -1, append([]byte(nil), b...))
		q.TransactionID = c.id
		require.Equal(t, c.code, produced(ask[*kmsg.ProduceResponse](n.connect(), 8, q)).ErrorCode)
	}
}

func TestProduceToADeletedTopic(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	require.Zero(t, produced(ask[*kmsg.ProduceResponse](c, 9, produce("t", 1, batch(1)))).ErrorCode)
	n.gone("t")
	require.EqualValues(t, 3, produced(ask[*kmsg.ProduceResponse](c, 9, produce("t", 1, batch(1)))).ErrorCode)
	n.topic("t", 1)
	row := produced(ask[*kmsg.ProduceResponse](c, 9, produce("t", 1, batch(1))))
	require.Zero(t, row.ErrorCode)
	require.Zero(t, row.BaseOffset, "a new log")
}

func TestProduceMalformedClosesTheConnection(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	_, err := c.conn.Write([]byte("\x00\x00\x00\x10\x00\x00\x00\x08\x00\x00\x00\x01\xff\xff\xff\xff\x00\x01\x00\x00"))
	require.NoError(t, err)
	c.closed()
}
