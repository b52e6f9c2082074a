package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/znode"
)

// What may be felt of a fault: of a lost broker, beyond the session's timeout.
var (
	lossBound       = bound{1, "p99"}
	controllerBound = bound{2, "all"}
	restartBound    = bound{0.5, "all"}
)

// settleAfter is how long the producers are watched after all partitions are written
// again.
const settleAfter = time.Second

// killLeader kills each broker in turn, and starts it after its session.
func (s *stage) killLeader(ctx context.Context, round int) error {
	victim := round % len(s.members)
	p := s.members[victim]
	at := time.Now()
	if err := p.kill(); err != nil {
		return err
	}
	if err := s.lost(ctx, victim, at); err != nil {
		return err
	}
	if err := s.gone(ctx, victim); err != nil {
		return err
	}
	return p.start(ctx)
}

// freezeLeader freezes each broker in turn until the others have its partitions.
func (s *stage) freezeLeader(ctx context.Context, round int) error {
	victim := round % len(s.members)
	p := s.members[victim].cmd.Process
	at := time.Now()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := s.lost(ctx, victim, at)
	if err == nil {
		err = s.gone(ctx, victim)
	}
	at = time.Now()
	if err = errors.Join(err, p.Signal(syscall.SIGCONT)); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := s.flowing(ctx, time.Now()); err != nil {
		return err
	}
	s.felt(sample{Figure: "after it goes on", Broker: victim}, at, time.Now())
	return nil
}

// lost waits until all partitions are written again without a broker, and adds how
// long they were not.
func (s *stage) lost(ctx context.Context, victim int, at time.Time) error {
	if err := s.flowing(ctx, at); err != nil {
		return err
	}
	if err := pause(ctx, settleAfter); err != nil {
		return err
	}
	for i, out := range s.probes.Outages(at, time.Now()) {
		one := sample{Figure: "it followed, beyond the session", Broker: victim, Partition: i, Seconds: (out - s.session).Seconds()}
		if i%len(s.members) == victim {
			one.Figure, one.Bound = "it led, beyond the session", lossBound
		}
		s.samples = append(s.samples, one)
	}
	return nil
}

// quiet is for how long nothing happens before a round of restarts, to know what the
// machine does to the figures.
const quiet = 5 * time.Second

// restartAll stops and starts one broker after the other, each when all replicas are
// in sync and the leaders are back.
func (s *stage) restartAll(ctx context.Context, _ int) error {
	begun := time.Now()
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	s.felt(sample{Figure: "before any", Broker: int(image.NoBroker)}, begun, time.Now())
	for id, p := range s.members {
		at := time.Now()
		if err := p.stop(); err != nil {
			return err
		}
		stopped := time.Now()
		if err := p.start(ctx); err != nil {
			return err
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
		end := time.Now()
		if err := s.flowing(ctx, end); err != nil {
			return err
		}
		s.felt(sample{Figure: "longest stall", Bound: restartBound, Broker: id}, at, end)
		s.felt(sample{Figure: "of it, while it stops", Broker: id}, at, stopped)
		s.felt(sample{Figure: "of it, while it starts and leads again", Broker: id}, stopped, end)
	}
	return nil
}

// felt adds for how long each partition was not written in some time, as samples that
// are otherwise like one.
func (s *stage) felt(one sample, from, to time.Time) {
	for i, out := range s.probes.Outages(from, to) {
		one.Partition, one.Seconds = i, out.Seconds()
		s.samples = append(s.samples, one)
	}
}

// killController kills the broker that is the controller, adds what follows, and starts
// it again.
func (s *stage) killController(ctx context.Context, _ int) error {
	victim, err := s.controller()
	if err != nil {
		return err
	}
	if err := s.succeed(ctx, victim); err != nil {
		return err
	}
	if err := s.gone(ctx, int(victim)); err != nil {
		return err
	}
	return s.members[victim].start(ctx)
}

// succeed kills the controller, and adds how long after its session another broker is
// the controller, has given away the partitions, and all brokers say so.
func (s *stage) succeed(ctx context.Context, victim int32) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	led, err := s.ledBy(victim)
	if err != nil {
		return err
	}
	_, _, gone, err := s.zk.ExistsW(znode.ControllerPath)
	if err != nil {
		return err
	}
	if err := s.members[victim].kill(); err != nil {
		return err
	}
	select {
	case <-gone:
	case <-ctx.Done():
		return ctx.Err()
	}
	end := time.Now()
	add := func(figure string, t time.Time) {
		s.samples = append(s.samples, sample{Figure: figure, Bound: controllerBound, Broker: int(victim), Seconds: t.Sub(end).Seconds()})
	}
	said, told := make([]time.Time, len(s.members)), make([]error, len(s.members))
	var wg sync.WaitGroup
	for id := range s.members {
		if id != int(victim) {
			wg.Go(func() { said[id], told[id] = s.told(ctx, id, victim) })
		}
	}
	elected, err := s.elected(ctx, victim)
	if err == nil {
		add("a new controller", elected)
		var last time.Time
		last, err = s.given(ctx, victim, led)
		add("all partitions led", last)
	}
	wg.Wait()
	if err := errors.Join(errors.Join(told...), err); err != nil {
		return err
	}
	add("all brokers say so", slices.MaxFunc(said, time.Time.Compare))
	return nil
}

// controller is who is the controller.
func (s *stage) controller() (int32, error) {
	data, _, err := s.zk.Get(znode.ControllerPath)
	if err != nil {
		return image.NoBroker, err
	}
	c, err := znode.DecodeController(data)
	return c.BrokerID, err
}

// elected waits until another broker is the controller, and returns when it was.
func (s *stage) elected(ctx context.Context, dead int32) (time.Time, error) {
	for {
		there, _, changed, err := s.zk.ExistsW(znode.ControllerPath)
		if err != nil {
			return time.Time{}, err
		}
		now := time.Now()
		if there {
			id, err := s.controller()
			if err == nil && id != dead || err != nil && !errors.Is(err, zk.ErrNoNode) {
				return now, err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// given waits until the partitions that a dead broker led have another leader, and
// returns when the last of them was given it, by ZooKeeper's clock: to read them all
// takes longer.
func (s *stage) given(ctx context.Context, dead int32, partitions []int32) (last time.Time, err error) {
	for len(partitions) > 0 {
		state, stat, err := s.state(partitions[0])
		if err != nil {
			return last, err
		}
		if state.Leader != dead && state.Leader != image.NoBroker {
			if changed := time.UnixMilli(stat.Mtime); changed.After(last) {
				last = changed
			}
			partitions = partitions[1:]
			continue
		}
		if err := pause(ctx, look); err != nil {
			return last, fmt.Errorf("%d partitions are not led: %w", len(partitions), err)
		}
	}
	return last, nil
}

// told waits until a broker says that all partitions are led without a dead one, and
// returns when it did.
func (s *stage) told(ctx context.Context, broker int, dead int32) (time.Time, error) {
	for {
		m, err := s.picture(ctx, broker)
		if err == nil && !slices.ContainsFunc(m.Topics[0].Partitions, func(p kmsg.MetadataResponseTopicPartition) bool {
			return p.ErrorCode != 0 || p.Leader == dead || p.Leader == image.NoBroker
		}) {
			return time.Now(), nil
		}
		if pause(ctx, look) != nil {
			return time.Time{}, fmt.Errorf("broker %d does not know the new leaders: %w", broker, errors.Join(err, ctx.Err()))
		}
	}
}
