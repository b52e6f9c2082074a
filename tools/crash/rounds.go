package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/tools/spawn"
)

const (
	topic      = "crash"
	partitions = 3
)

// Options say how often to kill and which broker.
type Options struct {
	Rounds  int
	Seed    uint64
	MaxLife time.Duration
	Bin     string
	DataDir string
	// Report, if set, gets a line per round.
	Report func(string)
}

// Report is what a run did.
type Report struct {
	Kills, Acknowledged, Read int
	SlowestStart              time.Duration
}

// runner is a run of rounds: the broker and what is known about its records.
type runner struct {
	o      Options
	rng    *rand.Rand
	listen string
	report Report
	nextID int

	// loading is held for reading by whoever sends a record, and for writing
	// while everything is read back: so the reading comes to an end.
	loading sync.RWMutex

	mu      sync.Mutex // guards history and broken, which producers write
	history *History
	broken  error // the first promise that an acknowledgement broke
}

// Run carries out all rounds; the first broken promise ends it with an error.
// The idempotent producer lives through all of them, so that it sends again
// what a kill left unanswered; plain producers live for one round.
func Run(ctx context.Context, o Options) (Report, error) {
	listen, err := spawn.FreeAddr()
	if err != nil {
		return Report{}, err
	}
	r := &runner{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0)), listen: listen, history: NewHistory()}
	ctx, cancel := context.WithCancel(ctx)
	var idempotent sync.WaitGroup
	defer idempotent.Wait()
	defer cancel()
	for i := range o.Rounds {
		if err := r.round(ctx, i, &idempotent); err != nil {
			return r.report, fmt.Errorf("round %d: %w", i, err)
		}
		if o.Report != nil {
			o.Report(fmt.Sprintf("round %d: %d acknowledged, all there", i, r.report.Acknowledged))
		}
	}
	return r.report, nil
}

// round starts the broker, checks what earlier rounds left, writes, and kills.
func (r *runner) round(ctx context.Context, i int, idempotent *sync.WaitGroup) error {
	began := time.Now()
	startCtx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	b, err := spawn.Start(startCtx, spawn.Options{
		Bin: r.o.Bin, DataDir: r.o.DataDir, Listen: r.listen,
		Set: []string{"log.segment.bytes=1048576", "log.flush.offset.checkpoint.interval.ms=100"},
	})
	if err != nil {
		return err
	}
	r.report.SlowestStart = max(r.report.SlowestStart, time.Since(began))
	if i == 0 {
		if err = r.createTopic(ctx); err == nil {
			err = r.producer(ctx, "idempotent", idempotent, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
		}
	} else {
		r.loading.Lock()
		err = r.check(ctx)
		r.loading.Unlock()
	}
	if err == nil {
		err = r.loadUntilKilled(ctx, b)
	}
	if err = errors.Join(err, b.Kill()); err != nil {
		return fmt.Errorf("%w\nbroker's log:\n%s", err, b.Log())
	}
	r.report.Kills++
	return r.verify(ctx)
}

// createTopic makes the topic that all rounds write to.
func (r *runner) createTopic(ctx context.Context) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.listen))
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, nil, topic)
	return err
}

// loadUntilKilled writes with plain producers, beside the idempotent one, and
// kills the broker at a random instant.
func (r *runner) loadUntilKilled(ctx context.Context, b *spawn.Broker) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var plain sync.WaitGroup
	defer plain.Wait()
	defer stop()
	for range 3 {
		err := r.producer(ctx, "plain", &plain,
			kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.MaxProduceRequestsInflightPerBroker(5))
		if err != nil {
			return err
		}
	}
	life := 20*time.Millisecond + time.Duration(r.rng.Int64N(int64(r.o.MaxLife)))
	select {
	case <-time.After(life):
	case <-b.Done():
		return errors.New("the broker ended by itself")
	}
	err := b.Kill()
	stop()
	plain.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Acknowledged = r.history.Acknowledged()
	return errors.Join(err, r.broken)
}

// producer starts one producer that sends until ctx ends; wg waits for it.
func (r *runner) producer(ctx context.Context, kind string, wg *sync.WaitGroup, opts ...kgo.Opt) error {
	first := r.nextID
	r.nextID += 1 << 24
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(r.listen), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }))...)
	if err != nil {
		return err
	}
	wg.Go(func() {
		defer cl.Close()
		window := make(chan struct{}, 100)
		for id := first; ; id++ {
			select {
			case window <- struct{}{}:
			case <-ctx.Done():
				return
			}
			name := fmt.Sprintf("%s-%d", kind, id)
			r.loading.RLock()
			cl.Produce(ctx, &kgo.Record{Topic: topic, Key: []byte(name), Value: value(name)}, func(k *kgo.Record, err error) {
				<-window
				r.acknowledged(ctx, k, err)
			})
			r.loading.RUnlock()
		}
	})
	return nil
}

// acknowledged notes what became of one record. Only the end of the run, or of
// a plain producer's broker, may fail it.
func (r *runner) acknowledged(ctx context.Context, k *kgo.Record, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		err = r.history.Acknowledge(Place{k.Partition, k.Offset}, string(k.Key))
	case ctx.Err() != nil || !isIdempotent(string(k.Key)):
		return
	default:
		err = fmt.Errorf("%s was refused: %w", k.Key, err)
	}
	if r.broken == nil {
		r.broken = err
	}
}

// isIdempotent tells whose record an id is.
func isIdempotent(id string) bool { return strings.HasPrefix(id, "idempotent") }

// value is the body of the record with that id: it proves itself whole.
func value(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return fmt.Appendf(nil, "%s %x %s", id, sum, strings.Repeat("x", int(sum[0])*4))
}

// check reads everything and holds it against the history.
func (r *runner) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.listen), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	r.mu.Lock()
	promised := r.history.Promised()
	r.mu.Unlock()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if err = errors.Join(err, o.Err); o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	if err != nil {
		return err
	}
	read := map[Place]string{}
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read back, %v left: %w", left, err)
		}
		fetches.EachRecord(func(k *kgo.Record) {
			err = errors.Join(err, keep(read, k))
			if k.Offset+1 >= left[k.Partition] {
				delete(left, k.Partition)
			}
		})
		if err != nil {
			return err
		}
	}
	r.report.Read = len(read)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.CheckRead(read, promised, isIdempotent)
}

// keep puts k into read, unless it is torn or its place is taken.
func keep(read map[Place]string, k *kgo.Record) error {
	p, id := Place{k.Partition, k.Offset}, string(k.Key)
	if string(k.Value) != string(value(id)) {
		return fmt.Errorf("torn: %s at %v does not hold what was sent", id, p)
	}
	if was, ok := read[p]; ok {
		return fmt.Errorf("%v was read twice in one pass: %s and %s", p, was, id)
	}
	read[p] = id
	return nil
}

// verify runs `leat log verify` on the data directory as the kill left it.
func (r *runner) verify(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, r.o.Bin, "log", "verify", r.o.DataDir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("leat log verify: %w\n%s", err, out)
	}
	return nil
}
