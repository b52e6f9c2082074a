package e2e

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

const goRecords = 2000

// body is the i-th value that the Go clients send.
func body(i int) []byte { return fmt.Appendf(nil, "value-%05d", i) }

func TestFranzGo(t *testing.T) {
	b := startBroker(t)
	createTopic(t, b, "franz", 2)
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr), kgo.ConsumeTopics("franz"), kgo.ConsumerGroup("franz"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer cl.Close()
	for i := range goRecords {
		cl.Produce(t.Context(), &kgo.Record{Topic: "franz", Value: body(i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	require.NoError(t, cl.Flush(t.Context()))
	seen := map[string]bool{}
	for len(seen) < goRecords {
		fetches := cl.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			require.False(t, seen[string(r.Value)])
			seen[string(r.Value)] = true
		})
	}
	require.NoError(t, cl.CommitUncommittedOffsets(t.Context()))
}

func TestSaramaAtOldAndNewVersions(t *testing.T) {
	for _, version := range []sarama.KafkaVersion{sarama.V0_8_2_0, sarama.V0_10_2_0, sarama.V1_0_0_0, sarama.V2_8_0_0, sarama.V3_6_0_0} {
		t.Run(version.String(), func(t *testing.T) {
			b := startBroker(t)
			createTopic(t, b, "sarama", 1)
			c := sarama.NewConfig()
			c.Version = version
			c.Producer.Return.Successes = true
			c.Producer.Compression = sarama.CompressionSnappy
			c.ApiVersionsRequest = version.IsAtLeast(sarama.V0_10_0_0)
			producer, err := sarama.NewSyncProducer([]string{b.Addr}, c)
			require.NoError(t, err)
			for i := range 50 {
				batch := make([]*sarama.ProducerMessage, 40)
				for j := range batch {
					batch[j] = &sarama.ProducerMessage{Topic: "sarama", Key: sarama.StringEncoder("k"), Value: sarama.ByteEncoder(body(i*40 + j))}
				}
				require.NoError(t, producer.SendMessages(batch))
			}
			require.NoError(t, producer.Close())
			consumer, err := sarama.NewConsumer([]string{b.Addr}, c)
			require.NoError(t, err)
			p, err := consumer.ConsumePartition("sarama", 0, sarama.OffsetOldest)
			require.NoError(t, err)
			for i := range goRecords {
				select {
				case m := <-p.Messages():
					require.Equal(t, int64(i), m.Offset)
					require.Equal(t, string(body(i)), string(m.Value))
				case err := <-p.Errors():
					require.NoError(t, err)
				}
			}
			require.NoError(t, p.Close())
			require.NoError(t, consumer.Close())
		})
	}
}

func TestSaramaClusterAdmin(t *testing.T) {
	b := startBroker(t)
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin([]string{b.Addr}, c)
	require.NoError(t, err)
	require.NoError(t, admin.CreateTopic("made", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	topics, err := admin.ListTopics()
	require.NoError(t, err)
	require.Equal(t, int32(3), topics["made"].NumPartitions)
	brokers, controller, err := admin.DescribeCluster()
	require.NoError(t, err)
	require.Len(t, brokers, 1)
	require.Equal(t, brokers[0].ID(), controller)
	require.NoError(t, admin.DeleteTopic("made"))
	require.NoError(t, admin.Close())
}

func TestKafkaGo(t *testing.T) {
	b := startBroker(t)
	createTopic(t, b, "segment", 2)
	w := &kafkago.Writer{Addr: kafkago.TCP(b.Addr), Topic: "segment", BatchSize: 200, Compression: kafkago.Lz4}
	messages := make([]kafkago.Message, goRecords)
	for i := range messages {
		messages[i].Value = body(i)
	}
	require.NoError(t, w.WriteMessages(t.Context(), messages...))
	require.NoError(t, w.Close())
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{b.Addr}, Topic: "segment", GroupID: "segment", StartOffset: kafkago.FirstOffset})
	seen := map[string]bool{}
	for len(seen) < goRecords {
		m, err := r.ReadMessage(t.Context())
		require.NoError(t, err)
		require.False(t, seen[string(m.Value)])
		seen[string(m.Value)] = true
	}
	require.NoError(t, r.Close())
}
