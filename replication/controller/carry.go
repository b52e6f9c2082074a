package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// carryOut writes a step, gives its orders and shows its changes. New replicas
// lead before clients are told of them; deleted ones go after clients no longer
// are. The error is that of the write: then nothing has happened. What cannot be
// obeyed afterwards is decided upon again at once; but what the end of ctx cuts
// off is left to the next controller, who orders it again.
func (c *Controller) carryOut(ctx context.Context, step plan.Step) error {
	if err := c.write(step.Writes); err != nil {
		return err
	}
	todo := split(step.Orders, c.o.BrokerID)
	failed := c.obey(ctx, todo.lead)
	c.obey(ctx, todo.configure)
	next := c.Image().With(step.Changes)
	c.image.Store(next)
	for e, config := range step.Changes.Configs {
		c.tellConfig(e, config)
	}
	if len(failed) > 0 && ctx.Err() == nil {
		c.log("partition cannot be taken offline", c.carryOut(ctx, plan.ReplicasFailed(next, c.o.BrokerID, failed, c.o.Settings())))
	}
	if notified(step.Writes) {
		c.log("old notifications cannot be removed", c.purgeNotifications())
	}
	failed = c.obey(ctx, todo.remove)
	if ctx.Err() == nil {
		c.log("deletion cannot be finished; it goes on at the next start", c.finishDeletions(ctx, step, failed))
	}
	return nil
}

// log reports what went wrong after the decision was written: it stands, and
// who takes office next makes good what is missing.
func (c *Controller) log(what string, err error) {
	if err != nil {
		c.o.Logger.Error(what, "error", err)
	}
}

// orders are a step's orders to one broker, in the order in which they are
// obeyed. No two of one kind are about the same partition.
type orders struct{ lead, configure, remove []plan.Order }

// split sorts the orders of a broker. Of two orders to lead one partition, the
// later counts: both came of one write.
func split(all []plan.Order, broker int32) orders {
	var out orders
	leads := make(map[plan.Ref]int)
	for _, o := range all {
		ref := plan.Ref{Topic: o.Topic, Partition: o.Partition}
		switch {
		case o.Broker != broker, o.Kind == plan.Stop, o.Kind == plan.Assign && o.State.Leader == image.NoBroker:
		case o.Kind == plan.Delete:
			out.remove = append(out.remove, o)
		case o.Kind == plan.Configure:
			out.configure = append(out.configure, o)
		default:
			if i, again := leads[ref]; again {
				o.New = o.New || out.lead[i].New
				out.lead[i] = o
				continue
			}
			leads[ref] = len(out.lead)
			out.lead = append(out.lead, o)
		}
	}
	return out
}

// obey has orders obeyed and returns the partitions of those that failed.
func (c *Controller) obey(ctx context.Context, orders []plan.Order) []plan.Ref {
	if len(orders) == 0 {
		return nil
	}
	var failed []plan.Ref
	for i, err := range c.o.Apply(ctx, orders) {
		if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			continue
		}
		o := orders[i]
		c.o.Logger.Error("order cannot be obeyed", "topic", o.Topic, "partition", o.Partition, "error", err)
		if o.Kind != plan.Configure {
			failed = append(failed, plan.Ref{Topic: o.Topic, Partition: o.Partition})
		}
	}
	return failed
}

// write does the operations of a step under the check that this is still the
// controller. An entity's configuration may or may not have a node: whichever
// the operation assumed, the other is tried.
func (c *Controller) write(writes []tree.Op) error {
	if len(writes) == 0 {
		return nil
	}
	ops := append([]tree.Op{tree.Check(znode.ControllerEpoch, c.office.epochNode)}, writes...)
	for range writes {
		_, err := c.o.Tree.Multi(ops...)
		var multi *tree.MultiError
		if !errors.As(err, &multi) {
			return err
		}
		if multi.Index == 0 {
			return fmt.Errorf("%w: %w", ErrNotController, err)
		}
		if !c.repair(&ops[multi.Index], multi.Err) {
			return err
		}
	}
	_, err := c.o.Tree.Multi(ops...)
	return err
}

// repair turns the creation of a configuration that exists into a change of it,
// and the other way round.
func (c *Controller) repair(op *tree.Op, cause error) bool {
	if !strings.HasPrefix(op.Path, znode.Configs+"/") {
		return false
	}
	switch {
	case op.Kind == tree.OpCreate && errors.Is(cause, tree.ErrNodeExists):
		*op = tree.Set(op.Path, op.Data, tree.AnyVersion)
	case op.Kind == tree.OpSet && errors.Is(cause, tree.ErrNoNode):
		if err := tree.EnsureAll(c.o.Tree, tree.Parent(op.Path)); err != nil {
			return false
		}
		*op = tree.Create(op.Path, op.Data, 0)
	default:
		return false
	}
	return true
}

// finishDeletions ends the deletion of the step's topics whose replicas here
// are all gone. The others stay marked; the next controller tries again.
func (c *Controller) finishDeletions(ctx context.Context, step plan.Step, failed []plan.Ref) error {
	var gone []plan.Remains
	for name, marked := range step.Changes.Deleting {
		if !marked || slices.ContainsFunc(failed, func(r plan.Ref) bool { return r.Topic == name }) {
			continue
		}
		nodes, err := tree.Subtree(c.o.Tree, znode.TopicPath(name))
		if err != nil {
			return err
		}
		_, err = c.o.Tree.Exists(znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: name}), nil)
		if err != nil && !errors.Is(err, tree.ErrNoNode) {
			return err
		}
		gone = append(gone, plan.Remains{Name: name, Nodes: nodes, Config: err == nil})
	}
	if len(gone) == 0 {
		return nil
	}
	return c.carryOut(ctx, plan.ForgetTopics(gone))
}
