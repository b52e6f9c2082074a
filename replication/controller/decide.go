package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// maxConflicts is how often in a row a decision may meet a tree that somebody
// else has changed.
const maxConflicts = 10

// errAhead means that the picture says more than the tree.
var errAhead = errors.New("the end of a decision could not be written")

// decide carries out what f decides; again, on what the tree has now, if
// somebody has changed it meanwhile. The error ends the term.
func (t *term) decide(f func(im *image.Image, s plan.Settings) plan.Step) error {
	for range maxConflicts {
		step := f(t.im, t.c.o.Settings())
		_, err := t.carryOut(step)
		if !errors.Is(err, errConflict) {
			return err
		}
		if err := t.reconcile(step, err); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w again and again", errConflict)
}

// carryOut writes a step, shows its changes, and tells brokers. The error is
// that of the first write: then the picture is as it was, though the tree may have
// the beginning of the step. obeyed is nil if nobody had to be told.
func (t *term) carryOut(step plan.Step) (obeyed func(context.Context) error, err error) {
	if err := t.write(step.Writes); err != nil {
		return nil, err
	}
	t.show(t.im.With(step.Changes))
	obeyed = t.tell(step.Orders)
	t.settleDeletions()
	if err := t.writeLast(step); err != nil {
		return nil, err
	}
	return obeyed, t.shrinkReassign()
}

// writeLast writes what a step writes when all are on their way to be told. If that
// fails, the picture says more than the tree, which the next term reads.
func (t *term) writeLast(step plan.Step) error {
	err := t.write(step.Last)
	switch {
	case err == nil || lost(err) || errors.Is(err, ErrNotController):
		return err
	case errors.Is(err, errConflict) && len(step.Last) == 1: // somebody has removed the topic; its watch tells
		t.c.o.Logger.Warn("somebody else has changed the tree while a decision was carried out", "error", err)
		return nil
	case errors.Is(err, errConflict):
		for i := range step.Last {
			if err := t.writeLast(plan.Step{Last: step.Last[i : i+1]}); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%w: %w", errAhead, err)
}

// show makes a picture the present one.
func (t *term) show(im *image.Image) {
	t.im = im
	t.c.image.Store(im)
}

// tell sends orders, and what brokers do not yet know of the picture.
func (t *term) tell(orders []plan.Order) func(context.Context) error {
	before := t.announced
	news := plan.Announce(before, t.im)
	t.announced = t.im
	if len(orders) == 0 && len(news) == 0 {
		return nil
	}
	return t.c.o.Send(Dispatch{Epoch: t.epoch, Before: before, After: t.im, Orders: orders, Announcements: news})
}

// reconcile reads again what a step was about, after a conflict: topics and
// states as they are in the tree now come into the picture. A conflict in the
// middle of that ends the term; the next one reads everything.
func (t *term) reconcile(step plan.Step, cause error) error {
	if t.reconciling {
		return cause
	}
	t.reconciling = true
	defer func() { t.reconciling = false }()
	t.c.o.Logger.Warn("somebody else has changed the tree; reading it again", "error", cause)
	t.producers.known = false
	for name := range step.Changes.Topics {
		if t.im.Topic(name) == nil {
			continue
		}
		if err := t.rereadStates(name); err != nil {
			return err
		}
		if err := t.lookAtTopic(name); err != nil {
			return err
		}
	}
	if err := t.lookForTopics(); err != nil {
		return err
	}
	return t.lookForDeletions()
}

// rereadStates puts the states of a topic, as the tree has them, into the
// picture.
func (t *term) rereadStates(name string) error {
	var refs []plan.Ref
	for p := range t.im.Topic(name).Partitions {
		refs = append(refs, plan.Ref{Topic: name, Partition: int32(p)})
	}
	return t.reread(refs)
}

// reread puts states, as the tree has them, into the picture, and tells brokers of
// those that the beginning of a decision has left there.
func (t *term) reread(refs []plan.Ref) error {
	states, err := t.states(refs)
	if err != nil {
		return err
	}
	step, err := plan.StatesFound(t.im, states)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotController, err)
	}
	t.show(t.im.With(step.Changes))
	if len(step.Orders) > 0 {
		t.tell(step.Orders)
	}
	return nil
}
