package api_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/envoy"
)

// waited is a controller that answers nobody, and tells how long each was ready
// to wait for it.
func waited(t *testing.T) (chan time.Duration, func(context.Context, kmsg.Request) (kmsg.Response, error)) {
	patience := make(chan time.Duration, 10)
	return patience, func(ctx context.Context, _ kmsg.Request) (kmsg.Response, error) {
		until, bounded := ctx.Deadline()
		if !bounded {
			t.Error("somebody waits for ever")
			return nil, envoy.ErrNoController
		}
		patience <- time.Until(until)
		<-ctx.Done()
		return nil, envoy.ErrNoController
	}
}

// Records that a client sends over the connection on which it has named a new
// topic, or asked for its coordinator, wait behind that.
func TestWithoutAControllerNewTopicsKeepNobodyWaiting(t *testing.T) {
	c := of(told())
	patience, ask := waited(t)
	c.Ask = ask
	n := startWith(t, options{cluster: c})
	n.topic("t", 1)
	over := n.connect()
	for _, longest := range []time.Duration{time.Second, 50 * time.Millisecond} {
		got := metadataOf(over, 12, "new", true)
		require.Equal(t, kerr.LeaderNotAvailable.Code, got.Topics[0].ErrorCode)
		require.LessOrEqual(t, <-patience, longest)
	}
	q := kmsg.NewPtrFindCoordinatorRequest()
	q.CoordinatorKeys = []string{"g"}
	found := askFor(over, q)
	require.Equal(t, kerr.CoordinatorNotAvailable.Code, found.Coordinators[0].ErrorCode)
	require.LessOrEqual(t, <-patience, 50*time.Millisecond)
}

func askFor(c *client, q *kmsg.FindCoordinatorRequest) *kmsg.FindCoordinatorResponse {
	return ask[*kmsg.FindCoordinatorResponse](c, 4, q)
}

// Clients fail what they have to send at some errors of a topic: that a
// controller's connection was lost is not to be one of them.
func TestATopicThatCouldNotBeMadeIsAskedForAgain(t *testing.T) {
	c := of(told())
	c.Ask = func(context.Context, kmsg.Request) (kmsg.Response, error) {
		return nil, errors.New("read tcp: connection reset by peer")
	}
	n := startWith(t, options{cluster: c})
	got := metadataOf(n.connect(), 12, "new", true)
	require.Equal(t, kerr.LeaderNotAvailable.Code, got.Topics[0].ErrorCode)
}

func TestWithoutAControllerProducersAskAgainForTheirID(t *testing.T) {
	patience, ask := waited(t)
	n := startWith(t, options{cluster: of(told()), producerIDs: func(ctx context.Context) (int64, int64, error) {
		_, err := ask(ctx, nil)
		return 0, 0, err
	}})
	one, other := n.connect(), n.connect()
	q := kmsg.NewPtrInitProducerIDRequest()
	q.SetVersion(4)
	one.send(q)
	other.send(q)
	for _, c := range []*client{one, other} {
		require.Equal(t, kerr.CoordinatorLoadInProgress.Code, receive[*kmsg.InitProducerIDResponse](c, q).ErrorCode)
	}
	require.LessOrEqual(t, <-patience, time.Second)
}
