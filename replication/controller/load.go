package controller

import (
	"errors"
	"slices"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// load reads the whole cluster from the tree: the picture before the new
// controller has decided anything.
func (c *Controller) load() (*image.Image, error) {
	ch := image.Changes{Controller: &c.o.BrokerID, ControllerEpoch: &c.office.epoch}
	for _, read := range []func(*image.Changes) error{
		c.loadFeatures, c.loadBrokers, c.loadConfigs, c.loadTopics, c.loadDeletions,
	} {
		if err := read(&ch); err != nil {
			return nil, err
		}
	}
	return c.Image().With(ch), nil
}

// loadFeatures makes sure of /feature. Its version is what ApiVersions tells.
func (c *Controller) loadFeatures(ch *image.Changes) error {
	stat, err := c.o.Tree.Exists(znode.FeaturePath, nil)
	if errors.Is(err, tree.ErrNoNode) {
		var r []tree.Result
		r, err = c.o.Tree.Multi(tree.Create(znode.FeaturePath, znode.EncodeFeatures(znode.Features{Enabled: true}), 0))
		if err == nil {
			stat = r[0].Stat
		}
	}
	if err != nil {
		return err
	}
	version := int64(stat.Version)
	ch.FeatureEpoch = &version
	return nil
}

// readAll reads the children of a node. Those that vanish meanwhile are left
// out.
func (c *Controller) readAll(path string) (names []string, nodes []tree.Node, err error) {
	names, _, err = c.o.Tree.Children(path, nil)
	if err != nil {
		return nil, nil, err
	}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = path + "/" + name
	}
	nodes, err = c.o.Tree.GetAll(paths)
	return names, nodes, err
}

func (c *Controller) loadBrokers(ch *image.Changes) error {
	names, nodes, err := c.readAll(znode.BrokerIDs)
	if err != nil {
		return err
	}
	ch.Brokers = []image.Broker{}
	for i, n := range nodes {
		id, err := znode.DecodeNumber([]byte(names[i]))
		b, badNode := znode.DecodeBroker(n.Data)
		if err := errors.Join(err, badNode); err != nil {
			c.o.Logger.Error("broker's registration cannot be read; it is left out", "broker", names[i], "error", err)
			continue
		}
		ch.Brokers = append(ch.Brokers, image.Broker{
			ID: int32(id), Epoch: n.Stat.Czxid, Rack: b.Rack, Endpoints: b.Endpoints,
		})
	}
	return nil
}

// loadConfigs reads all configurations but those of topics, which loadTopics
// reads.
func (c *Controller) loadConfigs(ch *image.Changes) error {
	ch.Configs = map[image.Entity]map[string]string{}
	for _, kind := range []image.EntityType{image.BrokerEntity, image.ClientEntity, image.UserEntity, image.IPEntity} {
		names, nodes, err := c.readAll(znode.Configs + "/" + string(kind))
		if err != nil {
			return err
		}
		for i, n := range nodes {
			c.keepConfig(ch, image.Entity{Type: kind, Name: names[i]}, n.Data)
			if kind == image.UserEntity {
				if err := c.loadUserClients(ch, names[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// loadUserClients reads what is configured for a user together with a client.
func (c *Controller) loadUserClients(ch *image.Changes, user string) error {
	names, nodes, err := c.readAll(znode.Configs + "/users/" + user + "/clients")
	if errors.Is(err, tree.ErrNoNode) {
		return nil
	}
	for i, n := range nodes {
		c.keepConfig(ch, image.Entity{Type: image.UserEntity, Name: user + "/clients/" + names[i]}, n.Data)
	}
	return err
}

func (c *Controller) keepConfig(ch *image.Changes, e image.Entity, data []byte) {
	config, err := znode.DecodeConfig(data)
	if err != nil {
		c.o.Logger.Error("configuration cannot be read; it is left out", "entity", e.Path(), "error", err)
		return
	}
	if config != nil {
		ch.Configs[e] = config
	}
}

// loadTopics reads topics, their configurations and the states of their
// partitions: three reads for all of them.
func (c *Controller) loadTopics(ch *image.Changes) error {
	names, nodes, err := c.readAll(znode.Topics)
	if err != nil {
		return err
	}
	configs, err := c.o.Tree.GetAll(mapped(names, func(name string) string {
		return znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: name})
	}))
	if err != nil {
		return err
	}
	ch.Topics = make(map[string]*image.Topic, len(names))
	var states []string
	var partitions []*image.Partition
	for i, n := range nodes {
		z, err := znode.DecodeTopic(n.Data)
		if err != nil {
			c.o.Logger.Error("topic cannot be read; it is left out", "topic", names[i], "error", err)
			continue
		}
		t := newTopic(names[i], z)
		t.Version = n.Stat.Version
		if config, err := znode.DecodeConfig(configs[i].Data); err != nil {
			c.o.Logger.Error("topic's configuration cannot be read; the topic has none", "topic", t.Name, "error", err)
		} else if config != nil {
			t.Config = config
		}
		ch.Topics[t.Name] = t
		for p := range t.Partitions {
			states = append(states, znode.StatePath(t.Name, int32(p)))
			partitions = append(partitions, &t.Partitions[p])
		}
	}
	return c.loadStates(states, partitions)
}

// newTopic is a topic whose partitions have no state yet.
func newTopic(name string, z znode.Topic) *image.Topic {
	t := &image.Topic{
		Name: name, ID: z.ID, Internal: topic.Internal(name),
		Partitions: make([]image.Partition, len(z.Partitions)), Config: map[string]string{},
	}
	for p, replicas := range z.Partitions {
		t.Partitions[p] = image.Partition{
			Replicas: replicas, Adding: z.Adding[int32(p)], Removing: z.Removing[int32(p)],
			Leader: image.NoBroker, LeaderEpoch: -1, PartitionEpoch: -1,
		}
	}
	return t
}

// loadStates reads the states of partitions. One without a state has its folder
// made, so that the state can be written.
func (c *Controller) loadStates(paths []string, partitions []*image.Partition) error {
	nodes, err := c.o.Tree.GetAll(paths)
	if err != nil {
		return err
	}
	var folders []string
	for i, n := range nodes {
		p := partitions[i]
		if n.Stat.Version < 0 {
			folders = append(folders, tree.Parent(paths[i]))
			continue
		}
		p.PartitionEpoch = n.Stat.Version
		s, err := znode.DecodeState(n.Data)
		if err != nil {
			c.o.Logger.Error("partition's state cannot be read; it has no leader", "path", paths[i], "error", err)
			continue
		}
		p.Leader, p.LeaderEpoch, p.ISR, p.ControllerEpoch = s.Leader, s.LeaderEpoch, s.ISR, s.ControllerEpoch
	}
	return tree.EnsureAll(c.o.Tree, folders...)
}

func (c *Controller) loadDeletions(ch *image.Changes) error {
	names, _, err := c.o.Tree.Children(znode.DeleteTopics, nil)
	if err != nil {
		return err
	}
	var stale []tree.Op
	ch.Deleting = map[string]bool{}
	for _, name := range names {
		if ch.Topics[name] == nil {
			stale = append(stale, tree.Delete(znode.DeleteTopicPath(name), tree.AnyVersion))
			continue
		}
		ch.Deleting[name] = true
	}
	if len(stale) > 0 {
		_, err = c.o.Tree.Multi(stale...)
	}
	return err
}

func mapped(names []string, f func(string) string) []string {
	out := slices.Clone(names)
	for i, name := range names {
		out[i] = f(name)
	}
	return out
}

// TopicConfigs reads the overrides of all topics, for who must know them before
// a controller runs: the data directories, when they open their logs.
func TopicConfigs(t tree.Tree) (map[string]map[string]string, error) {
	names, _, err := t.Children(znode.Configs+"/topics", nil)
	if errors.Is(err, tree.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	nodes, err := t.GetAll(mapped(names, func(name string) string {
		return znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: name})
	}))
	if err != nil {
		return nil, err
	}
	out := make(map[string]map[string]string, len(names))
	for i, n := range nodes {
		// A broken configuration is reported by the controller, which reads it
		// again.
		if config, err := znode.DecodeConfig(n.Data); err == nil && len(config) > 0 {
			out[names[i]] = config
		}
	}
	return out, nil
}
