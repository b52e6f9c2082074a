// Package load is the load generator: it sends batches that were built before, and
// reads answers without decoding more than it must, so that it takes little of the
// machine from the broker that it drives.
//
// Each connection has a topic of its own with one partition, made by the broker when
// first named, and goes to that partition's leader. A producing connection keeps a
// number of requests in flight, a consuming one reads its topic again and again, one
// fetch after the other.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/tools/bench/null"
)

// Workload is what to do to a broker.
type Workload struct {
	// Consume fetches what Fill has produced; otherwise it produces.
	Consume bool
	// Batch is the size of a produced batch, Fetch that of a fetch, bytes.
	Batch, Fetch int
	LZ4          bool
	// Connections, and requests that each has in flight.
	Connections, Inflight int
	// Bytes to move in all, counted without compression.
	Bytes int64
	// FillBytes is how much there is to consume.
	FillBytes int64
	// All waits for all replicas in sync (acks=all) instead of the leader alone.
	All bool
}

// Result is what was done.
type Result struct {
	Bytes, Requests, Records int64
	Took                     time.Duration
}

// Run does the workload once. For a Consume, the topics must be filled.
func Run(ctx context.Context, address string, w Workload) (Result, error) {
	conns, err := w.open(ctx, address)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		for _, c := range conns {
			_ = c.socket.Close()
		}
	}()
	batches, err := w.batches()
	if err != nil {
		return Result{}, err
	}
	share := w.Bytes / int64(len(conns))
	begun := time.Now()
	return each(conns, func(c *conn) (Result, error) {
		if w.Consume {
			return c.consume(w.Fetch, share)
		}
		return c.produce(batches, max(w.Inflight, 1), share)
	}, begun)
}

// Fill produces what is to be consumed.
func Fill(ctx context.Context, address string, w Workload) error {
	w.Consume, w.Bytes = false, w.FillBytes
	_, err := Run(ctx, address, w)
	return err
}

// each runs f for all connections at once and adds up.
func each(conns []*conn, f func(*conn) (Result, error), begun time.Time) (Result, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total Result
		errs  []error
	)
	for _, c := range conns {
		wg.Go(func() {
			r, err := f(c)
			mu.Lock()
			defer mu.Unlock()
			total.Bytes += r.Bytes
			total.Requests += r.Requests
			total.Records += r.Records
			errs = append(errs, err)
		})
	}
	wg.Wait()
	total.Took = time.Since(begun)
	return total, errors.Join(errs...)
}

// batches makes what is produced, a few batches that take turns.
func (w Workload) batches() ([]Batch, error) {
	random := rand.New(rand.NewPCG(1, uint64(w.Batch)))
	batches := make([]Batch, max(2, min(16, (2<<20)/w.Batch)))
	for i := range batches {
		b, err := NewBatch(w.Batch, w.LZ4, random)
		if err != nil {
			return nil, err
		}
		stamp(b.Bytes, uint64(time.Now().UnixMilli()))
		batches[i] = b
	}
	return batches, nil
}

// Topic names the topic of a connection, counted from 0.
func Topic(i int) string { return fmt.Sprintf("bench-%d", i) }

// open connects each connection to the leader of its topic, as soon as there is one.
func (w Workload) open(ctx context.Context, address string) ([]*conn, error) {
	var conns []*conn
	for i := range w.Connections {
		c, err := dial(ctx, address, Topic(i))
		if err != nil {
			return conns, err
		}
		leader, err := c.awaitTopic(ctx)
		if err == nil && leader != address {
			err = c.socket.Close()
			if err == nil {
				c, err = dial(ctx, leader, Topic(i))
			}
		}
		if err != nil {
			return conns, err
		}
		c.all = w.All
		conns = append(conns, c)
	}
	return conns, nil
}

func dial(ctx context.Context, address, topic string) (*conn, error) {
	var d net.Dialer
	socket, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{socket: socket.(*net.TCPConn), topic: topic}, nil
}

// awaitTopic asks for the topic until it is led, and returns where.
func (c *conn) awaitTopic(ctx context.Context) (leader string, err error) {
	for {
		q := kmsg.NewPtrMetadataRequest()
		q.Version = null.MetadataVersion
		q.AllowAutoTopicCreation = true
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(c.topic)
		q.Topics = append(q.Topics, t)
		a, err := c.ask(q)
		if err != nil {
			return "", err
		}
		if leader := leaderOf(a.(*kmsg.MetadataResponse)); leader != "" {
			return leader, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("topic %s gets no leader: %w", c.topic, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// leaderOf is where the only partition of the only topic is led; empty: nowhere.
func leaderOf(m *kmsg.MetadataResponse) string {
	if len(m.Topics) != 1 || m.Topics[0].ErrorCode != 0 || len(m.Topics[0].Partitions) == 0 {
		return ""
	}
	for _, b := range m.Brokers {
		if b.NodeID == m.Topics[0].Partitions[0].Leader {
			return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
		}
	}
	return ""
}
