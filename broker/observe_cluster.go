package broker

import (
	"github.com/leatmq/leat/broker/metrics"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/tree/zk"
)

// copied counts what a follower here has copied.
func (b *Broker) copied(p checkpoint.Partition, bytes int) {
	r, err := b.state.partitions.Get(p)
	b.metrics.CopiedIn(bytes, err == nil && r.Adds(b.state.dirs.BrokerID()))
}

// controlled counts what the controller here has handled.
func (b *Broker) controlled(w controller.Work) { b.metrics.Controlled(int(w.State), w.Waited, w.Took) }

// told counts what becomes of sessions on ZooKeeper.
func (b *Broker) told(n zk.News) { b.counts.ensemble[n].Add(1) }

// metricReplication is this broker's part in its cluster.
func (b *Broker) metricReplication() metrics.Replication {
	b.state.mu.RLock()
	m, f := b.state.member, b.state.between.fetcher
	b.state.mu.RUnlock()
	out := metrics.Replication{
		Shrinks: b.counts.shrinks.Load(), Expands: b.counts.expands.Load(), FailedUpdates: b.counts.failed.Load(),
		Elections: b.counts.elections.Load(), Unclean: b.counts.unclean.Load(), ControllerEpoch: b.image().ControllerEpoch,
		Sessions: b.counts.sessions.Load(),
		Ensemble: metrics.Ensemble{
			Connects: b.counts.ensemble[zk.Connected].Load(), Disconnects: b.counts.ensemble[zk.Disconnected].Load(),
			Expirations: b.counts.ensemble[zk.Expired].Load(), Refused: b.counts.ensemble[zk.Refused].Load(),
		},
	}
	if m == nil {
		return out
	}
	_, out.Session = m.Session()
	out.MinFetchRate = f.MinRate()
	for _, lag := range f.Lags() {
		out.Lags = append(out.Lags, metrics.Lag{
			Topic: lag.Partition.Topic, Partition: lag.Partition.Index, Leader: lag.Leader, Offsets: lag.Offsets, Failed: lag.Failed,
		})
	}
	return out
}

// metricOffice is what the controller here has before it.
func (b *Broker) metricOffice() metrics.Office {
	b.state.mu.RLock()
	c, ch := b.state.controller, b.state.between.channel
	b.state.mu.RUnlock()
	if c == nil {
		return metrics.Office{}
	}
	s := c.Standing()
	return metrics.Office{
		State: int(s.State), Waiting: s.Waiting, Orders: ch.Waiting(), Brokers: s.Brokers,
		Topics: s.Topics, TopicsHeld: s.Held, Replicas: s.Replicas, ReplicasAbsent: s.Absent,
	}
}
