package coordinator

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

// OffsetCommit answers OffsetCommit from version 1 on, for partitions that exist and that the
// client may read.
func (g *Groups) OffsetCommit(ctx context.Context, req *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	resp := commitResponse(req)
	sh, code := g.enter(req.Group)
	if code != group.None {
		setCommitCodes(resp, code)
		return resp
	}
	l := sh.Machine
	l.readCommit(req)
	l.table.Commit(&l.turn, req.Group, &l.commit)
	l.settle(&sh.Writer)
	some := l.writeCommit(resp)
	end := sh.Writer.End()
	sh.Leave()
	if !some {
		return resp
	}
	if fault := g.committed(ctx, sh, end); fault != group.NoFault {
		setCommitCodes(resp, fault.Committing())
	}
	return resp
}

// readCommit puts the request into l.commit.
func (l *local) readCommit(req *kmsg.OffsetCommitRequest) {
	nowMs := l.turn.Now.UnixMilli()
	expireMs := int64(-1)
	if req.RetentionTimeMillis >= 0 {
		expireMs = nowMs + req.RetentionTimeMillis
	}
	c := &l.commit
	c.MemberID, c.InstanceID, c.Generation = req.MemberID, req.InstanceID, req.Generation
	c.Offsets = c.Offsets[:0]
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			o := group.CommitOffset{
				Partition: group.Partition{Topic: t.Topic, Index: p.Partition},
				Value:     entry.OffsetValue{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, CommitMs: nowMs, ExpireMs: expireMs},
			}
			if p.Metadata != nil {
				o.Value.Metadata = *p.Metadata
			}
			if req.Version == 1 && p.Timestamp != -1 {
				o.Value.CommitMs = p.Timestamp
			}
			c.Offsets = append(c.Offsets, o)
		}
	}
}

// writeCommit puts the codes of l.commit into the answer, and lets the request's memory go. It
// tells whether anything was committed.
func (l *local) writeCommit(resp *kmsg.OffsetCommitResponse) (some bool) {
	offsets := l.commit.Offsets
	for i := range resp.Topics {
		partitions := resp.Topics[i].Partitions
		for j := range partitions {
			partitions[j].ErrorCode = int16(offsets[0].Code)
			some = some || offsets[0].Code == group.None
			offsets = offsets[1:]
		}
	}
	clear(l.commit.Offsets)
	l.commit = group.Commit{Offsets: l.commit.Offsets[:0]}
	if cap(l.commit.Offsets) > keepOffsets {
		l.commit.Offsets = nil
	}
	return some
}

// keepOffsets is how many offsets a shard keeps memory for until the next commit.
const keepOffsets = 256

func commitResponse(req *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Version = req.Version
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		t := &resp.Topics[i]
		t.Topic = req.Topics[i].Topic
		t.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(req.Topics[i].Partitions))
		for j := range t.Partitions {
			t.Partitions[j].Partition = req.Topics[i].Partitions[j].Partition
		}
	}
	return resp
}

// setCommitCodes gives a code to all partitions that have none of their own.
func setCommitCodes(resp *kmsg.OffsetCommitResponse, code group.Code) {
	for i := range resp.Topics {
		partitions := resp.Topics[i].Partitions
		for j := range partitions {
			if partitions[j].ErrorCode == 0 {
				partitions[j].ErrorCode = int16(code)
			}
		}
	}
}
