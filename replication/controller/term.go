package controller

import (
	"context"
	"fmt"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// term is one term in office: from an election to the loss of the office. All
// fields but inbox and done belong to the goroutine of run.
type term struct {
	c         *Controller
	tree      tree.Tree
	epoch     int32 // of the controller
	epochNode int32 // version of /controller_epoch that all writes demand
	inbox     *inbox
	done      chan struct{} // closed when the term is over

	im        *image.Image // what the tree holds
	announced *image.Image // what brokers have been sent of it
	watched   watched
	producers producerBlocks
	handMade  handMade
	waiters   map[string][]chan error // by topic: who waits for the end of its deletion
	unclean   bool                    // what unclean.leader.election.enable was last

	reconciling bool // reading again what others have changed

	retries map[int32]*retry // by broker that lacks, or has lacked, replicas it should have

	relist  <-chan time.Time // when the topics are to be listed, nil: not
	balance *time.Timer
}

// watched is what data watches are armed for.
type watched struct {
	brokers map[int32]int64 // epoch of the registration
	topics  map[string]bool
}

func newTerm(c *Controller, s member.Session, epoch, epochNode int32) *term {
	return &term{
		c: c, tree: s.Tree, epoch: epoch, epochNode: epochNode,
		inbox: newInbox(c.o.Now), done: make(chan struct{}),
		im: image.Empty(), announced: image.Empty(),
		watched: watched{brokers: map[int32]int64{}, topics: map[string]bool{}},
		waiters: map[string][]chan error{}, retries: map[int32]*retry{},
	}
}

// The first look at the balance, and how long a list of topics that this
// controller has itself changed may be out of date: what others create in
// between is found then.
const (
	firstBalance = 5 * time.Second
	relistAfter  = 50 * time.Millisecond
)

// run takes over and decides until ctx ends, which gives nil, or the office is
// lost.
func (t *term) run(ctx context.Context) error {
	began := t.c.o.Now()
	if err := t.during(ControllerChange, t.soon(), func() error { return t.takeOver(ctx) }); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	t.c.o.Logger.Info("controller in office", "epoch", t.epoch, "brokers", len(t.im.Brokers()), "topics", len(t.im.Topics()),
		"took", t.c.o.Now().Sub(began).Round(time.Millisecond))
	t.c.once.Do(func() { close(t.c.ready) })
	t.balance = time.NewTimer(firstBalance)
	defer t.balance.Stop()
	for {
		if err := t.next(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// next waits for what happens next and handles it.
func (t *term) next(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-t.balance.C:
		return t.during(AutoBalance, t.soon(), t.rebalance)
	case <-t.relist:
		t.relist = nil
		return t.during(TopicChange, t.soon(), t.lookForTopics)
	case <-t.inbox.ready:
	}
	events := t.inbox.take()
	if len(events) == 0 {
		return nil
	}
	return t.during(t.stateOf(&events[0]), events, func() error {
		if events[0].kind == called {
			return t.serve(events)
		}
		return t.handle(&events[0])
	})
}

// handle decides about one event. An error ends the term.
func (t *term) handle(e *event) error {
	switch e.kind {
	case officeChanged:
		return t.lookForOffice()
	case brokerChanged:
		delete(t.watched.brokers, e.broker)
		return t.lookForBrokers()
	case brokersChanged:
		return t.lookForBrokers()
	case topicsChanged:
		if t.relist == nil {
			t.relist = time.After(relistAfter)
		}
		return nil
	case topicChanged:
		return t.lookAtTopic(e.name)
	case deletionsChanged:
		return t.lookForDeletions()
	case reassignChanged:
		return t.lookForReassign()
	case preferredChanged:
		return t.lookForPreferred()
	case isrsChanged:
		return t.lookForISRs()
	case disksChanged:
		return t.lookForDisks()
	case answered:
		return t.hear(e)
	case configChanged:
		return t.configured(e)
	case retryDue:
		return t.retryRoles(e.broker)
	}
	return nil
}

// watch is a watch that has an event handled.
func (t *term) watch(kind eventKind, name string) tree.Watch {
	return func(tree.Event) { t.inbox.put(event{kind: kind, name: name}) }
}

// lookForOffice makes sure that this broker still has the office.
func (t *term) lookForOffice() error {
	n, err := t.tree.Get(znode.ControllerPath, t.watch(officeChanged, ""))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotController, err)
	}
	if n.Stat.EphemeralOwner != t.tree.Session() {
		return fmt.Errorf("%w: another broker has taken the office", ErrNotController)
	}
	return nil
}

// end answers all who wait.
func (t *term) end() {
	for _, r := range t.retries {
		r.rest()
	}
	for _, e := range t.inbox.close() {
		if e.kind == called {
			e.call.answer <- outcome{err: ErrNotController}
		}
	}
	close(t.done)
	for name := range t.waiters {
		t.settled(name, ErrPending)
	}
}

// resign gives the office up, if this broker still has it.
func (t *term) resign() error {
	_, err := t.tree.Multi(
		tree.Check(znode.ControllerEpoch, t.epochNode),
		tree.Delete(znode.ControllerPath, tree.AnyVersion),
	)
	if isAny(err, tree.ErrNoNode, tree.ErrBadVersion) {
		return nil
	}
	return err
}
