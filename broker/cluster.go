package broker

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/control"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// controllerOptions gives the controller its surroundings. state.mu is held.
func (b *Broker) controllerOptions() controller.Options {
	o := controller.Options{
		BrokerID: b.state.dirs.BrokerID(),
		Send:     b.countElections(controller.Through(b.state.between.channel, b.interBroker())),
		Reset:    b.state.between.channel.Reset,
		Handled:  b.controlled,
		Settings: b.settings,
		Balance: func() controller.Balance {
			return controller.Balance{
				Enabled:    b.config.Bool("auto.leader.rebalance.enable"),
				Interval:   time.Duration(b.config.Int64("leader.imbalance.check.interval.seconds")) * time.Second,
				Percentage: int32(b.config.Int("leader.imbalance.per.broker.percentage")),
			}
		},
		Now:    b.now,
		Logger: b.logger,
	}
	if !b.clustered() { // others may know of what lies here
		o.Existing = func() []plan.Existing { return existing(b.state.dirs) }
	}
	return o
}

// controlOptions says what the controller's orders are obeyed with. state.mu is
// held.
func (b *Broker) controlOptions() control.Options {
	o := control.Options{
		BrokerID:    b.state.dirs.BrokerID(),
		Partitions:  b.state.partitions,
		BrokerEpoch: b.epoch,
		TopicConfig: b.config.Topic,
		Configs:     func(ctx context.Context, topics []string) error { return b.state.configs.Load(ctx, topics) },
		Topics:      b.topics,
		Fetch:       func(list ...fetcher.Following) { b.state.between.fetcher.Follow(list...) },
		Unfetch:     func(list ...checkpoint.Partition) { b.state.between.fetcher.Unfollow(list...) },
		Led:         b.led,
		Resigned:    b.resigned,
		Left:        func(topic string, index int32) { b.resigned(topic, index, -1) },
		Gone:        b.gone,
		Logger:      b.logger,
		Registered: func(ctx context.Context) error {
			_, err := b.state.member.Await(ctx)
			return err
		},
	}
	if b.clustered() { // else nobody could take over
		o.Probe = b.noteOffline
	}
	return o
}

// treePatience bounds a look at the tree on behalf of a request.
const treePatience = 5 * time.Second

// topics counts the topics of the tree.
func (b *Broker) topics() (int, error) {
	s, ok := b.state.member.Session()
	if !ok {
		return 0, tree.ErrExpired
	}
	ctx, cancel := context.WithTimeout(context.Background(), treePatience)
	defer cancel()
	names, _, err := tree.Within(ctx, s.Tree).Children(znode.Topics, nil)
	return len(names), err
}

// memberOptions says what the broker registers, and what it does while it is
// registered. state.mu is held.
func (b *Broker) memberOptions(s *sessions) member.Options {
	return member.Options{
		BrokerID:  b.state.dirs.BrokerID(),
		ClusterID: b.state.dirs.ClusterID(),
		Open:      s.open,
		Registration: func() znode.Broker {
			return znode.Broker{Endpoints: b.endpoints(), Rack: b.config.String("broker.rack"), JMXPort: -1}
		},
		Tasks:          []member.Task{b.state.configs.Watch, b.followFeatures, b.state.controller.Serve, b.settle, b.tellOffline, b.countSession},
		SessionTimeout: b.config.Duration("zookeeper.session.timeout.ms"),
		Random:         randomBytes,
		Now:            b.now,
		Logger:         b.logger,
	}
}

// led loads the groups of a partition of the internal topic that this broker
// has come to lead.
func (b *Broker) led(name string, index, epoch int32) {
	if name == coordinator.Topic {
		b.state.groups.Load(index, epoch)
	}
}

// resigned forgets the groups of a partition that this broker leads no more.
func (b *Broker) resigned(name string, index, epoch int32) {
	if name == coordinator.Topic {
		b.state.groups.Unload(index, epoch)
	}
}

// gone forgets what belonged to topics that the cluster has no more.
func (b *Broker) gone(topics []string) {
	b.state.groups.TopicsDeleted(topics)
	for _, name := range topics {
		b.metrics.Forget(name)
	}
}

// existing lists the partitions in the data directories, for adoption.
func existing(dirs *dir.Set) []plan.Existing {
	var all []plan.Existing
	for p, l := range dirs.Logs() {
		all = append(all, plan.Existing{
			Ref:         plan.Ref{Topic: p.Topic, Partition: p.Index},
			TopicID:     topic.ID(l.TopicID()),
			LatestEpoch: l.LatestEpoch(),
			Compacted:   dirs.Compacted(p),
		})
	}
	return all
}

// settings are what the controller's decisions depend on.
func (b *Broker) settings() plan.Settings {
	return plan.Settings{
		Partitions:      int32(b.config.Int("num.partitions")),
		Replication:     int16(b.config.Int("default.replication.factor")),
		DeleteTopics:    b.config.Bool("delete.topic.enable"),
		UncleanElection: b.config.Bool("unclean.leader.election.enable"),
		Internal: map[string]plan.TopicSpec{coordinator.Topic: {
			Name:        coordinator.Topic,
			Partitions:  int32(b.config.Int("offsets.topic.num.partitions")),
			Replication: int16(b.config.Int("offsets.topic.replication.factor")),
			Config: map[string]string{
				"cleanup.policy":   "compact",
				"compression.type": "producer",
				"segment.bytes":    strconv.Itoa(b.config.Int("offsets.topic.segment.bytes")),
			},
			Clamp: !b.clustered(), // of several brokers the others may only not have come yet
		}},
		ValidateConfig: b.config.ValidateTopic,
		Random:         mathrand.IntN,
		RandomBytes:    randomBytes,
	}
}

// randomBytes makes a topic id.
func randomBytes() (id [16]byte) {
	rand.Read(id[:]) // never fails
	return id
}

// configChanged brings a changed configuration into effect without a restart.
func (b *Broker) configChanged(e image.Entity, values map[string]string) {
	b.state.control.SetConfig(e, values)
	b.brokerChanged(e, values)
	b.throttle(e, values)
	b.state.controller.ConfigChanged(e, values) // after what its settings are made of
}

// brokerChanged does so for one of this broker, or of all.
func (b *Broker) brokerChanged(e image.Entity, values map[string]string) {
	if e.Type != image.BrokerEntity {
		return
	}
	scope := config.ThisBroker
	if e.Name == image.DefaultName {
		scope = config.ClusterDefault
	} else if e.Name != fmt.Sprint(b.state.dirs.BrokerID()) {
		return
	}
	if err := b.config.SetDynamic(scope, values); err != nil {
		b.logger.Warn("a dynamic configuration was left aside", "entity", e.Path(), "error", err)
	}
	b.reconfigure()
}

// reconfigure gives the parts that keep a configuration of their own the
// present one. The others ask on every use.
func (b *Broker) reconfigure() {
	b.server.SetLimits(b.limits())
	b.state.between.fetcher.Resize()
	b.state.control.Retune()
}
