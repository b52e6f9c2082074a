package api_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/api"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/image"
)

// of is a cluster in which nothing but what a test sets can be asked.
func of(informed <-chan struct{}) *api.Cluster {
	return &api.Cluster{
		Informed: informed,
		Active:   func() bool { return false },
		Ask: func(context.Context, kmsg.Request) (kmsg.Response, error) {
			return nil, errors.New("there is no controller")
		},
		Await: func(context.Context, func(*image.Image) bool) error { return nil },
	}
}

// told is closed: the broker knows everything.
func told() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// replicated makes a topic of one partition that this broker leads, with a
// follower 2 in sync.
func (n *node) replicated(name string, pairs ...string) {
	n.t.Helper()
	n.topic(name, 1, pairs...)
	own := n.Image().Topic(name).Config
	require.NoError(n.t, n.set.Lead(checkpoint.Partition{Topic: name}, partition.State{
		TopicID: idOf(name), Leader: 1, LeaderEpoch: 1, ISR: []int32{1, 2}, Replicas: []int32{1, 2}, Config: n.store.Topic(own),
	}))
}

// follow is a fetch of follower 2, without a session, that does not wait.
func (c *client) follow(name string, offset int64) kmsg.FetchResponseTopicPartition {
	c.t.Helper()
	return c.followAs(name, offset, -1)
}

// followAs is follow by a broker with that registration.
func (c *client) followAs(name string, offset, epoch int64) kmsg.FetchResponseTopicPartition {
	c.t.Helper()
	q := kmsg.NewPtrFetchRequest()
	q.ReplicaState.ID, q.ReplicaState.Epoch, q.MaxBytes = 2, epoch, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.TopicID = idOf(name)
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.CurrentLeaderEpoch, p.PartitionMaxBytes, p.LogStartOffset = offset, 1, 1<<20, 0
	t.Partitions = append(t.Partitions, p)
	q.Topics, q.SessionEpoch = append(q.Topics, t), -1
	return ask[*kmsg.FetchResponse](c, 17, q).Topics[0].Partitions[0]
}

// A producer with acks=all is answered when the follower has the records, and a
// consumer sees them then; the follower sees them before.
func TestAcksAllWaitsForTheFollower(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t", "min.insync.replicas", "2")
	follower, producer := n.connect(), n.connect()
	require.Empty(t, follower.follow("t", 0).RecordBatches)

	q := produce("t", -1, batch(3))
	q.TimeoutMillis = 30_000
	q.SetVersion(9)
	producer.send(q)
	var got kmsg.FetchResponseTopicPartition
	require.Eventually(t, func() bool {
		got = follower.follow("t", 0)
		return len(got.RecordBatches) > 0
	}, 10*time.Second, time.Millisecond)
	require.Zero(t, got.ErrorCode)
	require.Zero(t, got.HighWatermark, "nobody else has them")
	require.EqualValues(t, 3, follower.follow("t", 3).HighWatermark, "by asking for what follows it says that it has them")
	row := receive[*kmsg.ProduceResponse](producer, q).Topics[0].Partitions[0]
	require.Zero(t, row.ErrorCode)
}

func TestAFollowerThatThePartitionDoesNotHaveIsRefused(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.topic("t", 1)
	require.Equal(t, kerr.UnknownLeaderEpoch.Code, n.connect().follow("t", 0).ErrorCode)
}

// What a follower said in an earlier life counts no more once it has another.
func TestAFetchOfAnEarlierLifeIsRefused(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t")
	c := n.connect()
	n.fill("t", 0, 2)
	require.Zero(t, c.followAs("t", 0, 7).ErrorCode)
	require.Zero(t, c.followAs("t", 1, 8).ErrorCode)
	late := c.followAs("t", 2, 7)
	require.Equal(t, kerr.NotLeaderForPartition.Code, late.ErrorCode)
	require.Empty(t, late.RecordBatches)
	require.EqualValues(t, 1, c.followAs("t", 1, 8).HighWatermark)
	require.EqualValues(t, 2, c.followAs("t", 2, -1).HighWatermark, "a broker that does not say is believed")
}

// With too few in sync nothing is written for acks=all.
func TestAcksAllNeedsEnoughInSync(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t", "min.insync.replicas", "2")
	require.NoError(t, n.set.Lead(checkpoint.Partition{Topic: "t"}, partition.State{
		TopicID: idOf("t"), Leader: 1, LeaderEpoch: 2, ISR: []int32{1}, Replicas: []int32{1, 2},
		Config: n.store.Topic(n.Image().Topic("t").Config), PartitionEpoch: 1,
	}))
	q := produce("t", -1, batch(1))
	row := ask[*kmsg.ProduceResponse](n.connect(), 9, q).Topics[0].Partitions[0]
	require.Equal(t, kerr.NotEnoughReplicas.Code, row.ErrorCode)
	require.Zero(t, n.log("t", 0).EndOffset())
}

// DeleteRecords is answered when the follower starts behind the records too.
func TestDeleteRecordsWaitsForTheFollower(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t")
	c, follower := n.connect(), n.connect()
	n.fill("t", 0, 1)
	end := n.log("t", 0).EndOffset()
	follower.follow("t", end)
	q := deleteUpTo("t", -1)
	q.TimeoutMillis = 1
	got := ask[*kmsg.DeleteRecordsResponse](c, 2, q).Topics[0].Partitions[0]
	require.Equal(t, kerr.RequestTimedOut.Code, got.ErrorCode, "the follower still has them")
	require.EqualValues(t, -1, got.LowWatermark)
	require.Equal(t, end, n.log("t", 0).StartOffset(), "here they are gone")
}

// A consumer in the follower's rack is sent there, once the follower has what it
// asks for.
func TestAConsumerReadsInItsOwnRack(t *testing.T) {
	n := startWith(t, options{cluster: of(told()), settings: map[string]string{
		"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
	}})
	n.elsewhere("other", 1) // has broker 2 live, in rack r2
	n.replicated("t")
	c := n.connect()
	consume := func(rack string) kmsg.FetchResponseTopicPartition {
		q := kmsg.NewPtrFetchRequest()
		q.Rack, q.MaxBytes, q.SessionEpoch = rack, 1<<20, -1
		row := kmsg.NewFetchRequestTopic()
		row.TopicID = idOf("t")
		p := kmsg.NewFetchRequestTopicPartition()
		p.CurrentLeaderEpoch, p.PartitionMaxBytes = -1, 1<<20
		row.Partitions = append(row.Partitions, p)
		q.Topics = append(q.Topics, row)
		return ask[*kmsg.FetchResponse](c, 13, q).Topics[0].Partitions[0]
	}
	require.EqualValues(t, -1, consume("r2").PreferredReadReplica, "the follower has not fetched yet")
	c.follow("t", 0)
	require.EqualValues(t, 2, consume("r2").PreferredReadReplica)
	require.EqualValues(t, -1, consume("r1").PreferredReadReplica)
	require.EqualValues(t, -1, consume("").PreferredReadReplica)
}

// A broker that has not been told anything yet keeps requests back, and then has
// clients ask again rather than deny what exists.
func TestABrokerThatKnowsNothingDeniesNothing(t *testing.T) {
	informed := make(chan struct{})
	n := startWith(t, options{cluster: of(informed), settings: map[string]string{"leat.metadata.wait.ms": "1"}})
	q := kmsg.NewPtrMetadataRequest()
	row := kmsg.NewMetadataRequestTopic()
	name := "t"
	row.Topic = &name
	q.Topics, q.AllowAutoTopicCreation = append(q.Topics, row), true
	c := n.connect()
	require.Equal(t, kerr.LeaderNotAvailable.Code, ask[*kmsg.MetadataResponse](c, 12, q).Topics[0].ErrorCode)
	records := produce("t", 1, batch(1))
	require.Equal(t, kerr.NotLeaderForPartition.Code, ask[*kmsg.ProduceResponse](c, 9, records).Topics[0].Partitions[0].ErrorCode)
	close(informed)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, ask[*kmsg.ProduceResponse](c, 9, records).Topics[0].Partitions[0].ErrorCode)
}

// What only the controller may do is passed on as it is, and its answer back.
func TestRequestsForTheControllerArePassedOn(t *testing.T) {
	cluster := of(told())
	asked := make(chan kmsg.Request, 1)
	cluster.Ask = func(_ context.Context, q kmsg.Request) (kmsg.Response, error) {
		asked <- q
		out := q.ResponseKind().(*kmsg.DeleteTopicsResponse)
		row := kmsg.NewDeleteTopicsResponseTopic()
		row.Topic, row.ErrorCode = kmsg.StringPtr("t"), kerr.UnknownTopicOrPartition.Code
		out.Topics, out.ThrottleMillis = append(out.Topics, row), 7
		return out, nil
	}
	n := startWith(t, options{cluster: cluster})
	q := kmsg.NewPtrDeleteTopicsRequest()
	q.TopicNames, q.TimeoutMillis = []string{"t"}, 1000
	got := ask[*kmsg.DeleteTopicsResponse](n.connect(), 4, q)
	passed := <-asked
	require.Equal(t, q.TopicNames, passed.(*kmsg.DeleteTopicsRequest).TopicNames)
	require.EqualValues(t, 4, passed.GetVersion())
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, got.Topics[0].ErrorCode)
	require.EqualValues(t, 7, got.ThrottleMillis)
}

// What another broker has passed on is answered where it arrives: two brokers
// that each take the other for the controller would pass it to and fro for ever.
func TestWhatWasPassedOnIsNotPassedOnAgain(t *testing.T) {
	cluster := of(told())
	var asked atomic.Int32
	ask := cluster.Ask
	cluster.Ask = func(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
		asked.Add(1)
		return ask(ctx, q)
	}
	n := startWith(t, options{cluster: cluster})
	for client, times := range map[string]int32{"anybody": 1, api.ForwardClientID + "2": 0} {
		asked.Store(0)
		c := n.connect()
		c.next++
		q := kmsg.NewPtrUpdateFeaturesRequest()
		_, err := c.conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(client)).AppendRequest(nil, q, c.next))
		require.NoError(t, err)
		receive[*kmsg.UpdateFeaturesResponse](c, q)
		require.Equal(t, times, asked.Load(), client)
	}
}

// A consumer that takes a follower for the leader must not begin anew because the
// follower does not have yet what it asks for.
func TestAConsumerAheadOfAFollower(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t")
	n.fill("t", 0, 2)
	end := n.log("t", 0).EndOffset()
	c := n.connect()
	consume := func(rack string, offset int64) int16 {
		q := kmsg.NewPtrFetchRequest()
		q.Rack, q.MaxBytes, q.SessionEpoch = rack, 1<<20, -1
		row := kmsg.NewFetchRequestTopic()
		row.TopicID = idOf("t")
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.CurrentLeaderEpoch, p.PartitionMaxBytes = offset, -1, 1<<20
		row.Partitions = append(row.Partitions, p)
		q.Topics = append(q.Topics, row)
		return ask[*kmsg.FetchResponse](c, 13, q).Topics[0].Partitions[0].ErrorCode
	}
	require.Equal(t, kerr.OffsetOutOfRange.Code, consume("", end+1), "the leader knows")
	require.NoError(t, n.set.Follow(checkpoint.Partition{Topic: "t"}, partition.State{
		TopicID: idOf("t"), Leader: 2, LeaderEpoch: 2, ISR: []int32{1, 2}, Replicas: []int32{1, 2}, PartitionEpoch: 1,
		Config: n.store.Topic(n.Image().Topic("t").Config),
	}))
	require.Zero(t, consume("", end))
	require.Equal(t, kerr.NotLeaderForPartition.Code, consume("", end+1))
	require.Equal(t, kerr.OffsetOutOfRange.Code, consume("r1", end+1), "it was sent here, and goes back to the leader")
	require.Equal(t, kerr.OffsetOutOfRange.Code, consume("", -1))
}

// A new leader does not know at once how much of its log is committed: offsets
// that it gave then would be lower than what the one before it has told.
func TestANewLeaderGivesNoLatestOffsetYet(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t")
	n.timed("t", 100, 200, 300)
	require.NoError(t, n.set.Lead(checkpoint.Partition{Topic: "t"}, partition.State{
		TopicID: idOf("t"), Leader: 1, LeaderEpoch: 2, ISR: []int32{1, 2}, Replicas: []int32{1, 2}, Config: n.log("t", 0).Config(),
	}))
	c := n.connect()
	for timestamp, code := range map[int64]int16{
		-1: kerr.OffsetNotAvailable.Code, -2: 0, -3: kerr.OffsetNotAvailable.Code, 150: kerr.OffsetNotAvailable.Code,
	} {
		require.Equal(t, code, listed(ask[*kmsg.ListOffsetsResponse](c, 9, list("t", timestamp))).ErrorCode, timestamp)
	}
	require.Equal(t, kerr.LeaderNotAvailable.Code, listed(ask[*kmsg.ListOffsetsResponse](c, 4, list("t", -1))).ErrorCode)
	follower := list("t", -1)
	follower.ReplicaID = 2
	require.EqualValues(t, 3, listed(ask[*kmsg.ListOffsetsResponse](c, 9, follower)).Offset)
}

// What a broker has not been told of may exist: it does not deny a consumer the
// topic that it reads.
func TestCommitsAreNotDeniedWhatMayExist(t *testing.T) {
	know := make(chan struct{})
	n := startWith(t, options{cluster: of(know), settings: map[string]string{"leat.metadata.wait.ms": "0"}})
	c := n.connect()
	commit := func() int16 {
		q := kmsg.NewPtrOffsetCommitRequest()
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic = "t"
		topic.Partitions = append(topic.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
		q.Group, q.Topics = "g", append(q.Topics, topic)
		return ask[*kmsg.OffsetCommitResponse](c, 8, q).Topics[0].Partitions[0].ErrorCode
	}
	require.Equal(t, kerr.CoordinatorLoadInProgress.Code, commit())
	close(know)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, commit())
}
