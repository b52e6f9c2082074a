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
	left    []plan.Reassignment
}

// lookForReassign obeys a hand-made reassignment.
func (t *term) lookForReassign() error {
	if t.handMade.present {
		return t.rearmReassign() // our own rewriting, or a change that Kafka ignores too
	}
	data, ok, err := t.adminNode(znode.Reassign, reassignChanged)
	if err != nil || !ok {
		return err
	}
	rs, err := znode.DecodeReassign(data)
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
	t.handMade = handMade{present: true, left: asked}
	return t.shrinkReassign()
}

// rearmReassign watches a reassignment that is known already; if somebody has
// removed it, there is none any more.
func (t *term) rearmReassign() error {
	_, ok, err := t.adminNode(znode.Reassign, reassignChanged)
	if err == nil && !ok {
		t.handMade = handMade{}
	}
	return err
}

// shrinkReassign writes down what is left of a hand-made reassignment, where
// that has become less.
func (t *term) shrinkReassign() error {
	if !t.handMade.present {
		return nil
	}
	left := plan.ReassignLeft(t.im, t.handMade.left)
	var err error
	switch {
	case len(left) == 0:
		t.handMade = handMade{}
		err = t.write([]tree.Op{tree.Delete(znode.Reassign, tree.AnyVersion)})
	case len(left) < len(t.handMade.left):
		t.handMade.left = left
		nodes := make([]znode.Move, len(left))
		for i, r := range left {
			nodes[i] = znode.Move{Partition: znode.Partition{Topic: r.Topic, Partition: r.Partition}, Replicas: r.Replicas}
		}
		err = t.write([]tree.Op{tree.Set(znode.Reassign, znode.EncodeReassign(nodes), tree.AnyVersion)})
	}
	if errors.Is(err, errConflict) { // somebody has removed it
		t.handMade = handMade{}
		return nil
	}
	return err
}

// lookForPreferred obeys a hand-made election of preferred leaders.
func (t *term) lookForPreferred() error {
	data, ok, err := t.adminNode(znode.PreferredLeader, preferredChanged)
	if err != nil || !ok {
		return err
	}
	asked, err := znode.DecodePreferred(data)
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
func (t *term) adminNode(path string, kind eventKind) (data []byte, ok bool, err error) {
	_, err = t.tree.Exists(path, t.watch(kind, ""))
	if errors.Is(err, tree.ErrNoNode) {
		return nil, false, nil
	}
	n, gone := t.tree.Get(path, nil)
	switch err = errors.Join(err, gone); {
	case errors.Is(err, tree.ErrNoNode):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read %s: %w", path, err)
	}
	return n.Data, true, nil
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
