package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// admin asks the cluster about itself.
type admin struct{ cl *kgo.Client }

func newAdmin(bootstrap []string) (*admin, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.MetadataMinAge(100*time.Millisecond), kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(2*time.Second))
	return &admin{cl}, err
}

func (a *admin) close() { a.cl.Close() }

// again calls f until it succeeds or ctx ends.
func again(ctx context.Context, f func(context.Context) error) error {
	for {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := f(once)
		cancel()
		if err == nil {
			return nil
		}
		wait := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(err, ctx.Err())
		case <-wait.C:
		}
	}
}

// create waits until all brokers are there and makes the topics.
func (a *admin) create(ctx context.Context, r *runner) error {
	adm := kadm.NewClient(a.cl)
	err := again(ctx, func(ctx context.Context) error { return a.allKnown(ctx, r.brokers) })
	if err != nil {
		return fmt.Errorf("wait for the brokers: %w", err)
	}
	for _, topic := range []string{"chaos-a", "chaos-b"} {
		n := r.count(topic)
		if n == 0 {
			continue
		}
		err := again(ctx, func(ctx context.Context) error {
			_, err := adm.CreateTopic(ctx, n, int16(r.rf), nil, topic)
			if errors.Is(err, kerr.TopicAlreadyExists) {
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	return a.awaitISR(ctx, r)
}

// allKnown asks every broker by itself whether it knows all brokers.
func (a *admin) allKnown(ctx context.Context, brokers int) error {
	var errs []error
	for i, b := range a.cl.SeedBrokers() {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{}
		res, err := b.Request(ctx, req)
		if err != nil {
			errs = append(errs, fmt.Errorf("broker %d: %w", i+1, err))
			continue
		}
		var ids []int32
		for _, known := range res.(*kmsg.MetadataResponse).Brokers {
			ids = append(ids, known.NodeID)
		}
		if len(ids) < brokers {
			errs = append(errs, fmt.Errorf("broker %d knows the brokers %v only", i+1, ids))
		}
	}
	return errors.Join(errs...)
}

// awaitISR waits until every replica of every partition is in sync, for a minute.
// Brokers that end meanwhile are started again.
func (a *admin) awaitISR(ctx context.Context, r *runner) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	adm := kadm.NewClient(a.cl)
	return again(ctx, func(ctx context.Context) error {
		if err := r.revive(); err != nil {
			return err
		}
		topics, err := adm.ListTopicsWithInternal(ctx)
		if err != nil {
			return err
		}
		var missing []error
		seen := 0
		topics.EachPartition(func(p kadm.PartitionDetail) {
			seen++
			if p.Err != nil || p.Leader < 0 || len(p.ISR) < r.rf {
				missing = append(missing, fmt.Errorf("%s-%d: leader %d epoch %d, in sync %v of %v", p.Topic, p.Partition, p.Leader, p.LeaderEpoch, p.ISR, p.Replicas))
			}
		})
		if seen < len(r.keys) {
			missing = append(missing, fmt.Errorf("%d of %d partitions are known", seen, len(r.keys)))
		}
		return errors.Join(missing...)
	})
}
