// Package channel carries the controller's requests to brokers. Each broker has
// a queue and a goroutine of its own, so that one that hangs holds up no other;
// one request is under way to it at a time, and it is sent again until it is
// answered, or the broker is gone, or has registered anew.
//
//	decision ──Compose──→ Batch per broker ──Send──→ queue ──→ LeaderAndIsr
//	                                                           UpdateMetadata
//	                                                           StopReplica
//
// What waits behind the request under way is merged where that leaves the
// outcome the same: of a partition's states the later one is sent.
package channel

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

// ErrReset is the outcome of what waited when the office was lost.
var ErrReset = errors.New("the controller that sent this is no longer in office")

// Batch is what one decision has to tell one broker. Its requests are sent in
// the order of the fields; nil ones are left out. They must not be changed after
// Send.
type Batch struct {
	Broker int32
	// NewsFirst has UpdateMetadata sent before the others: it tells of brokers
	// that this one does not know. A broker of Kafka's never fetches from a
	// leader that it did not know when it was told to follow it.
	NewsFirst      bool
	LeaderAndISR   *kmsg.LeaderAndISRRequest
	UpdateMetadata *kmsg.UpdateMetadataRequest
	StopReplica    *kmsg.StopReplicaRequest
}

// Options say how brokers are reached.
type Options struct {
	// Self is this broker, which is asked by Local and over no connection.
	Self  int32
	Local func(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
	// Remote asks another broker and reads its answer into resp, which may keep
	// pointing into what was read.
	Remote func(ctx context.Context, to *image.Broker, req kmsg.Request, resp kmsg.Response) error
	// Answered gets each answer, on the goroutine of the broker, before the
	// Delivery is done. Nil: nobody is told.
	Answered func(broker int32, req kmsg.Request, resp kmsg.Response)
	// Timeout bounds one attempt. 0: 30 s.
	Timeout time.Duration
	Logger  *slog.Logger // nil: slog.Default()
}

// Channel carries requests to brokers. All methods may be called concurrently.
type Channel struct {
	o       Options
	numbers atomic.Int64 // of the news sent so far

	mu     sync.Mutex
	queues map[int32]*queue
	starts []*queue      // wait for Run to start their goroutine
	wake   chan struct{} // says that there are starts
}

// Waiting is how many parcels wait for their broker to have answered those before
// them, or are on their way.
func (c *Channel) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, q := range c.queues {
		n += len(q.waiting)
	}
	return n
}

// New returns a channel to no broker.
func New(o Options) *Channel {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Answered == nil {
		o.Answered = func(int32, kmsg.Request, kmsg.Response) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Channel{o: o, queues: map[int32]*queue{}, wake: make(chan struct{}, 1)}
}
