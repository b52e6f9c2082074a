package broker

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strconv"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/control"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
)

// controllerOptions gives the controller its surroundings. state.mu is held.
func (b *Broker) controllerOptions(dirs *dir.Set, store tree.Tree) controller.Options {
	orders := control.New(control.Options{
		Partitions:  b.state.partitions,
		TopicConfig: b.config.Topic,
		Led:         b.led,
		Left:        b.left,
	})
	return controller.Options{
		Tree:          store,
		BrokerID:      dirs.BrokerID(),
		Rack:          b.config.String("broker.rack"),
		Endpoints:     b.endpoints(),
		ClusterID:     dirs.ClusterID(),
		Apply:         orders.Apply,
		Existing:      func() []plan.Existing { return existing(dirs) },
		Settings:      b.settings,
		ConfigChanged: b.configChanged,
		Logger:        b.logger,
	}
}

// led loads the groups of a partition of the internal topic that this broker
// has come to lead.
func (b *Broker) led(name string, index, epoch int32) {
	if name == coordinator.Topic {
		b.state.groups.Load(index, epoch)
	}
}

// left forgets what belonged to a partition that is gone.
func (b *Broker) left(name string, index int32) {
	if name == coordinator.Topic {
		b.state.groups.Unload(index, -1)
		return
	}
	if index == 0 {
		b.state.groups.TopicsDeleted([]string{name})
		b.metrics.Forget(name)
	}
}

// endpoints are the addresses that the broker registers: the advertised ones or,
// where none are configured, those it listens on.
func (b *Broker) endpoints() []image.Endpoint {
	addrs := b.server.Addrs()
	listeners := b.config.Advertised()
	if len(listeners) == 0 {
		listeners = b.config.Listeners()
	}
	var all []image.Endpoint
	for _, l := range listeners {
		e := image.Endpoint{Listener: l.Name, Protocol: l.Protocol, Host: l.Host, Port: int32(l.Port)}
		if bound, ok := addrs[l.Name].(*net.TCPAddr); ok && e.Port == 0 {
			e.Port = int32(bound.Port)
		}
		if e.Host == "" || net.ParseIP(e.Host).IsUnspecified() {
			e.Host = "localhost"
		}
		all = append(all, e)
	}
	return all
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
			Clamp: true,
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

// configChanged brings a changed configuration of this broker, or of all, into
// effect without a restart.
func (b *Broker) configChanged(e image.Entity, values map[string]string) {
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
	for _, t := range b.state.controller.Image().Topics() {
		b.state.partitions.Configure(t.Name, b.config.Topic(t.Config))
	}
}
