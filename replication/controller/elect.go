package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// retryAfter is the pause after a term that ended in an error: time for another
// broker to take the office.
const retryAfter = time.Second

// Serve contends for the office of controller as long as the session lasts:
// it waits while another broker has it, and while this one has it, decides. It
// returns nil when ctx ends, having given up the office, so that another takes
// it at once.
func (c *Controller) Serve(ctx context.Context, s member.Session) error {
	c.session.Store(&s)
	for ctx.Err() == nil {
		changed, err := c.contend(ctx, s)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end was asked for
		case lost(err):
			return err
		case errors.Is(err, ErrNotController):
			continue // there is another; look who
		case err != nil:
			c.o.Logger.Error("the controller gives up its office", "error", err)
			if !pause(ctx, retryAfter) {
				return nil
			}
		case changed != nil:
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// contend looks who is in office. If it is another broker, changed is closed
// when that may have changed. If it is nobody, this one is elected and serves
// until its term ends.
func (c *Controller) contend(ctx context.Context, s member.Session) (changed <-chan struct{}, err error) {
	watch := make(chan struct{})
	stat, err := s.Tree.Exists(znode.ControllerPath, func(tree.Event) { close(watch) })
	switch {
	case err == nil && stat.EphemeralOwner != s.Tree.Session():
		return watch, nil
	case err == nil: // a term that could not be ended
		_, err = s.Tree.Multi(tree.Delete(znode.ControllerPath, stat.Version))
		if err != nil && !errors.Is(err, tree.ErrNoNode) {
			return nil, fmt.Errorf("leave an office: %w", err)
		}
	case !errors.Is(err, tree.ErrNoNode):
		return nil, fmt.Errorf("look for the controller: %w", err)
	}
	t, err := c.elected(s)
	if err != nil {
		return nil, err
	}
	return nil, c.rule(ctx, t)
}

// rule is one term in office.
func (c *Controller) rule(ctx context.Context, t *term) error {
	c.term.Store(t)
	err := t.run(ctx)
	c.term.Store(nil)
	t.end()
	c.o.Reset()
	c.image.Store(image.Empty())
	if err != nil {
		c.o.Logger.Warn("the term in office has ended", "broker", c.o.BrokerID, "epoch", t.epoch, "error", err)
	}
	if left := t.resign(); left != nil && !lost(left) && !errors.Is(left, ErrNotController) {
		return errors.Join(err, left)
	}
	return err
}

// elected takes the office: the node /controller and the next epoch, both or
// none. ErrNotController if another broker has it.
func (c *Controller) elected(s member.Session) (*term, error) {
	n, err := s.Tree.Get(znode.ControllerEpoch, nil)
	if errors.Is(err, tree.ErrNoNode) {
		_, err = s.Tree.Multi(tree.Create(znode.ControllerEpoch, znode.EncodeNumber(0), 0))
		if err == nil || errors.Is(err, tree.ErrNodeExists) {
			n, err = s.Tree.Get(znode.ControllerEpoch, nil)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("elect: %w", err)
	}
	last, err := znode.DecodeNumber(n.Data)
	if err != nil {
		return nil, fmt.Errorf("elect: %w", err)
	}
	me := znode.EncodeController(znode.Controller{BrokerID: c.o.BrokerID, Timestamp: c.o.Now().UnixMilli()})
	r, err := s.Tree.Multi(
		tree.Create(znode.ControllerPath, me, tree.Ephemeral),
		tree.Set(znode.ControllerEpoch, znode.EncodeNumber(last+1), n.Stat.Version),
	)
	if errors.Is(err, tree.ErrNodeExists) || errors.Is(err, tree.ErrBadVersion) {
		return nil, fmt.Errorf("elect: %w", ErrNotController)
	}
	if err != nil {
		return nil, fmt.Errorf("elect: %w", err)
	}
	c.o.Logger.Info("controller elected", "broker", c.o.BrokerID, "epoch", last+1)
	return newTerm(c, s, int32(last+1), r[1].Stat.Version), nil
}

// Active says whether this broker is the cluster's controller.
func (c *Controller) Active() bool { return c.term.Load() != nil }

// lost says whether an error means that there is no session any more.
func lost(err error) bool { return errors.Is(err, tree.ErrExpired) || errors.Is(err, tree.ErrClosed) }

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
