package load

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

// sender is a kind of producer.
type sender struct {
	client history.Client
	opts   []kgo.Opt
	// share of the rate, in eighths.
	share int
}

var senders = []sender{
	{client: history.Client{Acks: "all", Idempotent: true}, share: 2},
	{client: history.Client{Acks: "all", Idempotent: true, Text: "lz4, large batches"}, share: 2,
		opts: []kgo.Opt{kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(20 * time.Millisecond)}},
	{client: history.Client{Acks: "1"}, share: 1,
		opts: []kgo.Opt{kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck())}},
}

// send is one life of a producer: it writes to every partition at its pace, with
// a bounded number of records under way in each, and in the end either waits for
// its records or is thrown away with them.
func (l *Load) send(ctx context.Context, s sender) error {
	c := s.client
	c.Library = "franz-go"
	cl, err := l.client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProduceRequestTimeout(2 * time.Second)}, s.opts...)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	p := &producer{l: l, cl: cl, process: l.begin(c), under: make([]atomic.Int32, len(l.o.Keys))}
	tick := time.NewTicker(8 * time.Second * time.Duration(len(l.o.Keys)) / time.Duration(l.o.Rate*s.share))
	defer tick.Stop()
	for n := int64(1); ; {
		select {
		case <-ctx.Done():
			if l.random(2) == 0 {
				flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
				defer cancel()
				if err := cl.Flush(flush); err != nil {
					return nil // what is left is unknown, and written down so
				}
			}
			return nil
		case <-tick.C:
		}
		for key := range l.o.Keys {
			if p.under[key].Load() < perLaunch {
				p.one(int32(key), n)
				n++
			}
		}
	}
}

// producer is a living one.
type producer struct {
	l       *Load
	cl      *kgo.Client
	process int32
	under   []atomic.Int32 // records under way by key
}

// one sends a record. The client gets a context without end: records end with
// their answer or with the client.
func (p *producer) one(key int32, n int64) {
	w, k, v := p.l.o.History, p.l.o.Keys[key], check.Value(p.process, n)
	p.under[key].Add(1)
	w.Add(history.Event{Process: p.process, Type: history.Invoke, Op: history.Send, Key: key, Value: v})
	size := 32 + int(p.l.random(200))
	p.cl.Produce(context.Background(), &kgo.Record{Topic: k.Topic, Partition: k.Partition, Value: encode(v, size)}, func(r *kgo.Record, err error) {
		p.under[key].Add(-1)
		e := history.Event{Process: p.process, Type: history.OK, Op: history.Send, Key: key, Value: v, Offset: r.Offset}
		if err != nil {
			// A client that sends again cannot know whether an earlier attempt was
			// appended.
			e.Type, e.Offset, e.Text = history.Info, 0, err.Error()
		} else {
			p.l.acked.Add(1)
		}
		w.Add(e)
	})
}
