// Package throttle measures and bounds the bytes that replication takes, so
// that moving partitions leaves room for the work (KIP-73).
//
//	leader.replication.throttled.rate, follower.replication.throttled.rate
//	        bytes per second of this broker, on its way out and in
//	leader.replication.throttled.replicas, follower.replication.throttled.replicas
//	        of a topic, as partition:broker,... or *: which replicas it holds for
//
// All bytes of listed replicas are counted; whom the bound keeps waiting is the
// caller's to say: nobody who is in sync. The clock is an argument.
package throttle

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Unlimited is the rate that bounds nothing, and the default.
const Unlimited = math.MaxInt64

// Quota is one direction's rate, what it holds for, and what has passed. All
// methods may be called concurrently.
type Quota struct {
	broker int32

	mu     sync.Mutex
	rate   int64 // bytes per second
	meter  Meter
	topics map[string]Replicas
}

// NewQuota returns an unlimited quota of a broker. Its rate is measured over
// that many windows of the given width (replication.quota.window.num and
// replication.quota.window.size.seconds), the present one included.
func NewQuota(broker int32, windows int, width time.Duration) *Quota {
	return &Quota{broker: broker, rate: Unlimited, meter: NewMeter(windows, width), topics: make(map[string]Replicas)}
}

// SetRate sets how many bytes a second may pass.
func (q *Quota) SetRate(bytesPerSecond int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate = bytesPerSecond
}

// SetReplicas says which replicas of a topic the quota holds for.
func (q *Quota) SetReplicas(topic string, r Replicas) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.none() {
		delete(q.topics, topic)
		return
	}
	q.topics[topic] = r
}

// Holds says whether the quota holds for this broker's replica of a partition.
func (q *Quota) Holds(topic string, partition int32) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.topics) > 0 && q.topics[topic].Has(partition, q.broker)
}

// Record counts bytes of a replica that the quota holds for.
func (q *Quota) Record(now time.Time, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.meter.Record(now, int64(bytes))
}

// Exceeded says whether more has passed than the rate allows.
func (q *Quota) Exceeded(now time.Time) bool { return q.Wait(now) > 0 }

// Wait says how long it takes, when nothing more passes, until the rate is kept
// again; 0: it is.
func (q *Quota) Wait(now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rate == Unlimited {
		return 0
	}
	return q.meter.Wait(now, q.rate)
}

// Rate is how many bytes passed per second of late.
func (q *Quota) Rate(now time.Time) float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.meter.Rate(now)
}

// Replicas are the replicas of one topic that a quota holds for.
type Replicas struct {
	all    bool
	listed []replica
}

type replica struct{ partition, broker int32 }

// ParseReplicas reads the value of a topic's throttled.replicas.
func ParseReplicas(value string) (Replicas, error) {
	var r Replicas
	if value = strings.TrimSpace(value); value == "" {
		return r, nil
	}
	if value == "*" {
		return Replicas{all: true}, nil
	}
	for pair := range strings.SplitSeq(value, ",") {
		p, b, ok := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err1 := strconv.ParseInt(p, 10, 32)
		broker, err2 := strconv.ParseInt(b, 10, 32)
		if !ok || err1 != nil || err2 != nil || partition < 0 || broker < 0 {
			return Replicas{}, fmt.Errorf("throttled replicas %q: %q is not partition:broker", value, pair)
		}
		r.listed = append(r.listed, replica{partition: int32(partition), broker: int32(broker)})
	}
	return r, nil
}

// Has says whether a replica is among them.
func (r Replicas) Has(partition, broker int32) bool {
	return r.all || slices.Contains(r.listed, replica{partition: partition, broker: broker})
}

func (r Replicas) none() bool { return !r.all && len(r.listed) == 0 }
