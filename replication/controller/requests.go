package controller

import (
	"context"
	"errors"
	"maps"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// CreateOptions go for all topics of one request.
type CreateOptions struct {
	ValidateOnly bool // check everything, create nothing
}

// CreateTopics creates topics and returns one result each, in order, when every
// partition that could be given a leader has one and the Image shows it: the
// next request can use it. A topic that is refused does not keep the others
// from being created. The error is for all of them.
func (c *Controller) CreateTopics(ctx context.Context, specs []plan.TopicSpec, o CreateOptions) ([]plan.TopicResult, error) {
	return collect(ctx, c, o, func(im *image.Image) (plan.Step, []plan.TopicResult) {
		return plan.CreateTopics(im, specs, c.o.Settings())
	})
}

// AutoCreate creates topics that a client mentioned, with the defaults; Kafka's
// own topics as their settings say, with as many replicas as there are brokers
// if the setting asks for more.
func (c *Controller) AutoCreate(ctx context.Context, names []string) ([]plan.TopicResult, error) {
	return collect(ctx, c, CreateOptions{}, func(im *image.Image) (plan.Step, []plan.TopicResult) {
		s := c.o.Settings()
		specs := make([]plan.TopicSpec, len(names))
		for i, name := range names {
			spec, ok := s.Internal[name]
			if !ok {
				spec = plan.TopicSpec{Partitions: plan.Default, Replication: plan.Default}
			}
			spec.Name, spec.Clamp = name, ok
			specs[i] = spec
		}
		return plan.CreateTopics(im, specs, s)
	})
}

// DeleteTopics deletes topics and returns when they are gone from the Image and
// their names may be used again. The result of a topic whose data could not be
// removed is ErrPending: it is gone from the Image, and its name is taken until
// the data can be removed.
func (c *Controller) DeleteTopics(ctx context.Context, refs []plan.TopicRef) ([]plan.TopicResult, error) {
	results, err := collect(ctx, c, CreateOptions{}, func(im *image.Image) (plan.Step, []plan.TopicResult) {
		return plan.DeleteTopics(im, refs, c.o.Settings())
	})
	im := c.Image()
	for i := range results {
		if results[i].Err == nil && im.Deleting(results[i].Name) {
			results[i].Err = ErrPending
		}
	}
	return results, err
}

// CreatePartitions adds partitions to topics.
func (c *Controller) CreatePartitions(ctx context.Context, specs []plan.PartitionsSpec, o CreateOptions) ([]plan.TopicResult, error) {
	return collect(ctx, c, o, func(im *image.Image) (plan.Step, []plan.TopicResult) {
		return plan.CreatePartitions(im, specs, c.o.Settings())
	})
}

// ElectLeaders elects leaders of the partitions; nil means all partitions, of
// which those that need no election are left out of the results.
func (c *Controller) ElectLeaders(ctx context.Context, how plan.Election, refs []plan.Ref) ([]plan.ElectResult, error) {
	return collect(ctx, c, CreateOptions{}, func(im *image.Image) (plan.Step, []plan.ElectResult) {
		return plan.ElectLeaders(im, how, refs, c.o.Settings())
	})
}

// Reassign starts or cancels reassignments.
func (c *Controller) Reassign(ctx context.Context, rs []plan.Reassignment) ([]plan.ElectResult, error) {
	return collect(ctx, c, CreateOptions{}, func(im *image.Image) (plan.Step, []plan.ElectResult) {
		return plan.Reassign(im, rs, c.o.Settings())
	})
}

// collect has a step decided that gives results beside, and returns the results
// of the decision that was carried out.
func collect[R any](ctx context.Context, c *Controller, o CreateOptions, decide func(*image.Image) (plan.Step, []R)) ([]R, error) {
	var results []R
	err := c.do(ctx, func(im *image.Image) (plan.Step, error) {
		var step plan.Step
		step, results = decide(im)
		if o.ValidateOnly {
			step = plan.Step{}
		}
		return step, nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// errUnchanged stops a change of a configuration that changes nothing.
var errUnchanged = errors.New("nothing changes")

// AlterConfig replaces the configuration of an entity by what change makes of
// the present one, which it must not modify. Two changes of one entity never
// lose one another: change sees the outcome of the one before. An error of
// change leaves everything as it was and is returned. A topic must exist:
// plan.ErrUnknownTopic.
func (c *Controller) AlterConfig(ctx context.Context, e image.Entity, change func(map[string]string) (map[string]string, error)) error {
	err := c.do(ctx, func(im *image.Image) (plan.Step, error) {
		if e.Type == image.TopicEntity && im.Topic(e.Name) == nil {
			return plan.Step{}, plan.NoSuchTopic(e.Name)
		}
		was := im.Config(e)
		next, err := change(was)
		if err != nil {
			return plan.Step{}, err
		}
		if maps.Equal(was, next) {
			return plan.Step{}, errUnchanged
		}
		return plan.AlterConfig(im, e, next), nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}
