package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// takeOver brings a new controller from nothing to a picture in which every
// partition that can be led is led, in Kafka's order: watches before what they
// watch is read, the list of brokers to all brokers before the first orders,
// which could not be obeyed without it.
func (t *term) takeOver(ctx context.Context) error {
	if err := t.lookForOffice(); err != nil {
		return err
	}
	for _, folder := range []struct {
		path string
		kind eventKind
	}{{znode.LogDirEvents, disksChanged}, {znode.IsrChanges, isrsChanged}} {
		names, _, err := t.notes(folder.path, folder.kind)
		if err != nil {
			return err
		}
		if err := t.drop(folder.path, names); err != nil { // what they are about is read below
			return err
		}
	}
	im, written, err := t.load()
	if err != nil {
		return fmt.Errorf("read the cluster: %w", err)
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end was asked for
	}
	t.unclean = t.c.o.Settings().UncleanElection
	t.show(im)
	t.tellBrokers()
	if err := t.settle(written); err != nil {
		return err
	}
	for _, look := range []func() error{t.lookForReassign, t.forgetDone, t.lookForPreferred} {
		if err := look(); err != nil {
			return err
		}
	}
	return nil
}

// tellBrokers tells every broker which others there are, and nothing else.
func (t *term) tellBrokers() {
	d := Dispatch{Epoch: t.epoch, Before: t.announced, After: t.im}
	for _, b := range t.im.Brokers() {
		d.Announcements = append(d.Announcements, plan.Announcement{Broker: b.ID})
	}
	if len(d.Announcements) > 0 {
		t.c.o.Send(d)
	}
}

// load reads the whole cluster from the tree: the picture before anything is
// decided, and when the partitions' states were last written.
func (t *term) load() (im *image.Image, written map[plan.Ref]int64, err error) {
	ch := image.Changes{Controller: &t.c.o.BrokerID, ControllerEpoch: &t.epoch}
	if ch.ClusterID, err = t.clusterID(); err != nil {
		return nil, nil, err
	}
	if err := t.loadFeatures(&ch); err != nil {
		return nil, nil, err
	}
	if ch.Brokers, err = t.brokers(); err != nil {
		return nil, nil, err
	}
	names, _, err := t.tree.Children(znode.Topics, t.watch(topicsChanged, ""))
	if err != nil {
		return nil, nil, err
	}
	found, err := t.topics(names)
	if err != nil {
		return nil, nil, err
	}
	ch.Topics, written = make(map[string]*image.Topic, len(found)), map[plan.Ref]int64{}
	for i := range found {
		f := &found[i]
		ch.Topics[f.Name] = plan.Topic(*f)
		for p, state := range f.States {
			written[plan.Ref{Topic: f.Name, Partition: p}] = state.Written
		}
	}
	if err := t.makeFolders(found); err != nil {
		return nil, nil, err
	}
	if err := t.loadDeletions(&ch); err != nil {
		return nil, nil, err
	}
	return image.Empty().With(ch), written, nil
}

func (t *term) clusterID() (string, error) {
	n, err := t.tree.Get(znode.ClusterIDPath, nil)
	if err != nil {
		return "", err
	}
	return znode.DecodeClusterID(n.Data)
}

// loadFeatures makes sure of /feature, and that it is switched on. Its version is
// what ApiVersions tells.
func (t *term) loadFeatures(ch *image.Changes) error {
	n, err := t.tree.Get(znode.FeaturePath, nil)
	on := znode.EncodeFeatures(znode.Features{Enabled: true})
	version := int64(n.Stat.Version)
	switch {
	case errors.Is(err, tree.ErrNoNode):
		err = t.write([]tree.Op{tree.Create(znode.FeaturePath, on, 0)})
	case err == nil:
		if f, bad := znode.DecodeFeatures(n.Data); bad != nil || !f.Enabled {
			version++
			err = t.write([]tree.Op{tree.Set(znode.FeaturePath, on, n.Stat.Version)})
		}
	}
	if err != nil {
		return err
	}
	ch.FeatureEpoch = &version
	return nil
}

// loadDeletions reads which topics are marked for deletion. Marks of topics that
// are not there any more are removed; all of them, if deletion is switched off.
func (t *term) loadDeletions(ch *image.Changes) error {
	names, _, err := t.tree.Children(znode.DeleteTopics, t.watch(deletionsChanged, ""))
	if err != nil {
		return err
	}
	var stale []tree.Op
	ch.Deleting = map[string]bool{}
	for _, name := range names {
		if ch.Topics[name] == nil || !t.c.o.Settings().DeleteTopics {
			stale = append(stale, tree.Delete(znode.DeleteTopicPath(name), tree.AnyVersion))
			continue
		}
		ch.Deleting[name] = true
	}
	return t.write(stale)
}

// settle adopts what lies on disk where the tree is new, gives partitions their
// leaders, and tells every broker everything. written is load's.
func (t *term) settle(written map[plan.Ref]int64) error {
	existing := t.c.o.Existing()
	isNew, err := t.neverHadTopics()
	if err != nil {
		return err
	}
	if isNew && len(existing) > 0 {
		return t.adopt(existing)
	}
	ends := make(map[plan.Ref]int32, len(existing))
	for _, e := range existing {
		if known := t.im.Topic(e.Topic); known != nil && (e.TopicID.IsZero() || e.TopicID == known.ID) {
			ends[e.Ref] = e.LatestEpoch
			continue
		}
		t.c.o.Logger.Warn("partition in the data directory belongs to no topic; it is left alone",
			"topic", e.Topic, "partition", e.Partition, "id", e.TopicID.String())
	}
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		return plan.Recover(im, plan.Read{Ends: ends, Written: written}, s)
	})
}

// adopt makes topics of the partitions in the data directories.
func (t *term) adopt(existing []plan.Existing) error {
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		step, left := plan.Adopt(im, t.c.o.BrokerID, existing, s)
		for _, e := range left {
			t.c.o.Logger.Warn("partition in the data directory cannot be adopted; it is left alone",
				"topic", e.Topic, "partition", e.Partition, "id", e.TopicID.String())
		}
		t.c.o.Logger.Info("the tree is new: adopting the partitions of the data directory; "+
			"their topics keep everything until retention.ms and retention.bytes are set anew",
			"topics", len(step.Changes.Topics), "partitions", len(existing)-len(left))
		return step
	})
}

// neverHadTopics says whether no topic was ever created in the tree.
func (t *term) neverHadTopics() (bool, error) {
	stat, err := t.tree.Exists(znode.Topics, nil)
	return err == nil && stat.Cversion == 0, err
}
