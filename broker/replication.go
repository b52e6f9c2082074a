package broker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/api"
	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/replication/alter"
	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/envoy"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/throttle"
)

// between is what a broker has for the others of its cluster. A single node has
// the same, and nobody to reach.
type between struct {
	pool       *wire.Pool
	forwarding *wire.Pool // for what is asked of the controller
	channel    *channel.Channel
	envoy      *envoy.Envoy
	alter      *alter.Alter
	fetcher    *fetcher.Fetcher
	out, in    *throttle.Quota // leader's and follower's
}

// connect makes the ways to other brokers. state.mu is held; nothing runs yet.
func (b *Broker) connect(dirs *dir.Set) between {
	id := dirs.BrokerID()
	quota := func() *throttle.Quota {
		width := time.Duration(b.config.Int("replication.quota.window.size.seconds")) * time.Second
		return throttle.NewQuota(id, b.config.Int("replication.quota.window.num"), width)
	}
	r := between{in: quota(), out: quota()}
	patience := b.config.Duration("socket.connection.setup.timeout.ms")
	r.pool = wire.NewPool(wire.Options{ClientID: strconv.Itoa(int(id)), DialTimeout: patience})
	// Requests by this one are known as another broker's, and answered where they
	// arrive.
	r.forwarding = wire.NewPool(wire.Options{ClientID: api.ForwardClientID + strconv.Itoa(int(id)), DialTimeout: patience})
	r.channel = channel.New(channel.Options{
		Self: id, Local: b.obey, Remote: b.order, Logger: b.logger, Timeout: b.config.Duration("controller.socket.timeout.ms"),
		Answered: func(broker int32, q kmsg.Request, a kmsg.Response) { b.state.controller.Answered(broker, q, a) },
	})
	r.envoy = envoy.New(envoy.Options{
		Active: func() bool { return b.state.controller.Active() },
		Local:  b.answerAsController,
		Controller: func() (wire.Node, bool) {
			return b.node(b.state.control.Image().Controller)
		},
		Pool: r.forwarding, Patience: b.config.Duration("request.timeout.ms"), Logger: b.logger,
	})
	r.alter = alter.New(alter.Options{
		BrokerID: id, BrokerEpoch: b.epoch, Ask: r.envoy.Ask, Logger: b.logger,
		Answered: b.proposalAnswered,
	})
	return r
}

// close closes the connections.
func (r *between) close() {
	r.pool.Close()
	r.forwarding.Close()
}

// epoch is that of this broker's registration.
func (b *Broker) epoch() int64 { return b.state.member.Epoch() }

// obey answers a request of the controller on this broker.
func (b *Broker) obey(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
	switch q := q.(type) {
	case *kmsg.LeaderAndISRRequest:
		return b.state.control.LeaderAndISR(ctx, q), nil
	case *kmsg.UpdateMetadataRequest:
		return b.state.control.UpdateMetadata(ctx, q), nil
	case *kmsg.StopReplicaRequest:
		return b.state.control.StopReplica(ctx, q), nil
	}
	return nil, fmt.Errorf("%s is no order of a controller", kmsg.NameForKey(q.Key()))
}

// order has another broker answer a request of the controller here.
func (b *Broker) order(ctx context.Context, to *image.Broker, q kmsg.Request, a kmsg.Response) error {
	node, ok := nodeOf(to, b.controlPlane())
	if !ok {
		return fmt.Errorf("broker %d has no listener %s", to.ID, b.controlPlane())
	}
	request := wire.Request(q)
	if stop, ok := q.(*kmsg.StopReplicaRequest); ok {
		request = channel.StopReplica{StopReplicaRequest: stop}
	}
	_, err := b.state.between.pool.To(node).Do(ctx, request, a, nil)
	return err
}

// answerAsController answers what brokers ask the controller, as the one that
// this broker is.
func (b *Broker) answerAsController(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
	switch q := q.(type) {
	case *kmsg.AlterPartitionRequest:
		return b.state.controller.AlterPartition(ctx, q), nil
	case *kmsg.ControlledShutdownRequest:
		return b.state.controller.AnswerShutdown(ctx, q), nil
	case *kmsg.AllocateProducerIDsRequest:
		return b.allocateProducerIDs(ctx, q), nil
	}
	return b.handler.api.Load().AnswerAsController(ctx, q)
}

// allocateProducerIDs answers a broker that wants a block of producer ids.
func (b *Broker) allocateProducerIDs(ctx context.Context, q *kmsg.AllocateProducerIDsRequest) *kmsg.AllocateProducerIDsResponse {
	return b.state.controller.AnswerProducerIDs(ctx, q)
}

// producerIDs asks the controller for a block of producer ids.
func (b *Broker) producerIDs(ctx context.Context) (first, count int64, err error) {
	q := kmsg.NewPtrAllocateProducerIDsRequest()
	q.BrokerID, q.BrokerEpoch = b.state.dirs.BrokerID(), b.epoch()
	got, err := b.state.between.envoy.Ask(ctx, q)
	if err != nil {
		return 0, 0, err
	}
	a := got.(*kmsg.AllocateProducerIDsResponse)
	return a.ProducerIDStart, int64(a.ProducerIDLen), kerr.ErrorForCode(a.ErrorCode)
}

// fetcherOptions is the configuration in the fetcher's terms.
func (b *Broker) fetcherOptions(id int32) fetcher.Options {
	return fetcher.Options{
		BrokerID: id, BrokerEpoch: b.epoch,
		Pool: b.state.between.pool, Broker: b.node,
		Replica: fetcher.Of(b.state.partitions),
		Settings: func() fetcher.Settings {
			return fetcher.Settings{
				Loops:          b.config.Int("num.replica.fetchers"),
				MaxWait:        b.config.Duration("replica.fetch.wait.max.ms"),
				MinBytes:       int32(b.config.Int("replica.fetch.min.bytes")),
				MaxBytes:       int32(b.config.Int("replica.fetch.response.max.bytes")),
				PartitionBytes: int32(b.config.Int("replica.fetch.max.bytes")),
				Backoff:        b.config.Duration("replica.fetch.backoff.ms"),
				Timeout:        b.config.Duration("replica.socket.timeout.ms"),
			}
		},
		Quota: b.state.between.in, Copied: b.copied, Now: b.now, Logger: b.logger,
	}
}

// throttle follows the configuration of replication's bounds.
func (b *Broker) throttle(e image.Entity, values map[string]string) {
	r := b.state.between
	switch e.Type {
	case image.BrokerEntity:
		r.out.SetRate(b.rate("leader.replication.throttled.rate"))
		r.in.SetRate(b.rate("follower.replication.throttled.rate"))
	case image.TopicEntity:
		for key, q := range map[string]*throttle.Quota{
			"leader.replication.throttled.replicas": r.out, "follower.replication.throttled.replicas": r.in,
		} {
			list, err := throttle.ParseReplicas(values[key])
			if err != nil {
				b.logger.Warn("a list of throttled replicas was left aside", "topic", e.Name, "key", key, "error", err)
				continue
			}
			q.SetReplicas(e.Name, list)
		}
	}
}

// rate is a bound in bytes per second.
func (b *Broker) rate(key string) int64 {
	if n := b.config.Int64(key); n > 0 {
		return n
	}
	return throttle.Unlimited
}
