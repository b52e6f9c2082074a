package broker

import (
	"context"
	"fmt"
	"iter"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/admin"
	"github.com/leatmq/leat/broker/metrics"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/image"
)

// hooks count what the server does.
func (b *Broker) hooks() server.Hooks {
	return server.Hooks{
		Opened:  func(string) { b.metrics.Accepted() },
		Refused: func(string, server.Cause) { b.metrics.Refused() },
		Handled: func(h server.Handled) {
			b.metrics.Request(metrics.Call{Key: h.Key, Version: h.Version, In: h.Bytes})
		},
		Sent:     b.metrics.Sent,
		Closed:   func(_ string, cause server.Cause) { b.metrics.Closed(string(cause)) },
		Panicked: b.metrics.Panicked,
	}
}

// newAdmin opens the admin port.
func (b *Broker) newAdmin(addr string) (*admin.Server, error) {
	return admin.New(admin.Options{
		Listen:  addr,
		Metrics: b.metrics.Handler(),
		Ready:   b.checks,
		Pprof:   b.config.Bool("leat.admin.pprof.enable"),
		Logger:  b.logger,
	})
}

// serveAdmin serves the admin port, if there is one.
func (b *Broker) serveAdmin(ctx context.Context) error {
	if b.admin == nil {
		return nil
	}
	return b.admin.Run(ctx)
}

// checks are the conditions of readiness.
func (b *Broker) checks() []admin.Check {
	started := admin.Check{Name: "started", OK: true}
	select {
	case <-b.ready:
	default:
		started = admin.Check{Name: "started", Reason: "data directories are being loaded"}
	}
	checks := []admin.Check{started, {Name: "not stopping", OK: !b.stopping.Load()}}
	b.state.mu.RLock()
	defer b.state.mu.RUnlock()
	if b.state.dirs == nil {
		return checks
	}
	registered := admin.Check{Name: "registered", OK: true}
	if m := b.state.member; m != nil {
		if _, ok := m.Session(); !ok {
			registered = admin.Check{Name: "registered", Reason: "there is no session on the tree"}
		}
	}
	return append(append(checks, registered), dirChecks(b.state.dirs)...)
}

// dirChecks tell of the data directories. While one works, clients are served:
// others that have failed are told of, and keep nobody away.
func dirChecks(dirs *dir.Set) []admin.Check {
	var checks []admin.Check
	works := false
	for _, d := range dirs.Dirs() {
		c := admin.Check{Name: "data directory " + d.Path()}
		if err := d.Err(); err != nil {
			c.Reason = err.Error()
		} else {
			works = true
		}
		checks = append(checks, c)
	}
	for i := range checks {
		checks[i].OK = works
	}
	return checks
}

// announceReady tells the log and the service manager that clients are served.
func (b *Broker) announceReady(took time.Duration) {
	partitions := 0
	for range b.state.partitions.All() {
		partitions++
	}
	attrs := []any{"broker", b.state.dirs.BrokerID(), "cluster", b.state.dirs.ClusterID(), "partitions", partitions,
		"took", took.Round(time.Millisecond)}
	for name, addr := range b.server.Addrs() {
		attrs = append(attrs, "listen."+name, addr.String())
	}
	if b.admin != nil {
		attrs = append(attrs, "admin", b.admin.Addr().String())
	}
	b.logger.Info("ready", attrs...)
	b.notify(admin.StateReady)
}

// announceStopping tells the log and the service manager that the end begins.
func (b *Broker) announceStopping() {
	b.stopping.Store(true)
	b.logger.Info("stopping")
	b.notify(admin.StateStopping)
}

// notify tells systemd; a broker that was started by hand tells nobody.
func (b *Broker) notify(state string) {
	if err := admin.Notify(os.Getenv("NOTIFY_SOCKET"), state); err != nil {
		b.logger.Warn("the service manager cannot be told", "error", err)
	}
}

// metricLimits bounds how many series a scrape may have.
func (b *Broker) metricLimits() (partitions, groups int) {
	return b.config.Int("leat.metrics.partitions.max"), b.config.Int("leat.metrics.groups.max")
}

// sources answers a scrape. Before the parts are there, nothing is shown.
func (b *Broker) sources() metrics.Sources {
	return metrics.Sources{
		Brokers:     b.metricBrokers,
		Self:        b.self,
		Controller:  func() int32 { return b.image().Controller },
		Partitions:  b.metricPartitions,
		Groups:      b.metricGroups,
		Dirs:        b.metricDirs,
		Connections: func() map[string]int { return map[string]int{"": b.server.Connections()} },
		OpenFiles:   b.openFiles,
		Waiting:     b.waiting,
		Replication: b.metricReplication,
		Office:      b.metricOffice,
	}
}

// image is the present picture of the cluster, never nil.
func (b *Broker) image() *image.Image {
	b.state.mu.RLock()
	defer b.state.mu.RUnlock()
	if b.state.control == nil {
		return image.Empty()
	}
	return b.state.control.Image()
}

// self is this broker's id.
func (b *Broker) self() int32 {
	b.state.mu.RLock()
	defer b.state.mu.RUnlock()
	if b.state.dirs == nil {
		return image.NoBroker
	}
	return b.state.dirs.BrokerID()
}

// waiting counts the requests whose answers wait, by what they wait for.
func (b *Broker) waiting() map[string]int {
	if a := b.handler.api.Load(); a != nil {
		return a.Waiting()
	}
	return nil
}

// openFiles counts the open segment files.
func (b *Broker) openFiles() int {
	b.state.mu.RLock()
	defer b.state.mu.RUnlock()
	if b.state.files == nil {
		return 0
	}
	return b.state.files.Len()
}

// metricBrokers lists the live brokers.
func (b *Broker) metricBrokers() []metrics.Broker {
	var all []metrics.Broker
	for _, m := range b.image().Brokers() {
		row := metrics.Broker{ID: m.ID}
		if len(m.Endpoints) > 0 {
			row.Address = net.JoinHostPort(m.Endpoints[0].Host, strconv.Itoa(int(m.Endpoints[0].Port)))
		}
		all = append(all, row)
	}
	return all
}

// metricPartitions ranges over the cluster's partitions.
func (b *Broker) metricPartitions() iter.Seq[metrics.Partition] {
	b.state.mu.RLock()
	set := b.state.partitions
	b.state.mu.RUnlock()
	topics := b.image().Topics()
	return func(yield func(metrics.Partition) bool) {
		for _, t := range topics {
			for i := range t.Partitions {
				if !yield(b.metricPartition(set, t, int32(i))) {
					return
				}
			}
		}
	}
}

// metricPartition describes one partition.
func (b *Broker) metricPartition(set *partition.Set, t *image.Topic, index int32) metrics.Partition {
	p := &t.Partitions[index]
	row := metrics.Partition{
		Topic: t.Name, Index: index, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR,
		MinISR: min(b.config.Topic(t.Config).MinInsyncReplicas, len(p.Replicas)),
	}
	r, err := set.Get(checkpoint.Partition{Topic: t.Name, Index: index})
	if err != nil {
		return row
	}
	l := r.Log()
	row.Offline, row.Reassigning = r.Dir().Err() != nil, r.Reassigning()
	row.Here, row.Start, row.End, row.Bytes, row.Segments = true, l.StartOffset(), l.EndOffset(), l.Size(), l.Segments()
	row.HighWatermark = max(set.HighWatermark(r.ID()), row.Start)
	return row
}

// metricGroups ranges over the groups with their offsets.
func (b *Broker) metricGroups() iter.Seq[metrics.Group] {
	b.state.mu.RLock()
	groups := b.state.groups
	b.state.mu.RUnlock()
	return func(yield func(metrics.Group) bool) {
		if groups == nil {
			return
		}
		list := kmsg.NewPtrListGroupsRequest()
		list.Version = 5
		for _, g := range groups.List(list).Groups {
			if !yield(metricGroup(groups, g)) {
				return
			}
		}
	}
}

// metricGroup asks for one group's members and offsets.
func metricGroup(groups *coordinator.Groups, g kmsg.ListGroupsResponseGroup) metrics.Group {
	row := metrics.Group{Name: g.Group, State: g.GroupState}
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Version, describe.Groups = 5, []string{g.Group}
	for _, d := range groups.Describe(context.Background(), describe).Groups {
		row.Members = len(d.Members)
	}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = g.Group
	fetch.Version, fetch.Groups = 8, []kmsg.OffsetFetchRequestGroup{asked}
	for _, a := range groups.OffsetFetch(context.Background(), fetch).Groups {
		for _, t := range a.Topics {
			for _, p := range t.Partitions {
				row.Offsets = append(row.Offsets, metrics.Offset{Topic: t.Topic, Partition: p.Partition, Committed: p.Offset})
			}
		}
	}
	return row
}

// metricDirs lists the data directories.
func (b *Broker) metricDirs() []metrics.Dir {
	b.state.mu.RLock()
	dirs := b.state.dirs
	b.state.mu.RUnlock()
	if dirs == nil {
		return nil
	}
	var all []metrics.Dir
	for _, d := range dirs.Dirs() {
		row := metrics.Dir{Path: d.Path(), Offline: d.Err() != nil}
		var err error
		if row.Free, row.Total, err = d.Space(); err != nil {
			b.logger.Debug("no figure for free space", "dir", d.Path(), "error", fmt.Sprint(err))
		}
		all = append(all, row)
	}
	return all
}
