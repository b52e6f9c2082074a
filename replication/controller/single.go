package controller

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// Run is Serve in a membership of its own, for a single node: it registers this
// broker, is elected and serves until ctx ends. Orders go to Apply.
func (c *Controller) Run(ctx context.Context) error {
	c.o.Send = func(d Dispatch) func(context.Context) error {
		c.applyLocally(ctx, d)
		return nil
	}
	return member.New(member.Options{
		BrokerID: c.o.BrokerID, ClusterID: c.o.ClusterID, Tasks: []member.Task{c.Serve},
		Open: func(context.Context) (tree.Tree, error) { return c.o.Tree, nil },
		Registration: func() znode.Broker {
			return znode.Broker{Endpoints: c.o.Endpoints, Rack: c.o.Rack, JMXPort: -1}
		},
		Random: func() [16]byte { return c.o.Settings().RandomBytes() }, Now: c.o.Now, Logger: c.o.Logger,
	}).Run(ctx)
}

// applyLocally has this broker's orders obeyed, and takes its answers.
func (c *Controller) applyLocally(ctx context.Context, d Dispatch) {
	leads := make(map[plan.Ref]int)
	var orders, deletes []plan.Order
	for _, o := range d.Orders {
		ref := plan.Ref{Topic: o.Topic, Partition: o.Partition}
		switch {
		case o.Broker != c.o.BrokerID || o.Kind == plan.Stop:
		case o.Kind == plan.Delete:
			deletes = append(deletes, o)
		case o.Kind == plan.Assign && o.State.Leader != c.o.BrokerID:
		case o.Kind == plan.Assign:
			if i, twice := leads[ref]; twice {
				o.New = o.New || orders[i].New
				orders[i] = o
				continue
			}
			leads[ref] = len(orders)
			orders = append(orders, o)
		default:
			orders = append(orders, o)
		}
	}
	roles := &kmsg.LeaderAndISRResponse{Version: 7}
	for i, err := range c.apply(ctx, orders) {
		if err != nil && ctx.Err() == nil {
			roles.Topics = append(roles.Topics, kmsg.LeaderAndISRResponseTopic{TopicID: orders[i].TopicID,
				Partitions: []kmsg.LeaderAndISRResponseTopicPartition{{Partition: orders[i].Partition, ErrorCode: kerr.KafkaStorageError.Code}}})
		}
	}
	if len(roles.Topics) > 0 {
		c.Answered(c.o.BrokerID, &kmsg.LeaderAndISRRequest{ControllerEpoch: d.Epoch, BrokerEpoch: -1}, roles)
	}
	asked := &kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: d.Epoch, BrokerEpoch: -1}
	stops := &kmsg.StopReplicaResponse{Version: 4}
	for i, err := range c.apply(ctx, deletes) {
		p := kmsg.StopReplicaResponsePartition{Topic: deletes[i].Topic, Partition: deletes[i].Partition}
		if err != nil {
			p.ErrorCode = kerr.KafkaStorageError.Code
		}
		asked.Topics = append(asked.Topics, kmsg.StopReplicaRequestTopic{Topic: p.Topic,
			PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: p.Partition, Delete: true}}})
		stops.Partitions = append(stops.Partitions, p)
	}
	if len(deletes) > 0 && ctx.Err() == nil {
		c.Answered(c.o.BrokerID, asked, stops)
	}
}

func (c *Controller) apply(ctx context.Context, orders []plan.Order) []error {
	if len(orders) == 0 {
		return nil
	}
	return c.o.Apply(ctx, orders)
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

// errUnchanged stops a change of a configuration that changes nothing.
var errUnchanged = errors.New("nothing changes")

// AlterConfig replaces the configuration of an entity by what change makes of
// the present one, which it must not modify. Two changes of one entity never
// lose one another: change sees the outcome of the one before. An error of
// change leaves everything as it was and is returned. A topic must exist:
// plan.ErrUnknownTopic.
func (c *Controller) AlterConfig(ctx context.Context, e image.Entity, change func(map[string]string) (map[string]string, error)) error {
	var now map[string]string
	_, err := c.ask(ctx, &call{decide: func(im *image.Image, _ plan.Settings) (plan.Step, error) {
		if e.Type == image.TopicEntity && im.Topic(e.Name) == nil {
			return plan.Step{}, plan.NoSuchTopic(e.Name)
		}
		was := im.Config(e)
		next, err := change(was)
		if err != nil {
			return plan.Step{}, err
		}
		if maps.Equal(was, next) {
			return plan.Step{}, errUnchanged
		}
		now = next
		return plan.AlterConfig(im, e, next), nil
	}, done: func(t *term) {
		c.tellConfig(e, now)
		if err := t.purgeNotifications(); err != nil {
			c.o.Logger.Error("old notifications cannot be removed", "error", err)
		}
	}})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// readAll reads the children of a node. Those that vanish meanwhile are left
// out.
func (t *term) readAll(path string) (names []string, nodes []tree.Node, err error) {
	names, _, err = t.tree.Children(path, nil)
	if err != nil {
		return nil, nil, err
	}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = path + "/" + name
	}
	nodes, err = t.tree.GetAll(paths)
	return names, nodes, err
}

// loadConfigs reads all configurations but those of topics, which loadTopics
// reads.
func (t *term) loadConfigs(ch *image.Changes) error {
	ch.Configs = map[image.Entity]map[string]string{}
	for _, kind := range []image.EntityType{image.BrokerEntity, image.ClientEntity, image.UserEntity, image.IPEntity} {
		names, nodes, err := t.readAll(znode.Configs + "/" + string(kind))
		if err != nil {
			return err
		}
		for i, n := range nodes {
			t.keepConfig(ch, image.Entity{Type: kind, Name: names[i]}, n.Data)
			if kind == image.UserEntity {
				if err := t.loadUserClients(ch, names[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// loadUserClients reads what is configured for a user together with a client.
func (t *term) loadUserClients(ch *image.Changes, user string) error {
	names, nodes, err := t.readAll(znode.Configs + "/users/" + user + "/clients")
	if errors.Is(err, tree.ErrNoNode) {
		return nil
	}
	for i, n := range nodes {
		t.keepConfig(ch, image.Entity{Type: image.UserEntity, Name: user + "/clients/" + names[i]}, n.Data)
	}
	return err
}

func (t *term) keepConfig(ch *image.Changes, e image.Entity, data []byte) {
	config, err := znode.DecodeConfig(data)
	if err != nil {
		t.c.o.Logger.Error("configuration cannot be read; it is left out", "entity", e.Path(), "error", err)
		return
	}
	if config != nil {
		ch.Configs[e] = config
	}
}

// Notifications of changed configurations are kept this long, and looked for
// this often.
const (
	notificationLife = 15 * time.Minute
	purgeEvery       = time.Minute
)

// notified says whether the operations leave a notification.
func notified(writes []tree.Op) bool {
	for _, op := range writes {
		if op.Kind == tree.OpCreate && strings.HasPrefix(op.Path, znode.ConfigChangePrefix) {
			return true
		}
	}
	return false
}

// purgeNotifications removes notifications that every broker has long seen.
func (t *term) purgeNotifications() error {
	now := t.c.o.Now()
	if now.UnixMilli()-t.purged < purgeEvery.Milliseconds() {
		return nil
	}
	t.purged = now.UnixMilli()
	names, nodes, err := t.readAll(znode.ConfigChanges)
	if err != nil {
		return err
	}
	var ops []tree.Op
	for i, n := range nodes {
		if n.Stat.Version >= 0 && now.UnixMilli()-n.Stat.Ctime > notificationLife.Milliseconds() {
			ops = append(ops, tree.Delete(znode.ConfigChanges+"/"+names[i], tree.AnyVersion))
		}
	}
	if len(ops) == 0 {
		return nil
	}
	// Another broker may have removed one first; then the next round takes the
	// rest.
	if _, err := t.tree.Multi(ops...); err != nil && !errors.Is(err, tree.ErrNoNode) {
		return err
	}
	return nil
}
