// Package broker puts a broker together: which parts there are, and in which
// order they start and stop. It holds no logic of its own.
//
//	New   configuration → sockets open (a port in use is an error here)
//	Run   admin port → data directories (locked, loaded, recovered) and a
//	      session on the tree → replicas, coordinator, ways to other brokers
//	      → registered → every partition has its role
//	      → ready: one log line, /readyz, sd_notify → serve
//	stop  not ready → others lead what was led here → accept nothing, answer
//	      what is under way → registration → coordinator → replicas → data
//	      directories (flush, checkpoints, clean mark) → admin port
//
// A broker of a cluster serves before it is ready: the controller must reach it.
// Its tree is a ZooKeeper, which says whose the data directories are; the tree
// of a single node lies in them. All else is the same.
//
// In a Go test:
//
//	b, err := broker.New(broker.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"})
//	...
//	go func() { done <- b.Run(ctx) }()
//	<-b.Ready()
//	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()))
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/broker/admin"
	"github.com/leatmq/leat/broker/api"
	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/metrics"
	"github.com/leatmq/leat/broker/server"
)

// Config says which broker to make. Either Store is set, or the other fields
// say what differs from a single node's defaults.
type Config struct {
	// Store is the whole configuration, as config.Load gives it.
	Store *config.Store

	// DataDir is where data is kept (log.dirs).
	DataDir string
	// Listen is HOST:PORT for clients (listeners); port 0 takes a free one.
	// Empty: 127.0.0.1:0.
	Listen string
	// Admin is HOST:PORT of the admin port (leat.admin.listen). Empty: none.
	Admin string
	// Set holds further settings, each key=value.
	Set []string

	// Logger gets the broker's log lines; nil discards them.
	Logger *slog.Logger
	// Version is leat's, for metrics.
	Version string
	// Now is the clock of everything that the broker stamps or lets expire; nil:
	// time.Now.
	Now func() time.Time
}

// store returns the configuration that c means.
func (c Config) store() (*config.Store, error) {
	if c.Store != nil {
		return c.Store, nil
	}
	if c.DataDir == "" {
		return nil, errors.New("broker: Config needs a DataDir")
	}
	listen := c.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	store, _, err := config.Load(config.Sources{Set: c.Set, Flags: map[string]string{
		"log.dirs":          c.DataDir,
		"listeners":         config.PlaintextListener(listen),
		"leat.admin.listen": c.Admin,
	}})
	return store, err
}

// Broker is one broker. Run runs it once.
type Broker struct {
	config  *config.Store
	logger  *slog.Logger
	now     func() time.Time
	server  *server.Server
	admin   *admin.Server // nil: none
	metrics *metrics.Metrics
	handler lateHandler
	state   state
	ready   chan struct{} // closed when clients are served

	informed chan struct{} // closed when the broker knows its part
	settled  sync.Once     // closes it

	stopping atomic.Bool
	offline  chan struct{} // a data directory has failed; capacity 1
	counts   counts
}

// lateHandler stands in for the APIs, which are made after the sockets are
// open. The server calls it only once Run serves.
type lateHandler struct{ api atomic.Pointer[api.API] }

// Handle is server.Handler's method.
func (h *lateHandler) Handle(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
	return h.api.Load().Handle(ctx, r, w)
}

// New checks the configuration and opens the sockets. A broker that is not run
// must be closed.
func New(c Config) (*Broker, error) {
	store, err := c.store()
	if err != nil {
		return nil, err
	}
	b := &Broker{config: store, logger: c.Logger, now: c.Now, ready: make(chan struct{}), offline: make(chan struct{}, 1), informed: make(chan struct{})}
	if b.now == nil {
		b.now = time.Now
	}
	if b.logger == nil {
		b.logger = slog.New(slog.DiscardHandler)
	}
	b.metrics = metrics.New(metrics.Options{Version: c.Version, Sources: b.sources(), Limits: b.metricLimits})
	if b.server, err = server.New(b.serverConfig(), &b.handler); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if addr := store.String("leat.admin.listen"); addr != "" {
		if b.admin, err = b.newAdmin(addr); err != nil {
			return nil, errors.Join(fmt.Errorf("broker: %w", err), b.server.Close())
		}
	}
	return b, nil
}

// Addr is the address of the first listener.
func (b *Broker) Addr() net.Addr { return b.server.Addr() }

// AdminAddr is the address of the admin port, nil when there is none.
func (b *Broker) AdminAddr() net.Addr {
	if b.admin == nil {
		return nil
	}
	return b.admin.Addr()
}

// Ready is closed when every partition is led and clients are served.
func (b *Broker) Ready() <-chan struct{} { return b.ready }

// Close releases the sockets of a broker that is never run.
func (b *Broker) Close() error {
	err := b.server.Close()
	if b.admin != nil {
		err = errors.Join(err, b.admin.Close())
	}
	return err
}
