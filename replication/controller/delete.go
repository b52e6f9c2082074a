package controller

import (
	"errors"
	"slices"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// forgetDone ends the deletions of which no replica is left.
func (t *term) forgetDone() error { return t.forget(plan.DeletionsDone(t.im)) }

// forget ends the deletions of topics: their nodes go.
func (t *term) forget(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var unread error
	err := t.decide(func(*image.Image, plan.Settings) plan.Step {
		var gone []plan.Remains
		for _, name := range names {
			r, err := t.remains(name)
			if err != nil {
				unread = err
				return plan.Step{}
			}
			gone = append(gone, r)
		}
		return plan.ForgetTopics(gone)
	})
	if err = errors.Join(err, unread); err != nil {
		return err
	}
	t.c.o.Logger.Info("topics deleted", "topics", names)
	for _, name := range names {
		delete(t.watched.topics, name)
		t.settled(name, nil)
	}
	return nil
}

// remains is what the tree still has of a deleted topic.
func (t *term) remains(name string) (plan.Remains, error) {
	nodes, err := tree.Subtree(t.tree, znode.TopicPath(name))
	if err != nil {
		return plan.Remains{}, err
	}
	_, err = t.tree.Exists(znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: name}), nil)
	if err != nil && !errors.Is(err, tree.ErrNoNode) {
		return plan.Remains{}, err
	}
	return plan.Remains{Name: name, Nodes: nodes, Config: err == nil}, nil
}

// awaitDeletion returns a channel that gets the outcome of a topic's deletion.
func (t *term) awaitDeletion(name string) <-chan error {
	done := make(chan error, 1)
	t.waiters[name] = append(t.waiters[name], done)
	return done
}

// settled answers those who wait for the end of a deletion.
func (t *term) settled(name string, err error) {
	for _, w := range t.waiters[name] {
		w <- err
	}
	delete(t.waiters, name)
}

// settleDeletions answers those who wait for deletions that only brokers which
// are away hold up: for everybody who is there, the topic is gone.
func (t *term) settleDeletions() {
	for name := range t.waiters {
		if d := t.im.Deletion(name); d != nil && !t.leftOn(d) {
			t.settled(name, nil)
		}
	}
}

// leftOn says whether a live broker has a replica of a deleted topic, or none
// has one any more.
func (t *term) leftOn(d *image.Deletion) bool {
	return d.Done() || slices.ContainsFunc(d.Left, func(ids []int32) bool {
		return slices.ContainsFunc(ids, func(id int32) bool {
			_, live := t.im.Broker(id)
			return live
		})
	})
}
