package broker

import (
	"net/netip"
	"time"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/compact"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
)

// serverConfig is the configuration in the server's terms.
func (b *Broker) serverConfig() server.Config {
	c := server.Config{
		Limits:              b.limits(),
		MaxRequestBytes:     b.config.Int("socket.request.max.bytes"),
		MaxQueuedBytes:      b.config.Int64("queued.max.request.bytes"),
		MaxInflightRequests: b.config.Int("leat.connection.max.inflight.requests"),
		MaxInflightBytes:    b.config.Int64("leat.connection.max.inflight.bytes"),
		SendBuffer:          b.config.Int("socket.send.buffer.bytes"),
		ReceiveBuffer:       b.config.Int("socket.receive.buffer.bytes"),
		Timeouts: server.Timeouts{
			Idle:  b.config.Duration("connections.max.idle.ms"),
			Read:  b.config.Duration("leat.connection.read.timeout.ms"),
			Write: b.config.Duration("leat.connection.write.timeout.ms"),
			Drain: b.config.Duration("leat.shutdown.timeout.ms"),
		},
		Now:    b.now,
		Logger: b.logger,
		Hooks:  b.hooks(),
	}
	for _, l := range b.config.Listeners() {
		c.Listeners = append(c.Listeners, server.Listener{Name: l.Name, Address: l.Address()})
	}
	return c
}

// limits are the bounds on connections, which may change while serving.
func (b *Broker) limits() server.Limits {
	l := server.Limits{
		MaxConnections:      b.config.Int("max.connections"),
		MaxConnectionsPerIP: b.config.Int("max.connections.per.ip"),
		PerIP:               map[netip.Addr]int{},
	}
	for host, n := range b.config.Overrides("max.connections.per.ip.overrides") {
		if addr, err := netip.ParseAddr(host); err == nil {
			l.PerIP[addr] = n
		}
	}
	return l
}

// dirOptions is the configuration in the data directories' terms.
func (b *Broker) dirOptions(files *log.FileCache) dir.Options {
	return dir.Options{
		Now:            b.now,
		Logger:         b.logger,
		BrokerID:       b.brokerID(),
		ClusterID:      b.config.String("leat.cluster.id"),
		Threads:        b.config.Int("num.recovery.threads.per.data.dir"),
		Files:          files,
		Config:         func(checkpoint.Partition) log.Config { return b.config.Topic(nil) },
		ProducerExpiry: b.config.Duration("producer.id.expiration.ms"),
		HighWatermark:  b.highWatermark,
		Clean:          b.cleaner(),
		OnOffline:      b.dirOffline,
		Swap:           b.swap,
		MoveRate:       func() int64 { return b.config.Int64("replica.alter.log.dirs.io.max.bytes.per.second") },
		MinFree:        b.config.Int64("leat.disk.min.free.bytes"),
		Intervals: dir.Intervals{
			Initial:        b.config.Duration("log.initial.task.delay.ms"),
			Retention:      b.config.Duration("log.retention.check.interval.ms"),
			RecoveryPoints: b.config.Duration("log.flush.offset.checkpoint.interval.ms"),
			LogStarts:      b.config.Duration("log.flush.start.offset.checkpoint.interval.ms"),
			HighWatermarks: b.config.Duration("replica.high.watermark.checkpoint.interval.ms"),
			Producers:      b.config.Duration("producer.id.expiration.check.interval.ms"),
			Clean:          b.config.Duration("log.cleaner.backoff.ms"),
		},
	}
}

// cleaner compacts logs, or is nil where log.cleaner.enable says so.
func (b *Broker) cleaner() dir.CleanFunc {
	if !b.config.Bool("log.cleaner.enable") {
		return nil
	}
	return compact.New(compact.Options{
		Limits: func() compact.Limits {
			return compact.Limits{
				MapBytes:       int(b.config.Int64("log.cleaner.dedupe.buffer.size")),
				LoadFactor:     b.config.Float("log.cleaner.io.buffer.load.factor"),
				BytesPerSecond: b.config.Float("log.cleaner.io.max.bytes.per.second"),
			}
		},
		Now:    b.now,
		Logger: b.logger,
	}).Clean
}

// brokerID is the configured broker id, or -1 when nothing is configured: then
// the data directories decide, as one brought over from Kafka does.
func (b *Broker) brokerID() int32 {
	if !b.config.IsSet("broker.id") && !b.config.IsSet("node.id") {
		return -1
	}
	return int32(b.config.Int("broker.id"))
}

// highWatermark is what dir asks for its checkpoint.
func (b *Broker) highWatermark(p checkpoint.Partition) int64 {
	b.state.mu.RLock()
	set := b.state.partitions
	b.state.mu.RUnlock()
	if set == nil {
		return -1
	}
	return set.HighWatermark(p)
}

// swap has a partition use the log that was moved to another directory.
func (b *Broker) swap(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
	b.state.mu.RLock()
	set := b.state.partitions
	b.state.mu.RUnlock()
	if set == nil {
		return partition.ErrUnknown // moves begin before partitions are led
	}
	return set.Swap(p, swap)
}

// dirOffline wakes whoever waits on a partition of a directory that failed, and
// has the controller told.
func (b *Broker) dirOffline(d *dir.Dir, err error) {
	b.state.mu.RLock()
	set := b.state.partitions
	b.state.mu.RUnlock()
	if set != nil {
		set.DirOffline(d)
	}
	b.noteOffline()
}

// groupConfig is the configuration in the coordinator's terms; it is read on
// every use.
func (b *Broker) groupConfig() coordinator.Config {
	codec := compress.Codec(b.config.Int("offsets.topic.compression.codec"))
	return coordinator.Config{
		Group: group.Config{
			InitialDelay: b.config.Duration("group.initial.rebalance.delay.ms"),
			MinSession:   b.config.Duration("group.min.session.timeout.ms"),
			MaxSession:   b.config.Duration("group.max.session.timeout.ms"),
			MaxSize:      b.config.Int("group.max.size"),
			MaxMember:    b.config.Int("leat.group.member.max.bytes"),
			Retention:    time.Duration(b.config.Int64("offsets.retention.minutes")) * time.Minute,
			MaxMetadata:  b.config.Int("offset.metadata.max.bytes"),
		},
		CheckInterval: b.config.Duration("offsets.retention.check.interval.ms"),
		CommitTimeout: b.config.Duration("offsets.commit.timeout.ms"),
		Codec:         codec,
		MaxMembers:    b.config.Int64("leat.group.members.max.bytes"),
	}
}
