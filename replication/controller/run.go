package controller

import (
	"context"
	"errors"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
)

// maxBatch is how many waiting requests share one write at most.
const maxBatch = 256

// call is one request to the controller's goroutine.
type call struct {
	// decide makes the step, and leaves its results where answer's reader finds
	// them. It may run again if the write that it was part of failed.
	decide func(*image.Image) (plan.Step, error)
	answer chan error // buffered
}

// do has a step decided, written and obeyed. When ctx ends first, it may still
// happen.
func (c *Controller) do(ctx context.Context, decide func(*image.Image) (plan.Step, error)) error {
	k := &call{decide: decide, answer: make(chan error, 1)}
	select {
	case c.calls <- k:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return ErrNotController
	}
	select {
	case err := <-k.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return ErrNotController
	}
}

// Run registers this broker, is elected and serves until ctx ends, which gives
// nil, or the tree fails for good.
func (c *Controller) Run(ctx context.Context) error {
	defer close(c.done)
	if err := c.takeOffice(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	close(c.ready)
	for {
		select {
		case <-ctx.Done():
			return nil
		case k := <-c.calls:
			if err := c.serve(ctx, c.waiting(k)); err != nil {
				return err
			}
		}
	}
}

// waiting is a call and those that wait behind it.
func (c *Controller) waiting(first *call) []*call {
	batch := []*call{first}
	for len(batch) < maxBatch {
		select {
		case k := <-c.calls:
			batch = append(batch, k)
		default:
			return batch
		}
	}
	return batch
}

// serve decides a batch of calls in order, each seeing what those before it
// decided, and carries all of it out with one write. If the write fails, the
// calls are tried one by one, so that one bad call spoils no other. The error
// ends the office.
func (c *Controller) serve(ctx context.Context, batch []*call) error {
	im := c.Image()
	var joint plan.Step
	pending := make([]*call, 0, len(batch))
	for _, k := range batch {
		step, err := k.decide(im)
		if err != nil {
			k.answer <- err
			continue
		}
		pending = append(pending, k)
		im = im.With(step.Changes)
		joint = plan.Join(joint, step)
	}
	err := c.carryOut(ctx, joint)
	if err != nil {
		c.office.producers.known = false
	}
	switch {
	case err == nil:
	case fatal(err):
		answer(pending, ErrNotController)
		return err
	case len(pending) > 1:
		for _, k := range pending {
			if err := c.serve(ctx, []*call{k}); err != nil {
				return err
			}
		}
		return nil
	}
	answer(pending, err)
	return nil
}

func answer(calls []*call, err error) {
	for _, k := range calls {
		k.answer <- err
	}
}

// fatal says whether the controller cannot go on: deposed, or without a tree.
func fatal(err error) bool {
	return errors.Is(err, ErrNotController) || errors.Is(err, tree.ErrClosed) || errors.Is(err, tree.ErrExpired)
}
