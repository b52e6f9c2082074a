package broker_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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

// observed runs a broker with an admin port.
func observed(t *testing.T, set ...string) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Config{DataDir: t.TempDir(), Admin: "127.0.0.1:0", Set: set})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	<-b.Ready()
	return b
}

// A member that waits for others is counted.
func TestMembersThatWaitAreCounted(t *testing.T) {
	b := observed(t, "group.initial.rebalance.delay.ms=60000")
	waiting := func(n string) func() bool {
		return func() bool {
			_, page := get(t, b, "/metrics?family=leat,jmx")
			return strings.Contains(page, `leat_requests_waiting{operation="Rebalance"} `+n+"\n") &&
				strings.Contains(page, `kafka_server_delayedoperationpurgatory_purgatorysize{delayedOperation="Rebalance"} `+n+"\n")
		}
	}
	require.True(t, waiting("0")())
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()))
	require.NoError(t, err)
	defer cl.Close()
	q := kmsg.NewPtrJoinGroupRequest()
	id := "static: admitted at once"
	q.Group, q.InstanceID, q.ProtocolType = "g", &id, "consumer"
	q.SessionTimeoutMillis, q.RebalanceTimeoutMillis = 30_000, 60_000
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name = "range"
	q.Protocols = append(q.Protocols, protocol)
	ctx, giveUp := context.WithCancel(t.Context())
	var joining sync.WaitGroup
	joining.Go(func() {
		_, err := q.RequestWith(ctx, cl)
		assert.ErrorIs(t, err, context.Canceled)
	})
	defer joining.Wait()
	defer giveUp()
	require.Eventually(t, waiting("1"), 30*time.Second, 5*time.Millisecond)
}

func TestAdminPortTellsWhatTheBrokerDoes(t *testing.T) {
	b := observed(t)
	status, _ := get(t, b, "/readyz")
	require.Equal(t, http.StatusOK, status)

	a := admin(t, b)
	_, err := a.CreateTopic(t.Context(), 2, 1, nil, "counted")
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
