package api

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/throttle"
)

// Cluster is what a broker of several has beside those of a single node: the
// other brokers, and a controller that may be one of them.
type Cluster struct {
	// What brokers ask of each other. The answers are never nil.
	LeaderAndISR        func(context.Context, *kmsg.LeaderAndISRRequest) *kmsg.LeaderAndISRResponse
	UpdateMetadata      func(context.Context, *kmsg.UpdateMetadataRequest) *kmsg.UpdateMetadataResponse
	StopReplica         func(context.Context, *kmsg.StopReplicaRequest) *kmsg.StopReplicaResponse
	AlterPartition      func(context.Context, *kmsg.AlterPartitionRequest) *kmsg.AlterPartitionResponse
	ControlledShutdown  func(context.Context, *kmsg.ControlledShutdownRequest) *kmsg.ControlledShutdownResponse
	AllocateProducerIDs func(context.Context, *kmsg.AllocateProducerIDsRequest) *kmsg.AllocateProducerIDsResponse

	// Active says whether this broker is the active controller.
	Active func() bool
	// Ask has the active controller answer a request, wherever it is. It asks
	// again while there is none, until ctx ends.
	Ask func(context.Context, kmsg.Request) (kmsg.Response, error)
	// Throttle bounds what followers that are not in sync may fetch; nil: nothing
	// does.
	Throttle *throttle.Quota
	// Internal are Kafka's own topics, as they are made when they are first used.
	Internal map[string]plan.TopicSpec
	// Await returns when this broker's picture is as seen wants it, or with
	// ctx's error.
	Await func(ctx context.Context, seen func(*image.Image) bool) error
	// Informed is closed when this broker has had its first full picture.
	Informed <-chan struct{}
}

// between are the APIs that only brokers use. A single node has nobody to serve
// them to, so it does not.
func (a *API) between() []route {
	if a.Cluster == nil {
		return nil
	}
	c := a.Cluster
	return []route{
		{kmsg.LeaderAndISR, 0, 7, typed(fromBroker(c.LeaderAndISR))},
		{kmsg.StopReplica, 0, 4, typed(fromBroker(c.StopReplica))},
		{kmsg.UpdateMetadata, 0, 8, typed(fromBroker(c.UpdateMetadata))},
		{kmsg.ControlledShutdown, 0, 3, typed(fromBroker(c.ControlledShutdown))},
		{kmsg.AlterPartition, 0, 3, typed(fromBroker(c.AlterPartition))},
		{kmsg.AllocateProducerIDs, 0, 0, typed(fromBroker(c.AllocateProducerIDs))},
	}
}

// fromBroker makes a function of the cluster a handler.
func fromBroker[Q, A any](answer func(context.Context, Q) A) func(context.Context, *server.Request, Q) (A, error) {
	return func(ctx context.Context, _ *server.Request, q Q) (A, error) { return answer(ctx, q), nil }
}

// informed remembers that the first full picture has come, so that no request
// looks at a channel ever after.
type informed struct{ done atomic.Bool }

// hold keeps a request until this broker has had its first full picture, but
// not for longer than leat.metadata.wait.ms. A broker that has just started
// would otherwise deny topics that exist, and clients that try only a few times
// would give up what they have to send. What brokers ask of each other, and what
// needs no picture, passes.
func (a *API) hold(ctx context.Context, key int16) {
	if !needsPicture(kmsg.Key(key)) || !a.uninformed() {
		return
	}
	patience := time.NewTimer(a.Config.Duration("leat.metadata.wait.ms"))
	defer patience.Stop()
	select {
	case <-a.Cluster.Informed:
		a.informed.done.Store(true)
	case <-patience.C:
	case <-ctx.Done():
	}
}

// uninformed says whether this broker does not know yet which topics there are:
// what its picture lacks may exist.
func (a *API) uninformed() bool {
	if a.Cluster == nil || a.informed.done.Load() {
		return false
	}
	select {
	case <-a.Cluster.Informed:
		a.informed.done.Store(true)
		return false
	default:
		return true
	}
}

// needsPicture says whether a request is answered from the picture of the
// cluster.
func needsPicture(key kmsg.Key) bool {
	switch key {
	case kmsg.LeaderAndISR, kmsg.StopReplica, kmsg.UpdateMetadata, kmsg.ControlledShutdown, kmsg.AlterPartition,
		kmsg.AllocateProducerIDs, kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate:
		return false
	}
	return true
}
