package client

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Span is what a consumer that begins now has to read of one partition:
// offsets From to End, End not included.
type Span struct{ From, End int64 }

// Spans tells, for each partition that o would read, where it begins and where
// the partition ends now. With a group, it begins at the committed offset where
// there is one.
func (a *Admin) Spans(ctx context.Context, o ConsumerOptions) (map[TopicPartition]Span, error) {
	op := fmt.Sprintf("look up offsets of %q", o.Topics)
	starts, err := a.kadm.ListStartOffsets(ctx, o.Topics...)
	if err != nil {
		return nil, a.config.wrap(op, err)
	}
	ends, err := a.kadm.ListEndOffsets(ctx, o.Topics...)
	if err != nil {
		return nil, a.config.wrap(op, err)
	}
	var committed kadm.OffsetResponses
	if o.Group != "" {
		err = coordinated(ctx, func() error {
			committed, err = a.kadm.FetchOffsets(ctx, o.Group)
			return err
		})
		if err != nil {
			return nil, a.config.wrap(op, err)
		}
	}
	spans := make(map[TopicPartition]Span)
	var failed error
	ends.Each(func(end kadm.ListedOffset) {
		start, ok := starts.Lookup(end.Topic, end.Partition)
		if failed == nil && end.Err != nil {
			failed = end.Err
		}
		if !ok || end.Err != nil || !o.reads(end.Partition) {
			return
		}
		span := Span{From: start.Offset, End: end.Offset}
		if c, ok := committed.Lookup(end.Topic, end.Partition); ok && c.At >= 0 {
			span.From = c.At
		} else {
			span.From = o.begin(start.Offset, end.Offset)
		}
		spans[TopicPartition{end.Topic, end.Partition}] = span
	})
	if failed != nil {
		return nil, a.config.wrap(op, failed)
	}
	if o.Start != nil && o.Start.afterMs >= 0 {
		err = a.afterTime(ctx, o, spans, committed)
	}
	return spans, a.config.wrap(op, err)
}

// reads tells whether o reads partition p.
func (o ConsumerOptions) reads(p int32) bool {
	for _, q := range o.Partitions {
		if p == q {
			return true
		}
	}
	return len(o.Partitions) == 0
}

// begin is where o begins in a partition that holds offsets start to end, for
// every kind of start but a time.
func (o ConsumerOptions) begin(start, end int64) int64 {
	if o.Start == nil {
		return start
	}
	if o.Start.resolve == nil {
		return start
	}
	return max(o.Start.resolve(start, end), start)
}

// afterTime moves the beginning of each span without a committed offset to the
// first record at or after the wanted time.
func (a *Admin) afterTime(ctx context.Context, o ConsumerOptions, spans map[TopicPartition]Span, committed kadm.OffsetResponses) error {
	at, err := a.kadm.ListOffsetsAfterMilli(ctx, o.Start.afterMs, o.Topics...)
	if err != nil {
		return err
	}
	for tp, span := range spans {
		if c, ok := committed.Lookup(tp.Topic, tp.Partition); ok && c.At >= 0 {
			continue
		}
		if l, ok := at.Lookup(tp.Topic, tp.Partition); ok && l.Err == nil {
			span.From = l.Offset
			spans[tp] = span
		}
	}
	return nil
}
