package control

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/plan"
)

// Apply obeys orders and returns what each came to. Orders about different
// partitions are obeyed side by side; two about one partition must not be among
// them. It returns when all are done, or when ctx has ended and those under way
// are done: the others have ctx's error.
func (c *Control) Apply(ctx context.Context, orders []plan.Order) []error {
	errs := make([]error, len(orders))
	configs := c.configs(orders)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(c.o.Workers, len(orders)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(orders)); i = next.Add(1) - 1 {
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = c.obey(&orders[i], configs[i])
				}
			}
		})
	}
	workers.Wait()
	for i := range orders {
		if errs[i] == nil {
			c.tell(&orders[i])
		}
	}
	return errs
}

// configs is the configuration that each order needs. Orders about one topic
// stand together, and share it.
func (c *Control) configs(orders []plan.Order) []*log.Config {
	out := make([]*log.Config, len(orders))
	for i := range orders {
		switch {
		case orders[i].Kind == plan.Delete:
		case i > 0 && out[i-1] != nil && orders[i].Topic == orders[i-1].Topic && orders[i].Kind == orders[i-1].Kind:
			out[i] = out[i-1]
		default:
			config := c.o.TopicConfig(orders[i].Config)
			out[i] = &config
		}
	}
	return out
}

func (c *Control) obey(o *plan.Order, config *log.Config) error {
	id := checkpoint.Partition{Topic: o.Topic, Index: o.Partition}
	switch o.Kind {
	case plan.Assign:
		return c.o.Partitions.Lead(id, partition.State{
			TopicID: o.TopicID, Leader: o.State.Leader, LeaderEpoch: o.State.LeaderEpoch,
			ISR: o.State.ISR, Replicas: o.State.Replicas, PartitionEpoch: o.State.PartitionEpoch,
			Config: *config, New: o.New,
		})
	case plan.Delete:
		return c.o.Partitions.Delete(id)
	case plan.Configure:
		c.o.Partitions.Configure(o.Topic, *config)
	}
	return nil
}

// tell says that a role was taken or lost.
func (c *Control) tell(o *plan.Order) {
	switch o.Kind {
	case plan.Assign:
		c.o.Led(o.Topic, o.Partition, o.State.LeaderEpoch)
	case plan.Delete:
		c.o.Left(o.Topic, o.Partition)
	}
}
