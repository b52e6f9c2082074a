package fetcher

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// exchange is what a Kafka 3.9 follower asked and was answered.
type exchange struct{ request, response []byte }

// golden returns the bodies of recorded fetches.
func golden(t testing.TB) []exchange {
	t.Helper()
	f, err := os.Open("testdata/fetch.jsonl")
	require.NoError(t, err)
	defer f.Close()
	var out []exchange
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e struct{ Request, Response string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		request, err := hex.DecodeString(e.Request)
		require.NoError(t, err)
		response, err := hex.DecodeString(e.Response)
		require.NoError(t, err)
		client := int(request[8])<<8 | int(request[9])
		out = append(out, exchange{request: request[10+client+1:], response: response[4+1:]})
	}
	require.NotEmpty(t, out)
	return out
}

// requestOf is kmsg's request as ours.
func requestOf(k *kmsg.FetchRequest) *request {
	q := &request{
		version: k.Version, replica: k.ReplicaID, maxWaitMs: k.MaxWaitMillis, minBytes: k.MinBytes, maxBytes: k.MaxBytes,
		session: k.SessionID, epoch: k.SessionEpoch,
	}
	if k.Version >= stateVersion {
		q.replica, q.broker = k.ReplicaState.ID, k.ReplicaState.Epoch
	}
	for _, t := range k.Topics {
		for _, p := range t.Partitions {
			q.partBytes = p.PartitionMaxBytes
			q.parts = append(q.parts, &part{
				key: partKey{topic: t.Topic, id: t.TopicID, index: p.Partition}, leaderEpoch: p.CurrentLeaderEpoch,
				told: position{offset: p.FetchOffset, start: p.LogStartOffset, epoch: p.LastFetchedEpoch},
			})
		}
	}
	for _, t := range k.ForgottenTopics {
		for _, p := range t.Partitions {
			q.forgotten = append(q.forgotten, partKey{topic: t.Topic, id: t.TopicID, index: p})
		}
	}
	return q
}

func TestRequestsAreWrittenAsKafkaWritesThem(t *testing.T) {
	for _, e := range golden(t) {
		k := kmsg.NewPtrFetchRequest()
		k.Version = 17
		require.NoError(t, k.ReadFrom(e.request))
		require.Equal(t, e.request, requestOf(k).AppendTo(nil))
	}
}

func TestRequestsOfEveryVersion(t *testing.T) {
	for version := int16(leastVersion); version <= mostVersion; version++ {
		for _, e := range golden(t) {
			k := kmsg.NewPtrFetchRequest()
			k.Version = 17
			require.NoError(t, k.ReadFrom(e.request))
			k.Version = version
			if version < stateVersion {
				k.ReplicaID, k.ReplicaState = k.ReplicaState.ID, kmsg.NewFetchRequestReplicaState()
			}
			for i := range k.Topics {
				k.Topics[i].Topic = "orders"
			}
			for i := range k.ForgottenTopics {
				k.ForgottenTopics[i].Topic = "orders"
			}
			again := kmsg.NewPtrFetchRequest()
			again.Version = version
			require.NoError(t, again.ReadFrom(requestOf(k).AppendTo(nil)))
			require.Equal(t, k.AppendTo(nil), again.AppendTo(nil), "version %d", version)
		}
	}
}

// rowsOf is kmsg's answer as ours.
func rowsOf(k *kmsg.FetchResponse) []row {
	var out []row
	for _, t := range k.Topics {
		for _, p := range t.Partitions {
			w := row{id: t.TopicID, index: p.Partition, code: p.ErrorCode, high: p.HighWatermark, start: p.LogStartOffset, records: p.RecordBatches}
			if k.Version < idVersion {
				w.topic, w.id = []byte(t.Topic), [16]byte{}
			}
			if d := p.DivergingEpoch; d.Epoch != -1 || d.EndOffset != -1 {
				w.diverging, w.epoch, w.end = true, d.Epoch, d.EndOffset
			}
			out = append(out, w)
		}
	}
	return out
}

// requireSame compares what was read with what kmsg reads.
func requireSame(t testing.TB, body []byte, version int16) {
	t.Helper()
	k := kmsg.NewPtrFetchResponse()
	k.Version = version
	require.NoError(t, k.ReadFrom(body))
	var a answer
	a.SetVersion(version)
	require.NoError(t, a.ReadFrom(body))
	require.Equal(t, k.ErrorCode, a.code)
	require.Equal(t, k.SessionID, a.session)
	want := rowsOf(k)
	require.Len(t, a.rows, len(want))
	for i, w := range a.rows {
		require.True(t, bytes.Equal(w.records, want[i].records))
		w.records, want[i].records = nil, nil
		require.Equal(t, want[i], w)
	}
}

func TestAnswersAreReadAsKafkaWritesThem(t *testing.T) {
	for _, e := range golden(t) {
		requireSame(t, e.response, 17)
	}
}

// full is an answer with everything in it.
func full(version int16) *kmsg.FetchResponse {
	k := kmsg.NewPtrFetchResponse()
	k.Version, k.SessionID = version, 77
	for i := range 3 {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = string(rune('a'+i)), [16]byte{byte(i + 1)}
		for j := range int32(3) {
			p := kmsg.NewFetchResponseTopicPartition()
			p.Partition, p.HighWatermark, p.LogStartOffset = j, int64(100*j), int64(j)
			p.RecordBatches = bytes.Repeat([]byte{byte(j)}, int(j)*100)
			switch j {
			case 1:
				p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = 7, 70
			case 2:
				p.ErrorCode = 6
				p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 3, 8
				txn := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
				txn.ProducerID = 5
				p.AbortedTransactions = append(p.AbortedTransactions, txn)
			}
			topic.Partitions = append(topic.Partitions, p)
		}
		k.Topics = append(k.Topics, topic)
	}
	if version >= 16 {
		broker := kmsg.NewFetchResponseBroker()
		broker.NodeID, broker.Host = 3, "host"
		k.Brokers = append(k.Brokers, broker)
	}
	return k
}

func TestAnswersOfEveryVersion(t *testing.T) {
	for version := int16(leastVersion); version <= mostVersion; version++ {
		requireSame(t, full(version).AppendTo(nil), version)
	}
}

func TestAnswersThatAreCutShortAreRefused(t *testing.T) {
	body := full(17).AppendTo(nil)
	var a answer
	a.SetVersion(17)
	for n := range body {
		require.ErrorIs(t, a.ReadFrom(body[:n]), errMalformed)
		require.Empty(t, a.rows)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, e := range golden(f) {
		f.Add(e.response, uint8(5))
	}
	for version := int16(leastVersion); version <= mostVersion; version++ {
		f.Add(full(version).AppendTo(nil), uint8(version-leastVersion))
	}
	f.Fuzz(func(t *testing.T, body []byte, version uint8) {
		a := answer{}
		a.SetVersion(leastVersion + int16(version)%(mostVersion-leastVersion+1))
		if a.ReadFrom(body) != nil {
			return
		}
		total := 0
		for _, w := range a.rows {
			total += len(w.records)
		}
		require.LessOrEqual(t, total, len(body))
		require.LessOrEqual(t, len(a.rows)*leastRow, len(body))
		k := kmsg.NewPtrFetchResponse()
		k.Version = a.version
		if k.ReadFrom(bytes.Clone(body)) == nil {
			require.Len(t, a.rows, len(rowsOf(k)))
		}
	})
}
