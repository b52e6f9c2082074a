package broker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/broker"
)

// A running broker compacts a topic as it is configured: of a key's records the
// last stays, whatever the type of the keys that bound the cleaner.
func TestBrokerCompacts(t *testing.T) {
	b, err := broker.New(broker.Config{DataDir: t.TempDir(), Set: []string{
		"log.cleaner.backoff.ms=10", "log.initial.task.delay.ms=1", "log.cleaner.dedupe.buffer.size=3000000000",
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	defer func() { cancel(); require.NoError(t, <-done) }()
	<-b.Ready()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer cl.Close()

	a := adminAt(t, kgo.SeedBrokers(b.Addr().String()))
	policy, ratio, segment := "compact", "0.01", "1024"
	_, err = a.CreateTopic(t.Context(), 1, 1, map[string]*string{
		"cleanup.policy": &policy, "min.cleanable.dirty.ratio": &ratio, "segment.bytes": &segment,
	}, "t")
	require.NoError(t, err)
	for range 8 { // each fills a segment
		r := &kgo.Record{Topic: "t", Key: []byte("k"), Value: []byte(strings.Repeat("v", 900))}
		require.NoError(t, cl.ProduceSync(t.Context(), r).FirstErr())
	}
	require.Eventually(t, func() bool { return firstOffset(t, b) >= 6 }, 30*time.Second, 20*time.Millisecond)
}

// firstOffset is that of the first record that a new consumer of topic t gets.
func firstOffset(t *testing.T, b *broker.Broker) int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.ConsumeTopics("t"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	records := cl.PollFetches(ctx).Records()
	require.NotEmpty(t, records)
	return records[0].Offset
}
