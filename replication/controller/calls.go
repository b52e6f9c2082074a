package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// maxBatch is how many waiting calls share one write at most.
const maxBatch = 256

// patience is how long a call waits for brokers to obey what is already written
// down. One that hangs would otherwise hold up every call until its session
// ends; it is told when it wakes. Each replica that is to be made may take a
// little longer still: it waits for a disk.
const (
	patience           = 2 * time.Second
	patienceForReplica = 5 * time.Millisecond
)

// brokerPatience is how long another broker waits for the answer to what brokers
// ask the controller. One that is cut off from the tree cannot answer, and does
// not know whether it is still in office; asking again does no harm.
const brokerPatience = 5 * time.Second

// call is one request to the term's goroutine.
type call struct {
	state State // in which it is decided
	// decide makes the step, and leaves its results where answer's reader finds
	// them. It may run again if the write that it was part of failed.
	decide func(*image.Image, plan.Settings) (plan.Step, error)
	// inTerm is decide for what is not in the picture.
	inTerm func(*term) (plan.Step, error)
	// done runs once, on the term's goroutine, after the step is written. Nil:
	// nothing does.
	done   func(*term)
	answer chan outcome // buffered
	tries  int          // how often it met a tree that somebody else had changed
}

// outcome is what has become of a call.
type outcome struct {
	err    error
	obeyed func(context.Context) error // nil: nobody had to be told
	orders int                         // how many are to be obeyed
}

// ask has a step decided and written, and returns how to wait until it is
// obeyed. When ctx ends first, it may still happen, and what decide leaves for
// the caller must not be looked at.
func (c *Controller) ask(ctx context.Context, k *call) (outcome, error) {
	k.answer = make(chan outcome, 1)
	t := c.term.Load()
	if t == nil || !t.inbox.put(event{kind: called, call: k}) {
		return outcome{}, ErrNotController
	}
	select {
	case out := <-k.answer:
		return out, out.err
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}

// answerBroker is ask for another broker, who is told in time to look for the
// controller elsewhere.
func (c *Controller) answerBroker(ctx context.Context, k *call) (outcome, error) {
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	out, err := c.ask(bounded, k)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return out, fmt.Errorf("%w: the tree does not answer", ErrNotController)
	}
	return out, err
}

// await waits until the live brokers concerned have obeyed what is decided. A
// broker that takes longer than patience is not waited for. ErrPending means that
// ctx, or the office, ended before they had.
func await(ctx context.Context, out outcome) error {
	if out.obeyed == nil {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, patience+time.Duration(out.orders)*patienceForReplica)
	defer cancel()
	err := out.obeyed(bounded)
	if err == nil || bounded.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return ErrPending
}

// serve decides a batch of calls in order, each seeing what those before it
// decided, and carries all of it out with one write; but what comes after a step
// that has something to write last waits for that, and so does what deletes a topic
// that a step before it has changed. If the write fails, the calls are tried one by
// one, so that one bad call spoils no other. The error ends the term.
func (t *term) serve(batch []event) error {
	for len(batch) > 0 {
		n, err := t.serveTogether(batch)
		batch = batch[n:]
		if err != nil {
			for _, e := range batch {
				e.call.answer <- outcome{err: ErrNotController}
			}
			return err
		}
	}
	return nil
}

// serveTogether serves the first n calls of a batch, as many as can share a write.
func (t *term) serveTogether(batch []event) (n int, err error) {
	s := t.c.o.Settings()
	im := t.im
	var joint plan.Step
	pending := make([]*call, 0, len(batch))
	for ; n < len(batch) && len(joint.Last) == 0; n++ {
		k := batch[n].call
		step, err := t.step(k, im, s)
		if err != nil {
			k.answer <- outcome{err: err}
			continue
		}
		if undoes(step, joint) {
			break // it is decided again
		}
		pending = append(pending, k)
		im = im.With(step.Changes)
		joint = plan.Join(joint, step)
	}
	if len(pending) == 0 {
		return n, nil
	}
	obeyed, err := t.carryOut(joint)
	if err == nil {
		for _, k := range pending {
			if k.done != nil {
				k.done(t)
			}
			k.answer <- outcome{obeyed: obeyed, orders: len(joint.Orders)}
		}
		return n, nil
	}
	return n, t.retry(pending, joint, err)
}

// undoes says whether a step deletes a topic that those before it have made or
// changed: brokers must hear of the topic before they hear of its end.
func undoes(step, before plan.Step) bool {
	for name, changed := range step.Changes.Topics {
		if changed == nil && before.Changes.Topics[name] != nil {
			return true
		}
	}
	return false
}

func (t *term) step(k *call, im *image.Image, s plan.Settings) (plan.Step, error) {
	if k.inTerm != nil {
		return k.inTerm(t)
	}
	return k.decide(im, s)
}

// retry is what becomes of calls whose write has failed.
func (t *term) retry(pending []*call, joint plan.Step, cause error) error {
	t.producers.known = false
	conflict := errors.Is(cause, errConflict)
	if conflict {
		if err := t.reconcile(joint, cause); err != nil {
			refuse(pending, ErrNotController)
			return err
		}
	}
	switch {
	case fatal(cause):
		refuse(pending, ErrNotController)
		return cause
	case len(pending) == 1 && (!conflict || pending[0].tries >= maxConflicts):
		refuse(pending, cause)
		return nil
	}
	if conflict && len(pending) == 1 {
		pending[0].tries++
	}
	for i, k := range pending {
		if err := t.serve([]event{{kind: called, call: k}}); err != nil {
			refuse(pending[i+1:], ErrNotController)
			return err
		}
	}
	return nil
}

// refuse answers calls with an error.
func refuse(calls []*call, err error) {
	for _, k := range calls {
		k.answer <- outcome{err: err}
	}
}

// fatal says whether the controller cannot go on: deposed, without a tree, or with
// another picture than the tree's.
func fatal(err error) bool { return isAny(err, ErrNotController, errAhead) || lost(err) }
