package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/znode"
	"github.com/leatmq/leat/tools/bench/probe"
)

const (
	// stageTopic is the cluster's only topic.
	stageTopic = "failover"
	// settleLimit is how long a cluster may take to be in good order again.
	settleLimit = 2 * time.Minute
	// look is how often a cluster is looked at.
	look = 20 * time.Millisecond
)

// stage is a cluster that faults happen to.
type stage struct {
	*group
	session time.Duration
	admin   *kgo.Client
	zk      *zk.Conn
	probes  *probe.Set // nil: nobody produces
	samples []sample
}

func newStage(ctx context.Context, g *group, session time.Duration) (*stage, error) {
	s := &stage{group: g, session: session}
	var err error
	s.admin, err = kgo.NewClient(kgo.SeedBrokers(s.addresses()...), kgo.MetadataMinAge(look),
		kgo.RequestTimeoutOverhead(5*time.Second), kgo.RetryBackoffFn(func(int) time.Duration { return look }))
	if err != nil {
		return nil, err
	}
	const patience = 30 * time.Second
	conn, events, err := zk.Connect([]string{g.zk.Connect()}, patience, zk.WithLogInfo(false))
	if err != nil {
		s.admin.Close()
		return nil, err
	}
	s.zk = conn
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return s, nil
			}
		case <-ctx.Done():
			s.close()
			return nil, ctx.Err()
		}
	}
}

func (s *stage) close() {
	s.admin.Close()
	s.zk.Close()
}

// addresses are all brokers'.
func (s *stage) addresses() (all []string) {
	for _, p := range s.members {
		all = append(all, p.address)
	}
	return all
}

// fill makes the topic: partition p is led by broker p modulo their number.
func (s *stage) fill(ctx context.Context, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	leaders := make([]int, partitions)
	for p := range leaders {
		leaders[p] = p % len(s.members)
	}
	return create(ctx, s.admin, replicated(stageTopic, len(s.members), leaders...))
}

// picture is what one broker says about the topic.
func (s *stage) picture(ctx context.Context, broker int) (*kmsg.MetadataResponse, error) {
	q := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(stageTopic)
	q.Topics = append(q.Topics, t)
	a, err := s.admin.Broker(broker).Request(ctx, q)
	if err != nil {
		return nil, err
	}
	m := a.(*kmsg.MetadataResponse)
	if len(m.Topics) != 1 || m.Topics[0].ErrorCode != 0 {
		return m, fmt.Errorf("broker %d does not know the topic", broker)
	}
	return m, nil
}

// settle waits until all brokers say that all of them live, that all replicas are in
// sync, and that each partition is led by its first replica; it elects those.
func (s *stage) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	var asked time.Time
	for {
		whole, preferred, err := s.order(ctx)
		if whole && preferred {
			return nil
		}
		if whole && time.Since(asked) > time.Second {
			asked = time.Now()
			if err := s.electPreferred(ctx); err != nil {
				return err
			}
		}
		if pause(ctx, look) != nil {
			return fmt.Errorf("the cluster is not in order after %v: %w", settleLimit, errors.Join(err, ctx.Err()))
		}
	}
}

// order asks all brokers.
func (s *stage) order(ctx context.Context) (whole, preferred bool, err error) {
	whole, preferred = true, true
	for id := range s.members {
		m, err := s.picture(ctx, id)
		if err != nil {
			return false, false, err
		}
		whole = whole && len(m.Brokers) == len(s.members)
		for _, p := range m.Topics[0].Partitions {
			whole = whole && p.ErrorCode == 0 && len(p.ISR) == len(p.Replicas)
			preferred = preferred && p.Leader == p.Replicas[0]
		}
	}
	return whole, preferred, nil
}

func (s *stage) electPreferred(ctx context.Context) error {
	q := kmsg.NewPtrElectLeadersRequest()
	q.TimeoutMillis = 30_000
	_, err := q.RequestWith(ctx, s.admin)
	if err != nil && ctx.Err() == nil {
		return nil // asked again soon
	}
	return err
}

// flowing waits until every partition has acknowledged a record that was sent at t or
// later.
func (s *stage) flowing(ctx context.Context, t time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for !s.probes.Since(t) {
		if err := pause(ctx, look); err != nil {
			return fmt.Errorf("not every partition is written after %v: %w", settleLimit, err)
		}
	}
	return nil
}

// gone waits for the end of a broker's session.
func (s *stage) gone(ctx context.Context, broker int) error {
	for {
		there, _, changed, err := s.zk.ExistsW(znode.BrokerPath(int32(broker)))
		if err != nil || !there {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// state is what ZooKeeper has of a partition.
func (s *stage) state(partition int32) (znode.State, *zk.Stat, error) {
	data, stat, err := s.zk.Get(znode.StatePath(stageTopic, partition))
	if err != nil {
		return znode.State{}, nil, err
	}
	state, err := znode.DecodeState(data)
	return state, stat, err
}

// ledBy returns the partitions that a broker leads.
func (s *stage) ledBy(broker int32) (led []int32, err error) {
	all, err := s.partitions()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		state, _, err := s.state(p)
		if err != nil {
			return nil, err
		}
		if state.Leader == broker {
			led = append(led, p)
		}
	}
	return led, nil
}

// partitions are the numbers of the topic's partitions in ZooKeeper.
func (s *stage) partitions() (all []int32, err error) {
	names, _, err := s.zk.Children(znode.PartitionsPath(stageTopic))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		n, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return nil, err
		}
		all = append(all, int32(n))
	}
	slices.Sort(all)
	return all, nil
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
