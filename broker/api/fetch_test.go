package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// How long, and how often, a test looks for a condition.
const patience, tick = 30 * time.Second, time.Millisecond

// fill appends so many batches of one record to a partition.
func (n *node) fill(name string, index int32, batches int) {
	n.t.Helper()
	c := n.connect()
	for range batches {
		q := kmsg.NewPtrProduceRequest()
		q.Acks, q.TimeoutMillis = 1, 5000
		addRecords(q, name, index, batch(1))
		require.Zero(n.t, produced(ask[*kmsg.ProduceResponse](c, 9, q)).ErrorCode)
	}
}

func TestFetchEveryVersion(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 3)
	c := n.connect()
	for version := range int16(18) {
		q := fetch("t", 1)
		row := fetched(ask[*kmsg.FetchResponse](c, version, q))
		require.Zero(t, row.ErrorCode, "version %d", version)
		require.EqualValues(t, 3, row.HighWatermark)
		require.NotNil(t, row.RecordBatches)
		require.EqualValues(t, 1, offsets(row.RecordBatches)[0])
		if version >= 4 {
			require.Equal(t, []int64{1, 2}, offsets(row.RecordBatches))
			require.EqualValues(t, 3, row.LastStableOffset)
		}
		if version >= 11 {
			require.EqualValues(t, -1, row.PreferredReadReplica)
		}
	}
}

// Old consumers get old formats, one message for each record.
func TestFetchConvertsForOldConsumers(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	q := produce("t", 1, batchOf{values: []string{"a", "b", "c"}, timestamp: 7}.bytes())
	require.Zero(t, produced(ask[*kmsg.ProduceResponse](c, 9, q)).ErrorCode)
	for version, magic := range []byte{0, 0, 1, 1} {
		row := fetched(ask[*kmsg.FetchResponse](c, int16(version), fetch("t", 1)))
		require.Zero(t, row.ErrorCode)
		require.Equal(t, []int64{1, 2}, offsets(row.RecordBatches), "version %d", version)
		require.Equal(t, magic, row.RecordBatches[16])
	}
	n.topic("new", 1, "message.downconversion.enable", "false")
	n.fill("new", 0, 1)
	require.Equal(t, kerr.UnsupportedVersion.Code, fetched(ask[*kmsg.FetchResponse](c, 3, fetch("new", 0))).ErrorCode)
	n.topic("zstd", 1, "compression.type", "zstd")
	n.fill("zstd", 0, 1)
	require.Equal(t, kerr.UnsupportedCompressionType.Code, fetched(ask[*kmsg.FetchResponse](c, 9, fetch("zstd", 0))).ErrorCode)
	require.Zero(t, fetched(ask[*kmsg.FetchResponse](c, 10, fetch("zstd", 0))).ErrorCode)
}

// A consumer of an old format that allows less than a batch gets a whole one.
func TestFetchOldConsumerWithALowLimit(t *testing.T) {
	n := start(t)
	n.topic("t", 2)
	n.fill("t", 0, 2)
	n.fill("t", 1, 2)
	q := fetch("t", 0)
	addPartition(q, "t", 1, 0)
	for i := range q.Topics[0].Partitions {
		q.Topics[0].Partitions[i].PartitionMaxBytes = 1
	}
	for _, row := range ask[*kmsg.FetchResponse](n.connect(), 1, q).Topics[0].Partitions {
		require.Equal(t, []int64{0}, offsets(row.RecordBatches))
	}
}

func TestFetchErrors(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.elsewhere("far", 1)
	n.fill("t", 0, 3)
	n.lead("t", 0, 4, n.log("t", 0).Config())
	part := func(f func(*kmsg.FetchRequest, *kmsg.FetchRequestTopicPartition)) *kmsg.FetchRequest {
		q := fetch("t", 0)
		f(q, &q.Topics[0].Partitions[0])
		return q
	}
	type p = kmsg.FetchRequestTopicPartition
	for name, c := range map[string]struct {
		q    *kmsg.FetchRequest
		code *kerr.Error
	}{
		"unknown topic":      {fetch("nope", 0), kerr.UnknownTopicOrPartition},
		"unknown partition":  {part(func(_ *kmsg.FetchRequest, p *p) { p.Partition = 7 }), kerr.UnknownTopicOrPartition},
		"negative partition": {part(func(_ *kmsg.FetchRequest, p *p) { p.Partition = -1 }), kerr.UnknownTopicOrPartition},
		"led elsewhere":      {fetch("far", 0), kerr.NotLeaderForPartition},
		"offset -1":          {part(func(_ *kmsg.FetchRequest, p *p) { p.FetchOffset = -1 }), kerr.OffsetOutOfRange},
		"beyond the end":     {part(func(_ *kmsg.FetchRequest, p *p) { p.FetchOffset = 4 }), kerr.OffsetOutOfRange},
		"older epoch":        {part(func(_ *kmsg.FetchRequest, p *p) { p.CurrentLeaderEpoch = 3 }), kerr.FencedLeaderEpoch},
		"newer epoch":        {part(func(_ *kmsg.FetchRequest, p *p) { p.CurrentLeaderEpoch = 5 }), kerr.UnknownLeaderEpoch},
		"negative limit":     {part(func(_ *kmsg.FetchRequest, p *p) { p.PartitionMaxBytes = -1 }), kerr.UnknownServerError},
		"a follower":         {part(func(q *kmsg.FetchRequest, _ *p) { q.ReplicaID = 5 }), kerr.NotLeaderForPartition},
		"isolation level 7":  {part(func(q *kmsg.FetchRequest, _ *p) { q.IsolationLevel = 7 }), kerr.UnknownServerError},
	} {
		t.Run(name, func(t *testing.T) {
			c.q.MaxWaitMillis = 60_000 // an error does not wait
			row := fetched(ask[*kmsg.FetchResponse](n.connect(), 11, c.q))
			require.Equal(t, c.code.Code, row.ErrorCode)
			require.EqualValues(t, -1, row.HighWatermark)
			require.EqualValues(t, -1, row.LogStartOffset)
			require.NotNil(t, row.RecordBatches, "records are never null")
			require.Empty(t, row.RecordBatches)
		})
	}
}

func TestFetchHintsTheLeader(t *testing.T) {
	n := start(t)
	n.elsewhere("far", 1)
	n.topic("t", 1)
	n.lead("t", 0, 4, n.log("t", 0).Config())
	c := n.connect()
	a := ask[*kmsg.FetchResponse](c, 16, fetch("far", 0))
	require.Equal(t, kerr.NotLeaderForPartition.Code, fetched(a).ErrorCode)
	require.EqualValues(t, 2, fetched(a).CurrentLeader.LeaderID)
	require.Len(t, a.Brokers, 1)
	q := fetch("t", 0)
	q.Topics[0].Partitions[0].CurrentLeaderEpoch = 1
	a = ask[*kmsg.FetchResponse](c, 16, q)
	require.Equal(t, kerr.FencedLeaderEpoch.Code, fetched(a).ErrorCode)
	require.EqualValues(t, 1, fetched(a).CurrentLeader.LeaderID)
	require.EqualValues(t, -1, fetched(ask[*kmsg.FetchResponse](c, 15, q)).CurrentLeader.LeaderID)
}

func TestFetchByTopicID(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 1)
	c := n.connect()
	a := ask[*kmsg.FetchResponse](c, 13, fetch("t", 0))
	require.EqualValues(t, idOf("t"), a.Topics[0].TopicID)
	require.Equal(t, []int64{0}, offsets(fetched(a).RecordBatches))
	require.Equal(t, kerr.UnknownTopicID.Code, fetched(ask[*kmsg.FetchResponse](c, 13, fetch("nope", 0))).ErrorCode)
	zero := fetch("t", 0)
	clear(zero.Topics[0].TopicID[:])
	require.Equal(t, kerr.UnknownTopicID.Code, fetched(ask[*kmsg.FetchResponse](c, 13, zero)).ErrorCode)
}

// A consumer whose log has parted from the leader's is told where (KIP-595).
func TestFetchDivergingEpoch(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 3)
	n.lead("t", 0, 2, n.log("t", 0).Config())
	n.fill("t", 0, 2) // epoch 0 ends at 3, epoch 2 at 5
	c := n.connect()
	at := func(offset int64, epoch int32) kmsg.FetchResponseTopicPartition {
		q := fetch("t", offset)
		q.MaxWaitMillis = 60_000
		q.Topics[0].Partitions[0].LastFetchedEpoch = epoch
		return fetched(ask[*kmsg.FetchResponse](c, 12, q))
	}
	row := at(4, 0)
	require.EqualValues(t, 0, row.DivergingEpoch.Epoch)
	require.EqualValues(t, 3, row.DivergingEpoch.EndOffset)
	require.Empty(t, row.RecordBatches)
	row = at(4, 1)
	require.EqualValues(t, 0, row.DivergingEpoch.Epoch)
	row = at(4, 2)
	require.EqualValues(t, -1, row.DivergingEpoch.Epoch)
	require.Equal(t, []int64{4}, offsets(row.RecordBatches))
	require.Equal(t, kerr.OffsetOutOfRange.Code, at(4, 7).ErrorCode, "an epoch that never was")
}

func TestFetchLimits(t *testing.T) {
	n := start(t)
	n.topic("t", 3)
	for i := range int32(3) {
		n.fill("t", i, 10)
	}
	one := len(batch(1))
	c := n.connect()
	get := func(most, each int32) (counts []int) {
		q := fetch("t", 0)
		addPartition(q, "t", 1, 0)
		addPartition(q, "t", 2, 0)
		q.MaxBytes = most
		for i := range q.Topics[0].Partitions {
			q.Topics[0].Partitions[i].PartitionMaxBytes = each
		}
		for _, row := range ask[*kmsg.FetchResponse](c, 11, q).Topics[0].Partitions {
			require.Zero(t, row.ErrorCode)
			require.EqualValues(t, 10, row.HighWatermark)
			require.NotContains(t, offsets(row.RecordBatches), int64(-1), "a batch is cut")
			counts = append(counts, len(offsets(row.RecordBatches)))
		}
		return counts
	}
	require.Equal(t, []int{10, 10, 10}, get(1<<20, 1<<20))
	require.Equal(t, []int{2, 2, 2}, get(1<<20, int32(2*one)))
	require.Equal(t, []int{4, 1, 0}, get(int32(5*one), int32(4*one)))
	require.Equal(t, []int{1, 0, 0}, get(1<<20, 0), "the first batch goes out whole")
	require.Equal(t, []int{1, 0, 0}, get(0, 1<<20), "also above the limit of the answer")
}

// Records of a transaction that is open are hidden from those who read
// committed data only.
func TestFetchReadCommitted(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 1)
	n.transaction("t", 5, false) // offset 1, aborted by the marker at 2
	n.fill("t", 0, 1)            // 3
	n.transaction("t", 6, true)  // 4, 5
	q := fetch("t", 0)
	q.IsolationLevel = 1
	row := fetched(ask[*kmsg.FetchResponse](n.connect(), 11, q))
	require.EqualValues(t, 6, row.LastStableOffset)
	require.Equal(t, []int64{0, 1, 2, 3, 4, 5}, offsets(row.RecordBatches))
	require.Len(t, row.AbortedTransactions, 1)
	require.EqualValues(t, 5, row.AbortedTransactions[0].ProducerID)
	require.EqualValues(t, 1, row.AbortedTransactions[0].FirstOffset)

	q.MaxBytes = 1 // the first batch, which no transaction has touched
	row = fetched(ask[*kmsg.FetchResponse](n.connect(), 11, q))
	require.Equal(t, []int64{0}, offsets(row.RecordBatches))
	require.Empty(t, row.AbortedTransactions)
	q.MaxBytes = 1 << 20

	n.open("t", 7) // 6
	n.fill("t", 0, 1)
	row = fetched(ask[*kmsg.FetchResponse](n.connect(), 11, q))
	require.EqualValues(t, 6, row.LastStableOffset)
	require.EqualValues(t, 8, row.HighWatermark)
	require.NotContains(t, offsets(row.RecordBatches), int64(6))
	row = fetched(ask[*kmsg.FetchResponse](n.connect(), 11, fetch("t", 0)))
	require.Contains(t, offsets(row.RecordBatches), int64(6))
	require.Nil(t, row.AbortedTransactions, "not asked for")
}

// open appends a record of a transaction, transaction also its marker: the way
// the broker itself writes, as there are no transactions for clients yet.
func (n *node) open(name string, producer int64) {
	n.appendInternal(name, batchOf{values: []string{"x"}, producer: producer, attributes: 1 << 4}.bytes())
}

func (n *node) transaction(name string, producer int64, commit bool) {
	n.open(name, producer)
	marker, err := record.AppendMarker(nil, record.Marker{Commit: commit, ProducerID: producer})
	require.NoError(n.t, err)
	n.appendInternal(name, marker)
}

func (n *node) appendInternal(name string, set []byte) {
	n.t.Helper()
	r, err := n.set.Get(checkpoint.Partition{Topic: name})
	require.NoError(n.t, err)
	l, err := r.Leader(-1)
	require.NoError(n.t, err)
	_, err = l.Append(set, partition.AppendOptions{ProduceVersion: 11, Origin: log.Coordinator})
	require.NoError(n.t, err)
}

func (n *node) deleteRecords(name string, offset int64) {
	n.t.Helper()
	r, err := n.set.Get(checkpoint.Partition{Topic: name})
	require.NoError(n.t, err)
	l, err := r.Leader(-1)
	require.NoError(n.t, err)
	_, err = l.DeleteRecords(offset)
	require.NoError(n.t, err)
}

func TestFetchWaitsForBytes(t *testing.T) {
	n := start(t)
	n.topic("t", 2)
	one := len(batch(1))
	c := n.connect()
	q := fetch("t", 0)
	addPartition(q, "t", 1, 0)
	q.MaxWaitMillis, q.MinBytes = 60_000, int32(3*one)
	q.SetVersion(11)
	c.send(q)
	n.fill("t", 0, 1)
	n.fill("t", 1, 1)
	n.fill("t", 0, 1) // now there is enough
	a := receive[*kmsg.FetchResponse](c, q)
	require.Equal(t, []int64{0, 1}, offsets(a.Topics[0].Partitions[0].RecordBatches))
	require.Equal(t, []int64{0}, offsets(a.Topics[0].Partitions[1].RecordBatches))
}

func TestFetchWaitsNoLongerThanAsked(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	for version := range int16(18) {
		q := fetch("t", 0)
		q.MaxWaitMillis = 20
		begin := time.Now()
		row := fetched(ask[*kmsg.FetchResponse](n.connect(), version, q))
		require.GreaterOrEqual(t, time.Since(begin), 20*time.Millisecond)
		require.Empty(t, row.RecordBatches)
		require.Zero(t, row.ErrorCode)
	}
}

// Other requests of a connection go on while a fetch waits; answers keep their
// order.
func TestFetchWaitingHoldsBackNothingBehindIt(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	poll := fetch("t", 0)
	poll.MaxWaitMillis = 60_000
	poll.SetVersion(11)
	first := c.send(poll)
	q := produce("t", 1, batch(1))
	q.SetVersion(9)
	second := c.send(q) // wakes the poll before it
	c.next = first
	require.Equal(t, []int64{0}, offsets(fetched(receive[*kmsg.FetchResponse](c, poll)).RecordBatches))
	c.next = second
	require.Zero(t, produced(receive[*kmsg.ProduceResponse](c, q)).ErrorCode)
}

// What happens to a partition ends the waiting.
func TestFetchWaitingIsToldOfWhatHappens(t *testing.T) {
	for name, event := range map[string]struct {
		do   func(n *node)
		code int16
	}{
		"deleted":      {func(n *node) { n.gone("t") }, kerr.UnknownTopicOrPartition.Code},
		"start moved":  {func(n *node) { n.deleteRecords("t", 3) }, kerr.OffsetOutOfRange.Code},
		"led anew":     {func(n *node) { n.lead("t", 0, 3, n.log("t", 0).Config()) }, kerr.FencedLeaderEpoch.Code},
		"broker stops": {func(n *node) { go n.stop() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			n.topic("t", 1)
			n.fill("t", 0, 3)
			c := n.connect()
			q := fetch("t", 2)
			q.Topics[0].Partitions[0].CurrentLeaderEpoch = 0
			q.MaxWaitMillis, q.MinBytes = 60_000, 1<<20
			q.SetVersion(11)
			c.send(q)
			require.Eventually(t, func() bool {
				r, err := n.set.Get(checkpoint.Partition{Topic: "t"})
				return err == nil && r.Watchers().Watched()
			}, patience, tick)
			event.do(n)
			require.Equal(t, event.code, fetched(receive[*kmsg.FetchResponse](c, q)).ErrorCode)
		})
	}
}

// Watchers of a poll that is answered are gone.
func TestFetchLeavesNothingBehind(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	q := fetch("t", 0)
	q.MaxWaitMillis = 1
	ask[*kmsg.FetchResponse](c, 4, q)
	r, err := n.set.Get(checkpoint.Partition{Topic: "t"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !r.Watchers().Watched() }, patience, tick)
}

func TestFetchOfNothing(t *testing.T) {
	n := start(t)
	q := kmsg.NewPtrFetchRequest()
	q.MaxWaitMillis = 60_000
	for version := range int16(18) {
		require.Empty(t, ask[*kmsg.FetchResponse](n.connect(), version, q).Topics)
	}
}

func TestFetchTheSamePartitionTwice(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 3)
	q := fetch("t", 0)
	addPartition(q, "t", 0, 2)
	a := ask[*kmsg.FetchResponse](n.connect(), 11, q)
	require.Len(t, a.Topics[0].Partitions, 1)
	require.Equal(t, []int64{2}, offsets(fetched(a).RecordBatches))
}

// Long names and many topics come out as they went in.
func TestFetchManyTopics(t *testing.T) {
	n := start(t)
	var names []string
	q := kmsg.NewPtrFetchRequest()
	q.MinBytes, q.MaxBytes, q.SessionEpoch = 1, 1<<20, -1
	for i := range 20 {
		name := strings.Repeat(string(rune('a'+i)), 200)
		names = append(names, name)
		n.topic(name, 1)
		n.fill(name, 0, 1)
		addPartition(q, name, 0, 0)
	}
	a := ask[*kmsg.FetchResponse](n.connect(), 12, q)
	for i, topic := range a.Topics {
		require.Equal(t, names[i], topic.Topic)
		require.Equal(t, []int64{0}, offsets(topic.Partitions[0].RecordBatches))
	}
	require.Len(t, a.Topics, 20)
}
