package controller

import (
	"context"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// CreateOptions go for all topics of one request.
type CreateOptions struct {
	ValidateOnly bool // check everything, create nothing
}

// CreateTopics creates topics and returns one result each, in order, when every
// partition that could be given a leader has one and every live broker knows:
// the next request can use it, wherever it goes. A topic that is refused does
// not keep the others from being created. The result of one that is written
// down, but of which brokers did not know in time, is ErrPending. The error is
// for all of them.
func (c *Controller) CreateTopics(ctx context.Context, specs []plan.TopicSpec, o CreateOptions) ([]plan.TopicResult, error) {
	return collect(ctx, c, decision[plan.TopicResult]{state: TopicChange, validateOnly: o.ValidateOnly, pending: topicPending,
		decide: func(im *image.Image, s plan.Settings) (plan.Step, []plan.TopicResult) {
			return plan.CreateTopics(im, specs, s)
		}})
}

// AutoCreate creates topics that a client mentioned, with the defaults; Kafka's
// own topics as their settings say, with as many replicas as there are brokers
// if the setting asks for more.
func (c *Controller) AutoCreate(ctx context.Context, names []string) ([]plan.TopicResult, error) {
	return collect(ctx, c, decision[plan.TopicResult]{state: TopicChange, pending: topicPending,
		decide: func(im *image.Image, s plan.Settings) (plan.Step, []plan.TopicResult) {
			specs := make([]plan.TopicSpec, len(names))
			for i, name := range names {
				spec, ok := s.Internal[name]
				if !ok {
					spec = plan.TopicSpec{Partitions: plan.Default, Replication: plan.Default}
				}
				spec.Name = name
				specs[i] = spec
			}
			return plan.CreateTopics(im, specs, s)
		}})
}

// DeleteTopics deletes topics and returns when no live broker shows or has them
// any more, and, unless a broker with a replica is away, their names may be used
// again. The result of a topic whose data could not be removed, or not in time,
// is ErrPending: it is gone for clients, and its name is taken until the data is
// removed.
func (c *Controller) DeleteTopics(ctx context.Context, refs []plan.TopicRef) ([]plan.TopicResult, error) {
	var gone []<-chan error // by result; nil: not deleted
	var results []plan.TopicResult
	k := &call{
		state: TopicDeletion,
		decide: func(im *image.Image, s plan.Settings) (step plan.Step, _ error) {
			step, results = plan.DeleteTopics(im, refs, s)
			return step, nil
		},
		done: func(t *term) {
			gone = make([]<-chan error, len(results))
			for i := range results {
				if results[i].Err == nil {
					gone[i] = t.awaitDeletion(results[i].Name)
				}
			}
			t.settleDeletions()
		},
	}
	out, err := c.ask(ctx, k)
	if err != nil {
		return nil, err
	}
	obeyed := await(ctx, out)
	for i := range results {
		switch {
		case results[i].Err != nil:
		case obeyed != nil:
			results[i].Err = obeyed
		default:
			results[i].Err = within(ctx, gone[i])
		}
	}
	return results, nil
}

// within waits for the end of a deletion.
func within(ctx context.Context, gone <-chan error) error {
	select {
	case err := <-gone:
		return err
	case <-ctx.Done():
		return ErrPending
	}
}

// CreatePartitions adds partitions to topics; it returns as CreateTopics does.
func (c *Controller) CreatePartitions(ctx context.Context, specs []plan.PartitionsSpec, o CreateOptions) ([]plan.TopicResult, error) {
	return collect(ctx, c, decision[plan.TopicResult]{state: TopicChange, validateOnly: o.ValidateOnly, pending: topicPending,
		decide: func(im *image.Image, s plan.Settings) (plan.Step, []plan.TopicResult) {
			return plan.CreatePartitions(im, specs, s)
		}})
}

// ElectLeaders elects leaders of the partitions; nil means all partitions, of
// which those that need no election are left out of the results. It returns
// when those elected lead.
func (c *Controller) ElectLeaders(ctx context.Context, how plan.Election, refs []plan.Ref) ([]plan.ElectResult, error) {
	return collect(ctx, c, decision[plan.ElectResult]{state: ManualBalance, pending: electPending,
		decide: func(im *image.Image, s plan.Settings) (plan.Step, []plan.ElectResult) {
			return plan.ElectLeaders(im, how, refs, s)
		}})
}

// Reassign starts or cancels reassignments (KIP-455), and returns when they are
// written down and brokers know.
func (c *Controller) Reassign(ctx context.Context, rs []plan.Reassignment) ([]plan.ElectResult, error) {
	return collect(ctx, c, decision[plan.ElectResult]{state: AlterReassignment, pending: electPending,
		decide: func(im *image.Image, s plan.Settings) (plan.Step, []plan.ElectResult) {
			return plan.Reassign(im, rs, s)
		}})
}

// Reassigning is a partition whose replicas are being changed.
type Reassigning struct {
	plan.Ref
	Replicas, Adding, Removing []int32
}

// ListReassignments lists the reassignments under way, of the partitions named
// or of all (nil).
func (c *Controller) ListReassignments(ctx context.Context, refs []plan.Ref) ([]Reassigning, error) {
	var all []Reassigning
	add := func(ref plan.Ref, p *image.Partition) {
		if p != nil && p.Reassigning() {
			all = append(all, Reassigning{Ref: ref, Replicas: p.Replicas, Adding: p.Adding, Removing: p.Removing})
		}
	}
	_, err := c.ask(ctx, &call{state: ListReassignments, decide: func(im *image.Image, _ plan.Settings) (plan.Step, error) {
		all = nil
		for _, ref := range refs {
			add(ref, im.Partition(ref.Topic, ref.Partition))
		}
		if refs != nil {
			return plan.Step{}, nil
		}
		for _, t := range im.Topics() {
			for p := range t.Partitions {
				add(plan.Ref{Topic: t.Name, Partition: int32(p)}, &t.Partitions[p])
			}
		}
		return plan.Step{}, nil
	}})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// decision is what a call decides, with a result for each part of it.
type decision[R any] struct {
	state        State
	validateOnly bool
	decide       func(*image.Image, plan.Settings) (plan.Step, []R)
	pending      func(*R) // notes that a success is not known to be obeyed
}

// collect has a step decided that gives results beside, and returns the results
// of the decision that was carried out.
func collect[R any](ctx context.Context, c *Controller, d decision[R]) ([]R, error) {
	var results []R
	out, err := c.ask(ctx, &call{state: d.state, decide: func(im *image.Image, s plan.Settings) (plan.Step, error) {
		var step plan.Step
		step, results = d.decide(im, s)
		if d.validateOnly {
			step = plan.Step{}
		}
		return step, nil
	}})
	if err != nil {
		return nil, err
	}
	if await(ctx, out) != nil {
		for i := range results {
			d.pending(&results[i])
		}
	}
	return results, nil
}

func topicPending(r *plan.TopicResult) {
	if r.Err == nil {
		r.Err = ErrPending
	}
}

func electPending(r *plan.ElectResult) {
	if r.Err == nil {
		r.Err = ErrPending
	}
}
