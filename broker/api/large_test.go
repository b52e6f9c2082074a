package api

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/channel"
)

// allPartitions is a request about so many partitions, a thousand a topic.
func allPartitions(key kmsg.Key, partitions int) (version int16, body []byte) {
	replicas := []int32{1, 2, 3}
	names := make([]string, partitions/1000)
	for i := range names {
		names[i] = fmt.Sprintf("a-topic-with-a-name-%d", i)
	}
	switch key {
	case kmsg.UpdateMetadata:
		q := kmsg.NewPtrUpdateMetadataRequest()
		q.Version = 8
		for _, name := range names {
			row := kmsg.UpdateMetadataRequestTopicState{Topic: name}
			for p := range int32(1000) {
				row.PartitionStates = append(row.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{Partition: p, ISR: replicas, Replicas: replicas})
			}
			q.TopicStates = append(q.TopicStates, row)
		}
		return q.Version, q.AppendTo(nil)
	case kmsg.LeaderAndISR:
		q := kmsg.NewPtrLeaderAndISRRequest()
		q.Version = 7
		for _, name := range names {
			row := kmsg.LeaderAndISRRequestTopicState{Topic: name}
			for p := range int32(1000) {
				row.PartitionStates = append(row.PartitionStates, kmsg.LeaderAndISRRequestTopicPartition{Partition: p, ISR: replicas, Replicas: replicas})
			}
			q.TopicStates = append(q.TopicStates, row)
		}
		return q.Version, q.AppendTo(nil)
	}
	q := kmsg.NewPtrStopReplicaRequest()
	q.Version = 4
	for _, name := range names {
		row := kmsg.StopReplicaRequestTopic{Topic: name}
		for p := range int32(1000) {
			row.PartitionStates = append(row.PartitionStates, kmsg.StopReplicaRequestTopicPartitionState{Partition: p, Delete: true})
		}
		q.Topics = append(q.Topics, row)
	}
	return q.Version, channel.StopReplica{StopReplicaRequest: q}.AppendTo(nil)
}

// What brokers tell each other grows with the cluster, and is bounded by the
// frame alone: a cluster may have more partitions than a client may ask about.
func TestLargeClustersAreRead(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.UpdateMetadata, kmsg.LeaderAndISR, kmsg.StopReplica} {
		partitions := 300_000
		if key == kmsg.StopReplica { // of which each takes little
			partitions = 1_000_000
		}
		version, body := allPartitions(key, partitions)
		q := kmsg.RequestForKey(int16(key))
		require.NoError(t, decode(q, request(key, version, body)), "%s about %d partitions in %d bytes", key.Name(), partitions, len(body))
	}
}

// What a request takes in memory is what the walk has counted, or hardly more.
func TestMemoryIsCounted(t *testing.T) {
	eachVersion(t, func(t *testing.T, key kmsg.Key, version int16) {
		r := rand.New(rand.NewPCG(uint64(key), uint64(version)))
		for range 5 {
			_, body := randomRequest(r, key, version)
			q := kmsg.RequestForKey(int16(key))
			q.SetVersion(version)
			w := walker{rest: body, version: version, flexible: q.IsFlexible(), memory: 1 << 30}
			require.NoError(t, w.walk(layoutOf(key).fields))
			require.NoError(t, decode(q, request(key, version, body)))
			counted := 1<<30 - w.memory
			require.LessOrEqual(t, taken(reflect.ValueOf(q).Elem()), counted*9/8, "%+v", q)
		}
	})
}

// taken is what the arrays of a request take in memory.
func taken(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += taken(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n = taken(v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return 0
		}
		n = v.Len() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			n += taken(v.Index(i))
		}
	}
	return n
}

// BenchmarkDecodeLargeCluster decodes all that a controller tells a broker of
// 100,000 partitions.
func BenchmarkDecodeLargeCluster(b *testing.B) {
	version, body := allPartitions(kmsg.UpdateMetadata, 100_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		q := kmsg.NewPtrUpdateMetadataRequest()
		require.NoError(b, decode(q, request(kmsg.UpdateMetadata, version, body)))
	}
}
