package plan

import (
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// AlterConfig writes an entity's configuration and the notification by which
// other brokers learn of it. The entity's node must be there.
func AlterConfig(im *image.Image, e image.Entity, config map[string]string) Step {
	var s Step
	s.Writes = []tree.Op{
		tree.Set(znode.ConfigPath(e), znode.EncodeConfig(config), tree.AnyVersion),
		tree.Create(znode.ConfigChangePrefix, znode.EncodeConfigChange(e), tree.Sequential),
	}
	if e.Type != image.TopicEntity {
		s.Changes.Configs = map[image.Entity]map[string]string{e: config}
		return s
	}
	if was := im.Topic(e.Name); was != nil {
		t := *was
		t.Config = config
		s.Changes.Topics = map[string]*image.Topic{t.Name: &t}
		for _, id := range replicasOf(was) {
			s.Orders = append(s.Orders, Order{
				Kind: Configure, Broker: id, Topic: t.Name, Partition: -1, TopicID: t.ID, Config: config,
			})
		}
	}
	return s
}

// replicasOf lists the brokers that have a replica of any of the partitions.
func replicasOf(t *image.Topic) []int32 {
	var ids []int32
	for p := range t.Partitions {
		ids = append(ids, without(t.Partitions[p].Replicas, ids)...)
	}
	return ids
}
