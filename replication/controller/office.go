package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// office is what a controller in office knows beside the Image.
type office struct {
	epoch       int32 // of this office
	epochNode   int32 // version of /controller_epoch that all writes demand
	brokerEpoch int64 // czxid of this broker's registration
	producers   producerBlocks
	purged      int64 // when old notifications were last looked for, milliseconds
}

// takeOffice brings the broker from nothing to a complete picture in which
// every partition it leads is led.
func (c *Controller) takeOffice(ctx context.Context) error {
	if err := tree.EnsureAll(c.o.Tree, znode.Persistent()...); err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	if err := c.agreeOnCluster(); err != nil {
		return err
	}
	if err := c.register(); err != nil {
		return err
	}
	if err := c.elect(); err != nil {
		return err
	}
	im, err := c.load()
	if err != nil {
		return fmt.Errorf("controller: read the cluster: %w", err)
	}
	c.tellConfigs(im)
	if err := c.settle(ctx, im); err != nil {
		return fmt.Errorf("controller: take office: %w", err)
	}
	return c.purgeNotifications()
}

// agreeOnCluster makes sure that the tree and the data directory are of one
// cluster; whichever has no id yet takes the other's.
func (c *Controller) agreeOnCluster() error {
	id, err := ClusterID(c.o.Tree, c.o.ClusterID, func() [16]byte { return c.o.Settings().RandomBytes() })
	if err != nil {
		return err
	}
	if c.o.ClusterID != "" && c.o.ClusterID != id {
		return fmt.Errorf("%w: the data directory's is %q, the tree's is %q; "+
			"a data directory of one cluster cannot serve in another", ErrInconsistentCluster, c.o.ClusterID, id)
	}
	c.image.Store(c.Image().With(image.Changes{ClusterID: id}))
	return nil
}

// ClusterID reads the cluster's id from the tree. Where there is none, the
// given one is written, or, if that is empty, a new one.
func ClusterID(t tree.Tree, given string, random func() [16]byte) (string, error) {
	n, err := t.Get(znode.ClusterIDPath, nil)
	if err == nil {
		return znode.DecodeClusterID(n.Data)
	}
	if !errors.Is(err, tree.ErrNoNode) {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	for ok := given != ""; !ok; {
		var id topic.ID
		id, ok = topic.RandomID(random())
		given = id.String()
	}
	if err := tree.EnsureAll(t, tree.Parent(znode.ClusterIDPath)); err != nil {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	_, err = t.Multi(tree.Create(znode.ClusterIDPath, znode.EncodeClusterID(given), 0))
	if errors.Is(err, tree.ErrNodeExists) {
		return ClusterID(t, given, random)
	}
	if err != nil {
		return "", fmt.Errorf("cluster id: %w", err)
	}
	return given, nil
}

// register announces this broker. Its epoch is the czxid of its node, which is
// why the node is created first and then set.
func (c *Controller) register() error {
	path := znode.BrokerPath(c.o.BrokerID)
	data := znode.EncodeBroker(znode.Broker{
		Endpoints: c.o.Endpoints, Rack: c.o.Rack, JMXPort: -1, Timestamp: c.o.Now().UnixMilli(),
	})
	r, err := c.o.Tree.Multi(tree.Create(path, nil, tree.Ephemeral), tree.Set(path, data, 0))
	if errors.Is(err, tree.ErrNodeExists) {
		return fmt.Errorf("controller: broker %d is registered already: two brokers must not have the same id", c.o.BrokerID)
	}
	if err != nil {
		return fmt.Errorf("controller: register broker %d: %w", c.o.BrokerID, err)
	}
	c.office.brokerEpoch = r[1].Stat.Czxid
	return nil
}

// elect takes the office: the node /controller and the next epoch, both or
// none. ErrNotController if another broker has it.
func (c *Controller) elect() error {
	n, err := c.o.Tree.Get(znode.ControllerEpoch, nil)
	if errors.Is(err, tree.ErrNoNode) {
		if _, err = c.o.Tree.Multi(tree.Create(znode.ControllerEpoch, znode.EncodeNumber(0), 0)); err == nil {
			n, err = c.o.Tree.Get(znode.ControllerEpoch, nil)
		}
	}
	if err != nil {
		return fmt.Errorf("controller: elect: %w", err)
	}
	last, err := znode.DecodeNumber(n.Data)
	if err != nil {
		return fmt.Errorf("controller: elect: %w", err)
	}
	me := znode.EncodeController(znode.Controller{BrokerID: c.o.BrokerID, Timestamp: c.o.Now().UnixMilli()})
	r, err := c.o.Tree.Multi(
		tree.Create(znode.ControllerPath, me, tree.Ephemeral),
		tree.Set(znode.ControllerEpoch, znode.EncodeNumber(last+1), n.Stat.Version),
	)
	if errors.Is(err, tree.ErrNodeExists) || errors.Is(err, tree.ErrBadVersion) {
		return fmt.Errorf("controller: elect: %w", ErrNotController)
	}
	if err != nil {
		return fmt.Errorf("controller: elect: %w", err)
	}
	c.office.epoch, c.office.epochNode = int32(last+1), r[1].Stat.Version
	c.o.Logger.Info("controller elected", "broker", c.o.BrokerID, "epoch", c.office.epoch)
	return nil
}

// settle adopts what lies on disk where the tree is new, gives partitions their
// leaders, and shows the picture.
func (c *Controller) settle(ctx context.Context, im *image.Image) error {
	existing := c.o.Existing()
	settings := c.o.Settings()
	isNew, err := c.neverHadTopics()
	if err != nil {
		return err
	}
	if isNew && len(existing) > 0 {
		step, left := plan.Adopt(im, c.o.BrokerID, existing, settings)
		for _, e := range left {
			c.o.Logger.Warn("partition in the data directory cannot be adopted; it is left alone",
				"topic", e.Topic, "partition", e.Partition, "id", e.TopicID.String())
		}
		c.o.Logger.Info("the tree is new: adopting the partitions of the data directory; "+
			"their topics keep everything until retention.ms and retention.bytes are set anew",
			"topics", len(step.Changes.Topics), "partitions", len(existing)-len(left))
		c.image.Store(im)
		return c.carryOut(ctx, step)
	}
	ends := make(map[plan.Ref]int32, len(existing))
	for _, e := range existing {
		if t := im.Topic(e.Topic); t != nil && (e.TopicID.IsZero() || e.TopicID == t.ID) {
			ends[e.Ref] = e.LatestEpoch
			continue
		}
		c.o.Logger.Warn("partition in the data directory belongs to no topic; it is left alone",
			"topic", e.Topic, "partition", e.Partition, "id", e.TopicID.String())
	}
	c.image.Store(im)
	return c.carryOut(ctx, plan.Recover(im, ends, settings))
}

// neverHadTopics says whether no topic was ever created in the tree.
func (c *Controller) neverHadTopics() (bool, error) {
	stat, err := c.o.Tree.Exists(znode.Topics, nil)
	return err == nil && stat.Cversion == 0, err
}

// tellConfigs tells the configurations of brokers that are there at the start.
func (c *Controller) tellConfigs(im *image.Image) {
	for _, e := range im.Entities(image.BrokerEntity) {
		c.tellConfig(e, im.Config(e))
	}
}

// tellConfig tells the configuration of this broker, or of all.
func (c *Controller) tellConfig(e image.Entity, config map[string]string) {
	own := strings.TrimPrefix(znode.BrokerPath(c.o.BrokerID), znode.BrokerIDs+"/")
	if e.Type == image.BrokerEntity && (e.Name == own || e.Name == image.DefaultName) {
		c.o.ConfigChanged(e, config)
	}
}
