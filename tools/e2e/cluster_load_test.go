package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// load produces numbered records, acks=all and idempotent, until it is stopped,
// and knows which were acknowledged.
type load struct {
	t     *testing.T
	topic string
	stop  func()

	mu      sync.Mutex
	sent    int
	acked   map[string]bool
	failed  []error
	slowest time.Duration // from sending to the acknowledgement
}

// startLoad begins to produce, a record every two milliseconds.
func startLoad(c *cluster, topic string, opts ...kgo.Opt) *load {
	c.t.Helper()
	l := &load{t: c.t, topic: topic, acked: map[string]bool{}}
	cl := c.client(append([]kgo.Opt{
		kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
	}, opts...)...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.run(ctx, cl) })
	l.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		flush, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(c.t, cl.Flush(flush))
		cl.Close()
	})
	c.t.Cleanup(l.stop)
	return l
}

func (l *load) run(ctx context.Context, cl *kgo.Client) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		value, began := fmt.Sprintf("%s-%06d", l.topic, i), time.Now()
		l.mu.Lock()
		l.sent++
		l.mu.Unlock()
		cl.Produce(context.Background(), kgo.StringRecord(value), func(r *kgo.Record, err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if err != nil {
				l.failed = append(l.failed, err)
				return
			}
			l.acked[value] = true
			l.slowest = max(l.slowest, time.Since(began))
		})
	}
}

// count is how many records were acknowledged so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// goesOn waits until so many more records are acknowledged.
func (l *load) goesOn(n int) {
	l.t.Helper()
	from := l.count()
	require.Eventually(l.t, func() bool { return l.count() >= from+n }, patience, 5*time.Millisecond, "producing stands still")
}

// slowestSince tells the longest that a record has waited since it was last
// asked.
func (l *load) slowestSince() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	slowest := l.slowest
	l.slowest = 0
	return slowest
}

// finish stops producing, reads everything, and holds it against what was
// acknowledged: each record once, in order within its partition.
func (l *load) finish(c *cluster) {
	l.t.Helper()
	l.stop()
	require.Empty(l.t, l.failed)
	require.Len(l.t, l.acked, l.sent)
	cl := c.client(kgo.ConsumeTopics(l.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	seen, last := map[string]bool{}, map[int32]string{}
	for len(seen) < len(l.acked) {
		fetches := cl.PollFetches(ctx)
		require.NoError(l.t, ctx.Err(), "read %d of %d records", len(seen), len(l.acked))
		fetches.EachRecord(func(r *kgo.Record) {
			value := string(r.Value)
			require.False(l.t, seen[value], "twice: %s", value)
			require.Less(l.t, last[r.Partition], value, "out of order")
			seen[value], last[r.Partition] = true, value
		})
	}
	for value := range l.acked {
		require.True(l.t, seen[value], "lost: %s", value)
	}
}
