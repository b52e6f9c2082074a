// Package probe says how long each partition of a topic could not be written.
//
// Each partition has a producer of its own (idempotent, acks=all) that sends one
// small record after the other, and notes when each was sent and acknowledged:
//
//	acknowledged   x  x  x                        x  x  x
//	                     |<------- outage ------->|
//	fault                   ^
//
// The outage of a partition is the longest time between two acknowledgements that
// follow each other and have a part of the time after the fault between them. The
// producers retry at once, give up on a silent broker soon and look for a new leader
// all the time, so that the cluster is measured and not its client.
package probe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// Every is the time from an acknowledgement to the next record.
	Every = 5 * time.Millisecond
	// Patience is how long a broker may take to answer; silence costs a producer at
	// most this much.
	Patience = ProduceTimeout + overhead
	// ProduceTimeout is how long a broker may wait for the replicas in sync.
	ProduceTimeout = 100 * time.Millisecond

	overhead = 150 * time.Millisecond
	again    = 10 * time.Millisecond // from a failure to the next try
)

// Set is a producer for each partition of a topic. Its methods may be called while
// Run runs.
type Set struct {
	topic string
	seeds []string
	parts []*part
}

// part is one partition.
type part struct {
	mu   sync.Mutex
	acks []Ack
	errs []error
}

// Ack is one acknowledged record.
type Ack struct{ Sent, Acked time.Time }

// New returns producers for the partitions 0 to n-1 of a topic.
func New(topic string, n int, seeds ...string) *Set {
	s := &Set{topic: topic, seeds: seeds, parts: make([]*part, n)}
	for i := range s.parts {
		s.parts[i] = &part{}
	}
	return s
}

// Run produces until ctx is done. It fails if a producer cannot be made; what the
// cluster does is no failure of it.
func (s *Set) Run(ctx context.Context) error {
	clients := make([]*kgo.Client, len(s.parts))
	defer func() {
		for _, c := range clients {
			if c != nil {
				c.Close()
			}
		}
	}()
	for i, p := range s.parts {
		var err error
		if clients[i], err = s.client(p); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
	var wg sync.WaitGroup
	for i, p := range s.parts {
		wg.Go(func() {
			p.produce(ctx, clients[i], &kgo.Record{Topic: s.topic, Partition: int32(i), Value: []byte("probe")})
		})
	}
	wg.Wait()
	return nil
}

// client returns the producer of one partition.
func (s *Set) client(p *part) (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(s.seeds...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(again),
		kgo.RetryBackoffFn(func(int) time.Duration { return again }),
		kgo.ProduceRequestTimeout(ProduceTimeout),
		kgo.RequestTimeoutOverhead(overhead),
		kgo.DialTimeout(overhead),
		kgo.ProducerOnDataLossDetected(func(topic string, index int32) {
			p.fail(fmt.Errorf("data loss detected in %s-%d", topic, index))
		}))
}

// produce sends one record after the other.
func (p *part) produce(ctx context.Context, client *kgo.Client, r *kgo.Record) {
	for ctx.Err() == nil {
		sent := time.Now()
		next := *r
		err := client.ProduceSync(ctx, &next).FirstErr()
		switch {
		case err == nil:
			p.note(Ack{sent, time.Now()})
		case ctx.Err() == nil:
			p.fail(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(Every):
		}
	}
}

func (p *part) note(a Ack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acks = append(p.acks, a)
}

func (p *part) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, err)
}

// Since reports whether every partition has acknowledged a record that was sent at
// t or later.
func (s *Set) Since(t time.Time) bool {
	for _, p := range s.parts {
		p.mu.Lock()
		n := len(p.acks)
		ok := n > 0 && !p.acks[n-1].Sent.Before(t)
		p.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// Outages returns each partition's outage from one time to another, which was in the
// past.
func (s *Set) Outages(from, to time.Time) []time.Duration {
	out := make([]time.Duration, len(s.parts))
	for i, p := range s.parts {
		p.mu.Lock()
		out[i] = Outage(p.acks, from, to)
		p.mu.Unlock()
	}
	return out
}

// Forget forgets all acknowledgements but each partition's last, and returns the
// records' failures since it was last called: those that the producers did not get
// over.
func (s *Set) Forget() []error {
	var all []error
	for _, p := range s.parts {
		p.mu.Lock()
		all = append(all, p.errs...)
		p.errs = nil
		if n := len(p.acks); n > 1 {
			p.acks = append(p.acks[:0], p.acks[n-1])
		}
		p.mu.Unlock()
	}
	return all
}
