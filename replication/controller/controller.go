// Package controller runs the cluster's decisions. Every broker contends for the
// office; the one that is elected reads the cluster once, and from then on has
// each event decided by package plan, on one goroutine: it writes the outcome to
// the tree, shows it in its Image and tells brokers. Only it writes topics and
// partition states; each of its writes carries a check of /controller_epoch, so
// one that has been deposed cannot write any more.
//
//	Serve  watch /controller ──→ elected ──→ term ──→ deposed, or failed: again
//	                                          │ ctx ends: /controller goes at once
//	term   take over: watches, brokers, topics, states → brokers told → Recover
//	       next:      calls │ watches │ brokers' answers │ timers
//	                    └→ plan → Multis → Image → Send → a last Multi, where replicas have gone
//
// Calls that wait at the same time share one write. A call returns when what it
// decided is written and the live brokers concerned have obeyed; it waits on its
// own goroutine. What a crash can leave behind between the steps:
//
//	before the Multis             nothing has happened
//	between two of them           the next controller finds the beginning, and goes on
//	after them, before Send       the next controller gives the orders again (Recover);
//	                              until then the tree names the replicas that have to go
//	topic marked, not yet gone    the next controller deletes it again
//
// What somebody else has written where the controller did not expect it is read
// again before anything is decided about it. A single node is its own controller
// over the embedded tree; the code is the same.
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
)

// The errors of a controller, beside those of packages plan and tree.
var (
	// ErrNotController is the answer of a broker that does not control the
	// cluster, or no longer.
	ErrNotController = errors.New("this is not the correct controller for this cluster")
	// ErrPending means that what was asked is decided and written down, but not
	// finished: a disk failed, or a broker is away. It will be finished later.
	ErrPending = errors.New("the request timed out")
)

// Options are what a controller needs of its surroundings.
type Options struct {
	BrokerID int32

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

	// Existing lists the partitions in the data directories of a single node. It
	// is asked when the controller takes office: those of a tree that never had
	// a topic are adopted, and no leader epoch is used twice. Nil: none.
	Existing func() []plan.Existing
	// Settings are the broker's settings that decisions depend on; asked anew
	// for each decision.
	Settings func() plan.Settings

	// Handled is told of each event that was handled in office. It must not block.
	// Nil: nobody is.
	Handled func(Work)

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
	ready chan struct{} // closed when the first term has taken over
	once  sync.Once     // closes ready

	session atomic.Pointer[member.Session] // the latest that Serve was given
	term    atomic.Pointer[term]           // the present term in office
	state   atomic.Int32                   // a State
}

// New returns a controller that does nothing until Run.
func New(o Options) *Controller {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Handled == nil {
		o.Handled = func(Work) {}
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

// Image is the controller's own picture of the cluster: what the tree holds,
// while brokers may not all know of it yet. It is empty, never nil, on a broker
// that is not in office.
func (c *Controller) Image() *image.Image { return c.image.Load() }

// Ready is closed when this broker has for the first time taken over the office:
// it has read the cluster, and what brokers are to do is on its way to them.
func (c *Controller) Ready() <-chan struct{} { return c.ready }
