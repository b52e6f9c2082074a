package controller

import (
	"errors"
	"fmt"
	"slices"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// handMade is /admin/reassign_partitions, which older tools and people write:
// what of it is still to be reached. It gets less as partitions get there, and
// goes when nothing is left.
type handMade struct {
	present bool
	node    int64 // czxid: one that is made anew is another
	left    []plan.Reassignment
}

// lookForReassign obeys a hand-made reassignment.
func (t *term) lookForReassign() error {
	n, ok, err := t.adminNode(znode.Reassign, reassignChanged)
	if err != nil {
		return err
	}
	if !ok {
		t.handMade = handMade{} // if there was one, somebody has removed it
		return nil
	}
	if t.handMade.present && t.handMade.node == n.Stat.Czxid {
		return nil // our own rewriting, or a change that Kafka ignores too
	}
	t.handMade = handMade{}
	rs, err := znode.DecodeReassign(n.Data)
	if err != nil {
		t.c.o.Logger.Error("the reassignment in the tree cannot be read; it is removed", "error", err)
	}
	asked := make([]plan.Reassignment, len(rs))
	for i, r := range rs {
		asked[i] = plan.Reassignment{Ref: plan.Ref(r.Partition), Replicas: r.Replicas}
	}
	var results []plan.ElectResult
	err = t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		var step plan.Step
		step, results = plan.ReassignFound(im, asked, s)
		return step
	})
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			t.c.o.Logger.Warn("reassignment in the tree is refused", "topic", r.Topic, "partition", r.Partition, "error", r.Err)
		}
	}
	t.handMade = handMade{present: true, node: n.Stat.Czxid, left: asked}
	return t.shrinkReassign()
}

// shrinkReassign writes down what is left of a hand-made reassignment, where
// that has become less.
func (t *term) shrinkReassign() error {
	if !t.handMade.present {
		return nil
	}
	left := plan.ReassignLeft(t.im, t.handMade.left)
	if len(left) == len(t.handMade.left) && len(left) > 0 {
		return nil
	}
	stat, err := t.tree.Exists(znode.Reassign, nil)
	switch {
	case errors.Is(err, tree.ErrNoNode), err == nil && stat.Czxid != t.handMade.node:
		t.handMade = handMade{} // the watch has been told of what there is now
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", znode.Reassign, err)
	case len(left) == 0:
		t.handMade = handMade{}
		err = t.write([]tree.Op{tree.Delete(znode.Reassign, stat.Version)})
	default:
		t.handMade.left = left
		nodes := make([]znode.Move, len(left))
		for i, r := range left {
			nodes[i] = znode.Move{Partition: znode.Partition{Topic: r.Topic, Partition: r.Partition}, Replicas: r.Replicas}
		}
		err = t.write([]tree.Op{tree.Set(znode.Reassign, znode.EncodeReassign(nodes), stat.Version)})
	}
	if errors.Is(err, errConflict) { // somebody was faster
		t.handMade = handMade{}
		return nil
	}
	return err
}

// lookForPreferred obeys a hand-made election of preferred leaders.
func (t *term) lookForPreferred() error {
	n, ok, err := t.adminNode(znode.PreferredLeader, preferredChanged)
	if err != nil || !ok {
		return err
	}
	asked, err := znode.DecodePreferred(n.Data)
	if err != nil {
		t.c.o.Logger.Error("the election in the tree cannot be read; it is removed", "error", err)
	}
	refs := make([]plan.Ref, len(asked))
	for i, p := range asked {
		refs[i] = plan.Ref{Topic: p.Topic, Partition: p.Partition}
	}
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		step, _ := plan.PreferredFound(im, refs, s)
		return step
	})
}

// adminNode reads a node that is only there when somebody wants something, and
// watches for it.
func (t *term) adminNode(path string, kind eventKind) (n tree.Node, ok bool, err error) {
	if _, err = t.tree.Exists(path, t.watch(kind, "")); err == nil {
		n, err = t.tree.Get(path, nil)
	}
	switch {
	case errors.Is(err, tree.ErrNoNode):
		return tree.Node{}, false, nil
	case err != nil:
		return tree.Node{}, false, fmt.Errorf("read %s: %w", path, err)
	}
	return n, true, nil
}

// rebalance gives partitions back to their preferred leaders, where that is
// switched on, and sets the timer for the next time.
func (t *term) rebalance() error {
	b := Balance{Interval: firstBalance}
	if t.c.o.Balance != nil {
		b = t.c.o.Balance()
	}
	t.balance.Reset(b.Interval)
	if !b.Enabled {
		return nil
	}
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.Rebalance(im, b.Percentage, s) })
}

// ConfigChanged tells the controller how an entity is configured now; nil: not
// at all. It must be called after Settings has taken it into account. It does
// not block.
func (c *Controller) ConfigChanged(e image.Entity, config map[string]string) {
	if t := c.term.Load(); t != nil {
		t.inbox.put(event{kind: configChanged, entity: e, config: config})
	}
}

// configured takes a configuration into account: partitions without a leader
// may get one if unclean elections have come to be allowed.
func (t *term) configured(e *event) error {
	allowed := t.allows(e)
	t.show(t.im.With(plan.ConfigFound(t.im, e.entity, e.config).Changes))
	t.unclean = t.c.o.Settings().UncleanElection
	switch allowed {
	case UncleanElectionEnabled:
		return t.electUnclean(nil)
	case UncleanElectionOfTopic:
		return t.electUnclean([]string{e.entity.Name})
	}
	return nil
}

// allows says what a configuration that is not taken into account yet changes
// about unclean elections; Idle: nothing.
func (t *term) allows(e *event) State {
	const key = "unclean.leader.election.enable"
	switch {
	case t.c.o.Settings().UncleanElection && !t.unclean:
		return UncleanElectionEnabled
	case e.entity.Type == image.TopicEntity && e.config[key] != t.im.Config(e.entity)[key]:
		return UncleanElectionOfTopic
	}
	return Idle
}

func (t *term) electUnclean(topics []string) error {
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		return plan.UncleanEnabled(im, slices.Clone(topics), s)
	})
}
