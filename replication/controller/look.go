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

// lookForBrokers finds out who has come, gone, come back, or moved.
func (t *term) lookForBrokers() error {
	live, err := t.brokers()
	if err != nil {
		return fmt.Errorf("read the brokers: %w", err)
	}
	var c plan.Census
	err = t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		var step plan.Step
		step, c = plan.BrokersChanged(im, live, s)
		return step
	})
	t.forgetRetries(slices.Concat(c.New, c.Bounced, c.Dead)...)
	if !c.Quiet() {
		t.c.o.Logger.Info("brokers have changed", "new", c.New, "back", c.Bounced, "gone", c.Dead, "modified", c.Modified)
	}
	return err
}

// lookForTopics finds topics that others have written, and those that others
// have removed.
func (t *term) lookForTopics() error {
	names, _, err := t.tree.Children(znode.Topics, t.watch(topicsChanged, ""))
	if err != nil {
		return fmt.Errorf("read the topics: %w", err)
	}
	unwatched := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return t.watched.topics[name] })
	found, err := t.topics(unwatched)
	if err != nil {
		return fmt.Errorf("read topics: %w", err)
	}
	found = slices.DeleteFunc(found, func(f plan.FoundTopic) bool {
		return t.im.Deleting(f.Name) || t.im.Topic(f.Name) != nil
	})
	if len(found) > 0 {
		t.c.o.Logger.Info("topics found that others have created", "topics", len(found), "first", found[0].Name)
		if err := t.makeFolders(found); err != nil {
			return err
		}
		err = t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.TopicsFound(im, found, s) })
		if err != nil {
			return err
		}
	}
	return t.forgetRemoved(names)
}

// forgetRemoved takes topics out of the picture whose nodes have gone without a
// deletion.
func (t *term) forgetRemoved(names []string) error {
	var gone []string
	for _, known := range t.im.Topics() {
		if _, there := slices.BinarySearch(names, known.Name); !there {
			gone = append(gone, known.Name)
			delete(t.watched.topics, known.Name)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	t.c.o.Logger.Warn("topics have vanished from the tree without having been deleted", "topics", gone)
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.TopicsGone(im, gone, s) })
}

// lookAtTopic finds out what others have made of a topic's node.
func (t *term) lookAtTopic(name string) error {
	delete(t.watched.topics, name)
	known := t.im.Topic(name)
	if known == nil && !t.im.Deleting(name) {
		t.inbox.put(event{kind: topicsChanged}) // it may be one that could not be read before
		return nil
	}
	n, err := t.tree.Get(znode.TopicPath(name), t.watch(topicChanged, name))
	if errors.Is(err, tree.ErrNoNode) {
		if known != nil {
			t.inbox.put(event{kind: topicsChanged})
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read topic %s: %w", name, err)
	}
	f, ok := t.found(name, n)
	if !ok || known == nil || f.Version == known.Version && f.Node.ID == known.ID {
		return nil
	}
	refs := make([]plan.Ref, len(f.Node.Partitions))
	for p := range refs {
		refs[p] = plan.Ref{Topic: name, Partition: int32(p)}
	}
	found := []plan.FoundTopic{f}
	if err := t.addStates(found, refs); err != nil {
		return fmt.Errorf("read topic %s: %w", name, err)
	}
	if err := t.makeFolders(found); err != nil {
		return err
	}
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.AssignmentFound(im, found[0], s) })
}

// lookForDeletions finds topics that others have marked for deletion.
func (t *term) lookForDeletions() error {
	names, _, err := t.tree.Children(znode.DeleteTopics, t.watch(deletionsChanged, ""))
	if err != nil {
		return fmt.Errorf("read the deletions: %w", err)
	}
	names = slices.DeleteFunc(names, t.im.Deleting)
	if len(names) == 0 {
		return nil
	}
	err = t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.DeletionsFound(im, names, s) })
	if err != nil {
		return err
	}
	return t.forget(plan.DeletionsDone(t.im))
}

// lookForISRs takes over states that leaders have written by themselves, as
// those of old versions do (inter.broker.protocol.version before 2.7).
func (t *term) lookForISRs() error {
	names, nodes, err := t.notes(znode.IsrChanges, isrsChanged)
	if err != nil || len(names) == 0 {
		return err
	}
	var refs []plan.Ref
	for i, n := range nodes {
		noted, err := znode.DecodeISRChange(n.Data)
		if err != nil {
			t.c.o.Logger.Error("notification cannot be read", "name", names[i], "error", err)
		}
		for _, p := range noted {
			if t.im.Partition(p.Topic, p.Partition) != nil {
				refs = append(refs, plan.Ref{Topic: p.Topic, Partition: p.Partition})
			}
		}
	}
	if err := t.reread(refs); err != nil {
		return err
	}
	err = t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.CompleteReassignments(im, refs, s) })
	if err != nil {
		return err
	}
	return t.drop(znode.IsrChanges, names)
}

// lookForDisks probes brokers that say they have lost a disk.
func (t *term) lookForDisks() error {
	names, nodes, err := t.notes(znode.LogDirEvents, disksChanged)
	if err != nil || len(names) == 0 {
		return err
	}
	var ids []int32
	for i, n := range nodes {
		e, err := znode.DecodeLogDirEvent(n.Data)
		if err != nil {
			t.c.o.Logger.Error("notification cannot be read", "name", names[i], "error", err)
			continue
		}
		if !slices.Contains(ids, e.Broker) {
			ids = append(ids, e.Broker)
		}
	}
	for _, id := range ids {
		t.c.o.Logger.Warn("a broker has lost a log directory; asking which of its replicas are left", "broker", id)
		if err := t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.Probe(im, id, s) }); err != nil {
			return err
		}
	}
	return t.drop(znode.LogDirEvents, names)
}

// notes reads the children of a folder of notifications.
func (t *term) notes(path string, kind eventKind) (names []string, nodes []tree.Node, err error) {
	names, _, err = t.tree.Children(path, t.watch(kind, ""))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	nodes, err = t.tree.GetAll(below(path, names))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return names, nodes, nil
}

// drop removes notifications that have been seen to.
func (t *term) drop(path string, names []string) error {
	ops := make([]tree.Op, len(names))
	for i, name := range names {
		ops[i] = tree.Delete(path+"/"+name, tree.AnyVersion)
	}
	return t.write(ops)
}
