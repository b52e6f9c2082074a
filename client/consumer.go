package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Start says where a consumer begins on a partition for which its group has no
// committed offset, or where it reads without a group.
type Start struct {
	offset kgo.Offset
	// afterMs is the wanted time in ms since the epoch, -1 for other kinds.
	afterMs int64
	// resolve tells the beginning in a partition that holds offsets start to
	// end; unused for a time.
	resolve func(start, end int64) int64
}

// FromBeginning starts at the first record that is kept.
func FromBeginning() Start {
	return Start{kgo.NewOffset().AtStart(), -1, func(start, _ int64) int64 { return start }}
}

// FromEnd starts at records appended after the consumer came.
func FromEnd() Start {
	return Start{kgo.NewOffset().AtEnd(), -1, func(_, end int64) int64 { return end }}
}

// FromLast starts n records before the end of each partition.
func FromLast(n int64) Start {
	return Start{kgo.NewOffset().AtEnd().Relative(-n), -1, func(_, end int64) int64 { return end - n }}
}

// FromOffset starts at an offset of each partition.
func FromOffset(offset int64) Start {
	return Start{kgo.NewOffset().At(offset), -1, func(_, _ int64) int64 { return offset }}
}

// FromTime starts at the first record whose timestamp is t or later.
func FromTime(t time.Time) Start {
	return Start{kgo.NewOffset().AfterMilli(t.UnixMilli()), t.UnixMilli(), nil}
}

// ConsumerOptions are a consumer's settings.
type ConsumerOptions struct {
	Topics []string
	// Group makes the consumer a member of that group; empty reads every
	// partition by itself and commits nothing.
	Group string
	// InstanceID makes the member static (KIP-345); empty means dynamic.
	InstanceID string
	// Partitions limits a consumer without a group to these partitions of
	// every topic; nil means all.
	Partitions []int32
	// Start is where to begin; the zero value means [FromBeginning].
	Start *Start
	// ReadCommitted leaves out records of aborted and open transactions.
	ReadCommitted bool
}

// Consumer reads records. Poll and Commit are called by one goroutine.
type Consumer struct {
	config Config
	kgo    *kgo.Client
}

// NewConsumer returns a consumer. It does not connect before the first poll.
func NewConsumer(c Config, o ConsumerOptions) (*Consumer, error) {
	if len(o.Topics) == 0 {
		return nil, errors.New("a consumer needs at least one topic")
	}
	if o.Group != "" && len(o.Partitions) > 0 {
		return nil, errors.New("a member of a group gets its partitions from the group: leave out either the group or the partitions")
	}
	cl, err := kgo.NewClient(append(c.options(), o.wire()...)...)
	if err != nil {
		return nil, c.wrap("make a consumer", err)
	}
	return &Consumer{config: c, kgo: cl}, nil
}

// wire returns o as franz-go options.
func (o ConsumerOptions) wire() []kgo.Opt {
	start := FromBeginning()
	if o.Start != nil {
		start = *o.Start
	}
	opts := []kgo.Opt{kgo.ConsumeResetOffset(start.offset), kgo.KeepControlRecords()}
	if o.ReadCommitted {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	if len(o.Partitions) > 0 {
		assigned := make(map[string]map[int32]kgo.Offset, len(o.Topics))
		for _, topic := range o.Topics {
			assigned[topic] = make(map[int32]kgo.Offset, len(o.Partitions))
			for _, p := range o.Partitions {
				assigned[topic][p] = start.offset
			}
		}
		return append(opts, kgo.ConsumePartitions(assigned))
	}
	opts = append(opts, kgo.ConsumeTopics(o.Topics...))
	if o.Group != "" {
		opts = append(opts, kgo.ConsumerGroup(o.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
		if o.InstanceID != "" {
			opts = append(opts, kgo.InstanceID(o.InstanceID))
		}
	}
	return opts
}

// Batch is what one poll brought.
type Batch struct {
	Records []Record
	// Ends holds, for every partition in the batch, the offset that follows
	// the last record (or marker) read and the partition's high watermark.
	Ends []PartitionEnd
}

// PartitionEnd says how far a consumer is in one partition.
type PartitionEnd struct {
	Topic         string
	Partition     int32
	Next          int64 // offset to read next
	HighWatermark int64 // offset after the last committed record
}

// Poll waits for records, at most as long as ctx allows. Transaction markers
// move the position but are not returned. Between two polls a group does not
// take partitions away, so what was polled can be committed.
func (c *Consumer) Poll(ctx context.Context) (Batch, error) {
	c.kgo.AllowRebalance()
	fetches := c.kgo.PollFetches(ctx)
	if fetches.IsClientClosed() {
		return Batch{}, errors.New("the consumer is closed")
	}
	for _, e := range fetches.Errors() {
		return Batch{}, c.config.wrap(fmt.Sprintf("consume topic %q", e.Topic), e.Err)
	}
	var b Batch
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, k := range p.Records {
			if !k.Attrs.IsControl() {
				b.Records = append(b.Records, fromWire(k))
			}
		}
		if n := len(p.Records); n > 0 {
			b.Ends = append(b.Ends, PartitionEnd{
				Topic: p.Topic, Partition: p.Partition, Next: p.Records[n-1].Offset + 1, HighWatermark: p.HighWatermark,
			})
		}
	})
	return b, nil
}

// Commit commits, for the group, the position after everything polled so far.
func (c *Consumer) Commit(ctx context.Context) error {
	return c.config.wrap("commit offsets", c.kgo.CommitUncommittedOffsets(ctx))
}

// CommitRecords commits, for the group, the position after each of records; of
// several records of one partition the last counts.
func (c *Consumer) CommitRecords(ctx context.Context, records ...Record) error {
	wire := make([]*kgo.Record, len(records))
	for i, r := range records {
		wire[i] = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, LeaderEpoch: r.LeaderEpoch}
	}
	return c.config.wrap("commit offsets", c.kgo.CommitRecords(ctx, wire...))
}

// Close leaves the group and disconnects.
func (c *Consumer) Close() { c.kgo.CloseAllowingRebalance() }
