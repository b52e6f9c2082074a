package broker_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/broker"
)

// get returns a page of the admin port.
func get(t *testing.T, b *broker.Broker, path string) (int, string) {
	t.Helper()
	answer, err := http.Get("http://" + b.AdminAddr().String() + path)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func TestAdminPortTellsWhatTheBrokerDoes(t *testing.T) {
	b, err := broker.New(broker.Config{DataDir: t.TempDir(), Admin: "127.0.0.1:0"})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	<-b.Ready()
	status, _ := get(t, b, "/readyz")
	require.Equal(t, http.StatusOK, status)

	a := admin(t, b)
	_, err = a.CreateTopic(t.Context(), 2, 1, nil, "counted")
	require.NoError(t, err)
	produce(t, b, "counted", "one", "two", "three")
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.ConsumeTopics("counted"))
	require.NoError(t, err)
	defer cl.Close()
	for n := 0; n < 3; {
		fetches := cl.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		n += fetches.NumRecords()
	}
	_, page := get(t, b, "/metrics")
	for _, want := range []string{
		`leat_topic_messages_in_total{topic="counted"} 3`,
		`kafka_server_brokertopicmetrics_messagesin_total{topic="counted"} 3`,
		`kafka_topic_partition_current_offset{partition="0",topic="counted"} 3`,
		`leat_build_info`,
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, `leat_topic_bytes_out_total{topic="counted"} 0`)
}
