// Package load has the clients of a chaos run: they write, read, subscribe and
// commit without end, are thrown away now and then, and write down what they did
// and saw.
//
//	senders   idempotent ones (franz-go, librdkafka), one with acks=1, and one
//	          that tries once, so that some records certainly fail
//	readers   assign every partition to themselves and read it all
//	groups    members subscribe and commit what they were given
//	watcher   asks where logs end and what groups have committed
//
// A record carries its value and a checksum: eight bytes value, filling, four
// bytes CRC-32 of what is before.
package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/tools/chaos/history"
)

// Key is a partition.
type Key struct {
	Topic     string
	Partition int32
}

// String is "topic-partition".
func (k Key) String() string { return fmt.Sprintf("%s-%d", k.Topic, k.Partition) }

// Options say whom to load, and how much.
type Options struct {
	Bootstrap []string
	Keys      []Key
	// Rate is how many records all senders together try to write in a second.
	Rate int
	// Librdkafka is the version of the library that Python has.
	Librdkafka string
	// Python is an interpreter that has confluent_kafka; empty leaves librdkafka
	// out.
	Python string
	// Life is how long a client lives on average before it is thrown away.
	Life time.Duration
	// Patience is how long a worker may take to end when it is told; 0 is 20 s.
	Patience time.Duration
	// Seed decides on the lengths of lives and records.
	Seed uint64
	// History is where everything is written down.
	History *history.Writer
}

// Load is the clients of a run.
type Load struct {
	o       Options
	index   map[Key]int32
	process atomic.Int32 // the last process
	acked   atomic.Int64

	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

// New prepares clients.
func New(o Options) *Load {
	if o.Patience == 0 {
		o.Patience = 20 * time.Second
	}
	l := &Load{o: o, index: map[Key]int32{}, rng: rand.New(rand.NewPCG(o.Seed, 1))}
	for i, k := range o.Keys {
		l.index[k] = int32(i)
	}
	return l
}

// Acked is how many records have been acknowledged so far.
func (l *Load) Acked() int64 { return l.acked.Load() }

// Names of the groups.
const (
	groupGo   = "group-franz-go"
	groupRd   = "group-librdkafka"
	perLaunch = 20 // records that one process may have under way per partition
)

// Run runs all clients until ctx ends, and waits for them.
func (l *Load) Run(ctx context.Context) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	forever := func(what string, life func(context.Context) error) {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := l.live(ctx, life); err != nil && ctx.Err() == nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("load: %s: %w", what, err))
					mu.Unlock()
					return
				}
			}
		})
	}
	for _, s := range senders {
		forever("sender", func(ctx context.Context) error { return l.send(ctx, s) })
	}
	forever("sender that tries once", l.once)
	for range 2 {
		at := make([]int64, len(l.o.Keys)) // where the next life goes on
		forever("reader", func(ctx context.Context) error { return l.read(ctx, at) })
	}
	for range 3 {
		forever("member", l.member)
	}
	if l.o.Python != "" {
		forever("librdkafka sender", func(ctx context.Context) error { return l.python(ctx, "send") })
		for range 2 {
			forever("librdkafka member", func(ctx context.Context) error { return l.python(ctx, "member") })
		}
	}
	all.Go(func() { l.watch(ctx) })
	all.Wait()
	return errors.Join(errs...)
}

// live runs one life of a client.
func (l *Load) live(ctx context.Context, life func(context.Context) error) error {
	ctx, end := context.WithTimeout(ctx, l.o.Life/2+time.Duration(l.random(int64(l.o.Life))))
	defer end()
	return life(ctx)
}

func (l *Load) random(n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.Int64N(n)
}

// begin gives a new client its number.
func (l *Load) begin(c history.Client) int32 {
	p := l.process.Add(1)
	l.o.History.Add(history.Event{Process: p, Type: history.OK, Op: history.Process, Client: &c})
	return p
}

// client makes a franz-go client that notices soon when a broker is gone.
func (l *Load) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(l.o.Bootstrap...),
		kgo.DialTimeout(time.Second),
		kgo.RequestTimeoutOverhead(time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}, opts...)...)
}

// topics are the names of all topics.
func (l *Load) topics() []string {
	seen := map[string]bool{}
	var out []string
	for _, k := range l.o.Keys {
		if !seen[k.Topic] {
			seen[k.Topic] = true
			out = append(out, k.Topic)
		}
	}
	return out
}

// encode makes a record's body of at least 12 bytes.
func encode(value int64, size int) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(value))
	for len(b) < size-4 {
		b = append(b, byte(value)+byte(len(b)))
	}
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// decode is a body's value, 0 when it is not whole.
func decode(b []byte) int64 {
	if n := len(b) - 4; n < 8 || crc32.ChecksumIEEE(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}
