package client

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Acks says when a produced record counts as written.
type Acks int

// The values of [ProducerOptions.Acks].
const (
	AcksAll    Acks = iota // by every in-sync replica; the default
	AcksLeader             // by the leader
	AcksNone               // as soon as it is sent; nothing is reported back
)

// ProducerOptions are a producer's settings. The zero value is an idempotent
// producer with acks=all, hash partitioning by key and no compression.
type ProducerOptions struct {
	Acks Acks
	// Compression is none, gzip, snappy, lz4 or zstd. Empty means none.
	Compression string
	// Linger is how long a batch may wait for more records.
	Linger time.Duration
	// BatchBytes is the largest batch, before compression. Zero means 1 MB,
	// the default of a topic's max.message.bytes.
	BatchBytes int32
	// ManualPartition sends each record to Record.Partition instead of
	// choosing by key.
	ManualPartition bool
	// Timeout bounds how long a record may take in all. Zero means for ever:
	// no record is given up while the broker is away.
	Timeout time.Duration
	// AutoCreate lets the broker make a missing topic, where it is
	// configured to.
	AutoCreate bool
}

// Producer sends records. It is safe for concurrent use.
type Producer struct {
	config Config
	kgo    *kgo.Client
}

// NewProducer returns a producer. It does not connect before the first send.
func NewProducer(c Config, o ProducerOptions) (*Producer, error) {
	opts, err := o.wire()
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(c.options(), opts...)...)
	if err != nil {
		return nil, c.wrap("make a producer", err)
	}
	return &Producer{config: c, kgo: cl}, nil
}

// wire returns o as franz-go options.
func (o ProducerOptions) wire() ([]kgo.Opt, error) {
	codec, err := codec(o.Compression)
	if err != nil {
		return nil, err
	}
	opts := []kgo.Opt{kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(o.Linger)}
	switch o.Acks {
	case AcksLeader:
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	case AcksNone:
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(5))
	}
	if o.BatchBytes > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(o.BatchBytes))
	}
	if o.ManualPartition {
		opts = append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	if o.Timeout > 0 {
		opts = append(opts, kgo.RecordDeliveryTimeout(o.Timeout))
	}
	if o.AutoCreate {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	return opts, nil
}

// codec returns franz-go's codec of that name.
func codec(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "", "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.NoCompression(), fmt.Errorf("compression %q is unknown: choose none, gzip, snappy, lz4 or zstd", name)
}

// Send sends r and waits until it is written; it returns r as written, with
// its partition, offset and timestamp.
func (p *Producer) Send(ctx context.Context, r Record) (Record, error) {
	written, err := p.kgo.ProduceSync(ctx, r.toWire()).First()
	if err != nil {
		return Record{}, p.config.wrap(fmt.Sprintf("produce to topic %q", r.Topic), err)
	}
	return fromWire(written), nil
}

// SendAsync sends r in the background and then calls done, if it is not nil,
// with r as written or the error. It blocks while the buffer is full.
func (p *Producer) SendAsync(ctx context.Context, r Record, done func(Record, error)) {
	p.kgo.Produce(ctx, r.toWire(), func(k *kgo.Record, err error) {
		if done == nil {
			return
		}
		if err != nil {
			done(r, p.config.wrap(fmt.Sprintf("produce to topic %q", r.Topic), err))
			return
		}
		done(fromWire(k), nil)
	})
}

// Flush waits until everything sent so far is written or has failed.
func (p *Producer) Flush(ctx context.Context) error {
	return p.config.wrap("flush", p.kgo.Flush(ctx))
}

// Close flushes, as long as ctx allows, and disconnects.
func (p *Producer) Close(ctx context.Context) error {
	err := p.Flush(ctx)
	p.kgo.Close()
	return err
}
