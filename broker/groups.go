package broker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/shard"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/image"
)

// groupsLog is __consumer_offsets as the coordinator sees it.
type groupsLog struct {
	partitions *partition.Set
	image      func() *image.Image
	config     *config.Store
}

// Partitions is how many partitions the topic has, or will have.
func (g groupsLog) Partitions() int32 {
	if t := g.image().Topic(coordinator.Topic); t != nil {
		return int32(len(t.Partitions))
	}
	return int32(g.config.Int("offsets.topic.num.partitions"))
}

// Lead gives the partition that this broker leads at the epoch.
func (g groupsLog) Lead(index, epoch int32) (shard.Log, error) {
	r, err := g.partitions.Get(checkpoint.Partition{Topic: coordinator.Topic, Index: index})
	if err != nil {
		return nil, shardError(err)
	}
	l, err := r.Leader(epoch)
	if err != nil {
		return nil, shardError(err)
	}
	return ledLog{l, g.config}, nil
}

// ledLog is one partition of __consumer_offsets, led here.
type ledLog struct {
	leader *partition.Leader
	config *config.Store
}

// Append writes one batch.
func (l ledLog) Append(batch []byte) (int64, error) {
	done, err := l.leader.Append(batch, partition.AppendOptions{
		ProduceVersion: coordinatorProduceVersion,
		Acks:           -1,
		Origin:         log.Coordinator,
	})
	return done.Committed, shardError(err)
}

// coordinatorProduceVersion is the version of Produce whose rules the
// coordinator's own batches follow.
const coordinatorProduceVersion = 11

// Wait returns when everything below end is committed. That in-sync replicas are
// missing by then takes nothing from it: the high watermark has not moved
// without enough of them. So offsets can be read meanwhile.
func (l ledLog) Wait(ctx context.Context, end int64) error {
	err := l.leader.Wait(ctx, end)
	if errors.Is(err, partition.ErrNotEnoughReplicasAfterAppend) {
		return nil
	}
	return shardError(err)
}

// Led says whether this broker still leads the partition, and its disk works. An
// epoch that has risen meanwhile is no end of it.
func (l ledLog) Led() bool {
	_, err := l.leader.Settled(-1, 0)
	return err == nil || errors.Is(err, partition.ErrNotEnoughReplicasAfterAppend)
}

// Read hands the whole log over.
func (l ledLog) Read(ctx context.Context, visit func(batches []byte) error) error {
	data := l.leader.Log()
	piece := l.config.Int("offsets.load.buffer.size")
	var buf []byte
	for at := data.StartOffset(); at < data.EndOffset(); {
		if err := errors.Join(ctx.Err(), l.leader.Alive()); err != nil {
			return shardError(err)
		}
		s, err := data.Read(log.ReadRequest{Offset: at, UpTo: data.EndOffset(), MaxBytes: piece, MinOne: true})
		if errors.Is(err, log.ErrOffsetOutOfRange) && at < data.StartOffset() {
			at = data.StartOffset() // retention moved the start meanwhile
			continue
		}
		if err != nil {
			return shardError(err)
		}
		buf, err = s.Bytes(buf[:0])
		s.Release()
		if err != nil {
			return shardError(err)
		}
		whole, next := wholeBatches(buf, at)
		if next == at {
			return fmt.Errorf("%s: no batch at offset %d: %w", data.Dir(), at, io.ErrUnexpectedEOF)
		}
		if err := visit(whole); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// shardError says in the coordinator's words what a partition refused.
func shardError(err error) error {
	say := func(kind error) error { return fmt.Errorf("%w: %w", kind, err) }
	var io *log.IOError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, partition.ErrNotLeader), errors.Is(err, partition.ErrFencedEpoch), errors.Is(err, partition.ErrUnknownEpoch),
		errors.Is(err, partition.ErrOffline), errors.Is(err, dir.ErrOffline), errors.Is(err, log.ErrClosed),
		errors.Is(err, log.ErrNoSpace), errors.As(err, &io):
		return say(shard.ErrNotLeader)
	case errors.Is(err, partition.ErrUnknown), errors.Is(err, partition.ErrNotEnoughReplicas),
		errors.Is(err, partition.ErrNotEnoughReplicasAfterAppend):
		return say(shard.ErrUnavailable)
	case errors.Is(err, log.ErrSetTooLarge), isTooLarge(err):
		return say(shard.ErrTooLarge)
	case errors.Is(err, context.DeadlineExceeded):
		return say(shard.ErrTimedOut)
	}
	return err
}
