// Package controller runs the cluster's decisions: one goroutine, elected
// through the tree, that reads the cluster once, decides every event with
// package plan, writes the outcome to the tree, has it obeyed and shows it in
// the Image. Only it writes topics and partition states; each of its writes
// carries a check of /controller_epoch, so one that has been deposed cannot
// write any more.
//
//	Run    register /brokers/ids/N → elect → load → adopt → recover → serve
//	serve  take all waiting requests → plan → one Multi → orders → Image → answers
//
// Requests that wait at the same time share one write. What a crash can leave
// behind between the steps:
//
//	before the Multi            nothing has happened
//	after it, before the orders  the new controller gives them again (Recover)
//	topic marked, not yet gone   the new controller deletes it again
//
// A single node is its own controller over the embedded tree; the code is the
// same.
package controller

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
)

// The errors of a controller, beside those of packages plan and tree.
var (
	// ErrNotController is the answer of a broker that does not control the
	// cluster, or no longer.
	ErrNotController = errors.New("this is not the correct controller for this cluster")
	// ErrInconsistentCluster means that the data directory belongs to another
	// cluster than the tree.
	ErrInconsistentCluster = member.ErrInconsistentCluster
	// ErrPending means that what was asked is decided and written down, but not
	// finished: a disk failed, or a broker is away. It will be finished later.
	ErrPending = errors.New("the request timed out")
)

// Options are what a controller needs of its surroundings.
type Options struct {
	Tree      tree.Tree
	BrokerID  int32
	Rack      string           // empty: none
	Endpoints []image.Endpoint // advertised, in the order of the listeners
	ClusterID string           // of meta.properties, empty: none stored

	// Send gives brokers their orders and announcements. It must not block.
	// obeyed waits until every live broker concerned has obeyed, with ctx's error
	// or that of the end of the office.
	Send func(Dispatch) (obeyed func(ctx context.Context) error)
	// Reset is told that the office is lost: what has not been sent is void.
	// Nil: nobody is told.
	Reset func()
	// Balance says how partitions go back to their preferred leaders by
	// themselves; asked anew each time. Nil: they do not.
	Balance func() Balance

	// Apply obeys the orders that concern this broker and returns one error, or
	// nil, for each; those that it did not come to before ctx ended have ctx's.
	// It runs on the controller's goroutine. *control.Control has it.
	Apply func(ctx context.Context, orders []plan.Order) []error
	// Existing lists the partitions in the data directories. It is asked when
	// the controller takes office: those of a tree that never had a topic are
	// adopted, and no leader epoch is used twice. Nil: none.
	Existing func() []plan.Existing
	// Settings are the broker's settings that decisions depend on; asked anew
	// for each decision.
	Settings func() plan.Settings
	// ConfigChanged is told each configuration of this broker and of all
	// brokers: those that are there at the start, and each that changes, after
	// it can be read from the Image. It runs on the controller's goroutine.
	// Nil: nobody is told.
	ConfigChanged func(image.Entity, map[string]string)

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default()
}

// Balance is how partitions go back to their preferred leaders by themselves.
type Balance struct {
	Enabled    bool          // auto.leader.rebalance.enable
	Interval   time.Duration // leader.imbalance.check.interval.seconds
	Percentage int32         // leader.imbalance.per.broker.percentage
}

// Controller is one broker's part in deciding for the cluster.
type Controller struct {
	o     Options
	image atomic.Pointer[image.Image]
	ready chan struct{} // closed when the first picture is complete
	once  sync.Once     // closes ready

	session atomic.Pointer[member.Session] // the latest that Serve was given
	term    atomic.Pointer[term]           // the present term in office
}

// New returns a controller that does nothing until Run.
func New(o Options) *Controller {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.ConfigChanged == nil {
		o.ConfigChanged = func(image.Entity, map[string]string) {}
	}
	if o.Reset == nil {
		o.Reset = func() {}
	}
	if o.Existing == nil {
		o.Existing = func() []plan.Existing { return nil }
	}
	c := &Controller{
		o:     o,
		ready: make(chan struct{}),
	}
	c.image.Store(image.Empty())
	return c
}

// Image is the latest picture of the cluster, never nil.
func (c *Controller) Image() *image.Image { return c.image.Load() }

// Ready is closed when the cluster has been read and every partition this
// broker leads is led.
func (c *Controller) Ready() <-chan struct{} { return c.ready }
