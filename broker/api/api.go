// Package api answers Kafka's requests: one file per API, headed by what it
// does and what changed from version to version.
//
//	server.Request ── routes: key, versions, handler ── decode ── call ── encode
//
// routes.go is the one table of what is served, and what ApiVersions tells.
// errors.go is the one table from the errors of the packages below to Kafka's
// codes. decode.go walks each body before anything is allocated for it. Produce
// and Fetch have codecs of their own that allocate nothing per partition; all
// other messages are kmsg's.
//
// A handler answers what is wrong with an item of a request in that item; a
// connection is closed only when what comes over it cannot be trusted.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/metrics"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/wait"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
)

// Deps is what the APIs work with.
type Deps struct {
	BrokerID   int32
	Partitions *partition.Set
	Dirs       *dir.Set
	// Image gives the present picture of the cluster; it is asked once per
	// request. Never nil, nor is what it gives.
	Image      func() *image.Image
	Controller *controller.Controller
	// Cluster is the other brokers; nil on a single node.
	Cluster *Cluster
	// AlterConfig replaces the configuration of an entity by what change makes of
	// the present one; nil: the controller's.
	AlterConfig func(ctx context.Context, e image.Entity, change func(map[string]string) (map[string]string, error)) error
	// ProducerIDs takes a block of producer ids; nil: the controller's.
	ProducerIDs func(context.Context) (first, count int64, err error)
	Groups      *coordinator.Groups
	Config      *config.Store
	Metrics     *metrics.Metrics // nil: nothing is counted
	Logger      *slog.Logger     // nil: slog.Default()
	Now         func() time.Time // nil: time.Now
	Random      func() uint32    // nil: math/rand's
}

// API is all APIs of a broker. It is a server.Handler.
type API struct {
	Deps
	routes    [maxKey + 1]route // by key; one without handler is not served
	sessions  *session.Cache
	deadlines *wait.Deadlines
	informed  informed
	waits     waits

	impatience impatience

	produceCalls  sync.Pool // of *produceCall
	fetchCalls    sync.Pool // of *fetchCall
	metadataCalls sync.Pool // of *metadataCall

	producerIDs  producerIDs
	brokerConfig sync.Mutex // one change of a broker's configuration at a time
}

// New returns the APIs over what they work with.
func New(d Deps) *API {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Random == nil {
		d.Random = rand.Uint32
	}
	if d.Controller != nil && d.ProducerIDs == nil {
		d.ProducerIDs = d.Controller.AllocateProducerIDs
	}
	a := &API{Deps: d, deadlines: wait.NewDeadlines(d.Now), producerIDs: newProducerIDs()}
	a.produceCalls.New = func() any { return new(produceCall) }
	a.fetchCalls.New = func() any { return new(fetchCall) }
	a.sessions = session.NewCache(session.Options{
		Slots:      d.Config.Int("max.incremental.fetch.session.cache.slots"),
		Partitions: d.Config.Int64("leat.fetch.session.partitions.max"),
		Now:        d.Now,
		Random:     d.Random,
	})
	a.metadataCalls.New = newMetadataCall
	for _, r := range append(a.served(), a.between()...) {
		a.routes[r.key] = r
	}
	return a
}

// Run keeps the deadlines of requests that wait. When ctx ends, which must be
// when the server begins to stop, long polls are answered with what there is.
func (a *API) Run(ctx context.Context) error { return a.deadlines.Run(ctx) }

// Sessions counts the fetch sessions, for metrics.
func (a *API) Sessions() session.Stats { return a.sessions.Stats() }

// Handle answers one request. It is server.Handler's method.
func (a *API) Handle(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
	route := a.route(r.Key)
	if route == nil {
		return r.Untrusted(fmt.Errorf("api key %d is not served", r.Key))
	}
	if r.Version < route.min || r.Version > route.max {
		if kmsg.Key(r.Key) == kmsg.ApiVersions {
			return a.apiVersionsUnsupported(w)
		}
		return r.Untrusted(fmt.Errorf("%s version %d is not served", kmsg.Key(r.Key).Name(), r.Version))
	}
	a.hold(ctx, r.Key)
	return route.handle(ctx, r, w)
}

func (a *API) route(key int16) *route {
	if key < 0 || int(key) >= len(a.routes) || a.routes[key].handle == nil {
		return nil
	}
	return &a.routes[key]
}
