package api

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition"
)

const fetchVersions = 18

func TestFetchRequestIsReadAsKmsgReadsIt(t *testing.T) {
	for version := range int16(fetchVersions) {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			r := rand.New(rand.NewPCG(4, uint64(version)))
			var q fetchRequest
			for range 200 {
				_, body := randomRequest(r, kmsg.Fetch, version)
				require.NoError(t, q.decode(body, version))
				sameFetch(t, body, version, &q)
				for n := range body {
					require.ErrorIs(t, q.decode(body[:n], version), ErrMalformed)
				}
				require.NoError(t, q.decode(append(body, "junk"...), version))
			}
		})
	}
}

// sameFetch compares with what kmsg makes of the body: defaults included.
func sameFetch(t *testing.T, body []byte, version int16, got *fetchRequest) {
	t.Helper()
	want := kmsg.NewPtrFetchRequest()
	want.SetVersion(version)
	require.NoError(t, want.ReadFrom(body))
	replica := want.ReplicaID
	if version >= 15 {
		replica = want.ReplicaState.ID
	}
	require.Equal(t, replica, got.replica)
	require.Equal(t, want.MaxWaitMillis, got.maxWaitMs)
	require.Equal(t, want.MinBytes, got.minBytes)
	require.Equal(t, want.MaxBytes, got.maxBytes)
	require.Equal(t, want.IsolationLevel, got.isolation)
	require.Equal(t, want.SessionID, got.sessionID)
	require.Equal(t, want.SessionEpoch, got.sessionEpoch)
	i := 0
	for _, topic := range want.Topics {
		for _, p := range topic.Partitions {
			part := &got.parts[i]
			require.Equal(t, topic.Topic, string(part.topic))
			require.EqualValues(t, topic.TopicID, part.id)
			require.Equal(t, p.Partition, part.index)
			require.Equal(t, p.CurrentLeaderEpoch, part.LeaderEpoch)
			require.Equal(t, p.FetchOffset, part.Offset)
			require.Equal(t, p.LastFetchedEpoch, part.LastFetchedEpoch)
			require.Equal(t, p.LogStartOffset, part.LogStart)
			require.Equal(t, p.PartitionMaxBytes, part.MaxBytes)
			i++
		}
	}
	require.Len(t, got.parts, i)
	i = 0
	for _, topic := range want.ForgottenTopics {
		for _, p := range topic.Partitions {
			require.Equal(t, topic.Topic, string(got.forgotten[i].topic))
			require.EqualValues(t, topic.TopicID, got.forgotten[i].id)
			require.Equal(t, p, got.forgotten[i].index)
			i++
		}
	}
	require.Len(t, got.forgotten, i)
}

// randomFetchAnswer makes an answer, ours and kmsg's. Its records are inline,
// as those converted for old consumers are.
func randomFetchAnswer(r *rand.Rand, version int16) (*fetchAnswer, *kmsg.FetchResponse) {
	a, want := &fetchAnswer{version: version}, kmsg.NewPtrFetchResponse()
	want.SetVersion(version)
	a.code, a.session = int16(r.IntN(100)), int32(r.Uint32())
	want.ErrorCode, want.SessionID = a.code, a.session
	for range r.IntN(4) {
		topic := kmsg.NewFetchResponseTopic()
		topic.TopicID = [16]byte(randomID(r))
		topic.Topic = fmt.Sprintf("%s-%d", randomBytes(r), len(want.Topics))
		for range 1 + r.IntN(3) {
			topic.Partitions = append(topic.Partitions, a.randomRow(r, &topic))
		}
		want.Topics = append(want.Topics, topic)
	}
	if version >= 16 {
		ours, theirs := randomNodes(r)
		a.nodes = ours
		for _, n := range theirs {
			b := kmsg.NewFetchResponseBroker()
			b.NodeID, b.Host, b.Port, b.Rack = n.NodeID, n.Host, n.Port, n.Rack
			want.Brokers = append(want.Brokers, b)
		}
	}
	return a, want
}

func randomID(r *rand.Rand) []byte {
	id := make([]byte, 16)
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

func (a *fetchAnswer) randomRow(r *rand.Rand, topic *kmsg.FetchResponseTopic) kmsg.FetchResponseTopicPartition {
	row := fetchRow{index: int32(r.Uint32()), code: int16(r.IntN(100)), highWatermark: r.Int64(), lastStable: r.Int64(), logStart: r.Int64()}
	if a.version >= 13 {
		row.id = topic.TopicID
	} else {
		row.topic = []byte(topic.Topic)
	}
	p := kmsg.NewFetchResponseTopicPartition()
	p.Partition, p.ErrorCode, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = row.index, row.code, row.highWatermark, row.lastStable, row.logStart
	row.aborted.from = len(a.aborted)
	p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
	for range r.IntN(3) {
		txn := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		txn.ProducerID, txn.FirstOffset = r.Int64(), r.Int64()
		p.AbortedTransactions = append(p.AbortedTransactions, txn)
		a.aborted = append(a.aborted, log.AbortedTxn{ProducerID: txn.ProducerID, FirstOffset: txn.FirstOffset})
	}
	row.aborted.to = len(a.aborted)
	if row.aborted.len() == 0 && r.IntN(2) == 0 {
		row.noAborted, p.AbortedTransactions = true, nil
	}
	p.RecordBatches = randomBytes(r)
	row.converted, row.old.from = true, len(a.old)
	a.old = append(a.old, p.RecordBatches...)
	row.old.to = len(a.old)
	if r.IntN(2) == 0 {
		row.diverging = &partition.Divergence{Epoch: int32(r.IntN(9)), EndOffset: r.Int64()}
		p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = row.diverging.Epoch, row.diverging.EndOffset
	}
	if r.IntN(2) == 0 {
		row.hint = hint{known: true, id: int32(r.IntN(9)), epoch: 4}
		p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = row.hint.id, 4
	}
	row.preferred = int32(r.IntN(4) - 1)
	p.PreferredReadReplica = row.preferred
	a.rows = append(a.rows, row)
	return p
}

func TestFetchResponseIsWrittenAsKmsgWritesIt(t *testing.T) {
	for version := range int16(fetchVersions) {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, uint64(version)))
			for range 300 {
				a, want := randomFetchAnswer(r, version)
				var w server.Response
				a.encode(&w)
				require.Equal(t, want.AppendTo(nil), w.Buf)
			}
		})
	}
}

// Fetch versions 12 to 14 know no tag of who fetches; 15 and later no field.
func TestFetchReplicaByVersion(t *testing.T) {
	for version := range int16(fetchVersions) {
		q := kmsg.NewPtrFetchRequest()
		q.SetVersion(version)
		q.ReplicaID, q.ReplicaState.ID, q.ReplicaState.Epoch = 5, 5, 77
		var got fetchRequest
		require.NoError(t, got.decode(q.AppendTo(nil), version))
		require.EqualValues(t, 5, got.replica, "version %d", version)
		if version < 15 {
			require.EqualValues(t, -1, got.replicaEpoch)
			continue
		}
		require.EqualValues(t, 77, got.replicaEpoch)
	}
}

func FuzzFetchDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(6, 6))
	for version := range int16(fetchVersions) {
		for range 3 {
			_, body := randomRequest(r, kmsg.Fetch, version)
			f.Add(version, body)
		}
	}
	var q fetchRequest
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 0 || version >= fetchVersions {
			return
		}
		err := q.decode(body, version)
		if len(q.parts)+len(q.forgotten) > len(body) {
			t.Fatalf("%d parts of %d bytes", len(q.parts), len(body))
		}
		want := kmsg.NewPtrFetchRequest()
		want.SetVersion(version)
		if err == nil && want.ReadFrom(body) == nil {
			sameFetch(t, body, version, &q)
		}
	})
}

// fetchOf makes a request of version 12 for so many partitions.
func fetchOf(partitions int) []byte {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.MaxWaitMillis, q.MinBytes = 12, 500, 1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "a-topic-of-usual-length"
	for i := range partitions {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.PartitionMaxBytes = int32(i), 1<<20
		topic.Partitions = append(topic.Partitions, p)
	}
	q.Topics = append(q.Topics, topic)
	return q.AppendTo(nil)
}

func BenchmarkFetchDecode(b *testing.B) {
	for _, partitions := range []int{1, 16, 1000} {
		b.Run(fmt.Sprintf("%d", partitions), func(b *testing.B) {
			body := fetchOf(partitions)
			var q fetchRequest
			b.ReportAllocs()
			for b.Loop() {
				if err := q.decode(body, 12); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func emptyAnswer(partitions int) *fetchAnswer {
	a := &fetchAnswer{version: 12}
	for i := range partitions {
		a.rows = append(a.rows, fetchRow{topic: []byte("a-topic-of-usual-length"), index: int32(i), noAborted: true})
	}
	return a
}

func BenchmarkFetchEncodeEmpty(b *testing.B) {
	for _, partitions := range []int{1, 16, 1000} {
		b.Run(fmt.Sprintf("%d", partitions), func(b *testing.B) {
			a := emptyAnswer(partitions)
			var w server.Response
			b.ReportAllocs()
			for b.Loop() {
				w.Buf = w.Buf[:0]
				a.encode(&w)
			}
		})
	}
}

func TestFetchCodecAllocatesNothing(t *testing.T) {
	body, a := fetchOf(16), emptyAnswer(16)
	var (
		q fetchRequest
		w server.Response
	)
	got := testing.AllocsPerRun(100, func() {
		if err := q.decode(body, 12); err != nil {
			t.Fatal(err)
		}
		w.Buf = w.Buf[:0]
		a.encode(&w)
	})
	require.Zero(t, got)
}
