package api

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
)

// offsetCommit answers OffsetCommit (8): how far a group has read.
//
//	v0  offsets are kept in the tree under /consumers, as clients of 0.8 expect
//	v1  offsets are kept in __consumer_offsets; member, generation, timestamp
//	v2  how long to keep them, until v4; no timestamp
//	v3  throttle time
//	v6  leader epoch of the last record read (KIP-320)
//	v7  static members (KIP-345)
//	v8  flexible
//	v9  the same for groups of KIP-848
//
// A partition that does not exist is refused by itself; the others are
// committed.
func (a *API) offsetCommit(ctx context.Context, r *server.Request, q *kmsg.OffsetCommitRequest) (*kmsg.OffsetCommitResponse, error) {
	known, refused := knownCommits(a.Image(), q)
	out := kmsg.NewPtrOffsetCommitResponse()
	switch {
	case len(known.Topics) == 0:
	case r.Version == 0:
		a.commitToTree(ctx, known, out)
	default:
		out = a.Groups.OffsetCommit(ctx, known)
	}
	code := kerr.UnknownTopicOrPartition.Code
	if a.uninformed() { // consumers end at the other
		code = kerr.CoordinatorLoadInProgress.Code
	}
	refuseCommits(out, refused, code)
	return out, nil
}

// knownCommits parts a request into what exists, as a request of its own, and
// the rest. Nearly always everything exists.
func knownCommits(im *image.Image, q *kmsg.OffsetCommitRequest) (*kmsg.OffsetCommitRequest, []kmsg.OffsetCommitRequestTopic) {
	if allExist(im, q) {
		return q, nil
	}
	known := *q
	known.Topics = nil
	var refused []kmsg.OffsetCommitRequestTopic
	for i := range q.Topics {
		there, missing := splitCommit(im, &q.Topics[i])
		if len(there.Partitions) > 0 {
			known.Topics = append(known.Topics, there)
		}
		if len(missing.Partitions) > 0 {
			refused = append(refused, missing)
		}
	}
	return &known, refused
}

// allExist tells whether every topic has partitions in the request, and all of
// them exist.
func allExist(im *image.Image, q *kmsg.OffsetCommitRequest) bool {
	for i := range q.Topics {
		t := im.Topic(q.Topics[i].Topic)
		if t == nil || len(q.Topics[i].Partitions) == 0 {
			return false
		}
		for _, p := range q.Topics[i].Partitions {
			if p.Partition < 0 || int(p.Partition) >= len(t.Partitions) {
				return false
			}
		}
	}
	return true
}

// splitCommit parts the partitions of a topic into those that exist and others.
func splitCommit(im *image.Image, t *kmsg.OffsetCommitRequestTopic) (there, missing kmsg.OffsetCommitRequestTopic) {
	there.Topic, missing.Topic = t.Topic, t.Topic
	all := im.Topic(t.Topic)
	for _, p := range t.Partitions {
		if all != nil && p.Partition >= 0 && int(p.Partition) < len(all.Partitions) {
			there.Partitions = append(there.Partitions, p)
		} else {
			missing.Partitions = append(missing.Partitions, p)
		}
	}
	return there, missing
}

// refuseCommits adds the partitions that do not exist to the answer with a code,
// each topic in one place.
func refuseCommits(out *kmsg.OffsetCommitResponse, refused []kmsg.OffsetCommitRequestTopic, code int16) {
	if len(refused) == 0 {
		return
	}
	at := make(map[string]int, len(out.Topics)+len(refused))
	for i := range out.Topics {
		at[out.Topics[i].Topic] = i
	}
	for _, t := range refused {
		i, ok := at[t.Topic]
		if !ok {
			i = len(out.Topics)
			at[t.Topic] = i
			out.Topics = append(out.Topics, kmsg.OffsetCommitResponseTopic{Topic: t.Topic})
		}
		for _, p := range t.Partitions {
			addCommitted(&out.Topics[i], p.Partition, code)
		}
	}
}

func addCommitted(t *kmsg.OffsetCommitResponseTopic, partition int32, code int16) {
	p := kmsg.NewOffsetCommitResponseTopicPartition()
	p.Partition, p.ErrorCode = partition, code
	t.Partitions = append(t.Partitions, p)
}

// commitToTree stores offsets as version 0 does. All of it is bounded by
// request.timeout.ms: the tree may be away.
func (a *API) commitToTree(ctx context.Context, q *kmsg.OffsetCommitRequest, out *kmsg.OffsetCommitResponse) {
	ctx, cancel := context.WithTimeout(ctx, a.Config.Duration("request.timeout.ms"))
	defer cancel()
	for i := range q.Topics {
		t := kmsg.NewOffsetCommitResponseTopic()
		t.Topic = q.Topics[i].Topic
		for _, p := range q.Topics[i].Partitions {
			at := controller.ConsumerPartition{Group: q.Group, Topic: t.Topic, Partition: p.Partition}
			addCommitted(&t, p.Partition, a.commitOneToTree(ctx, at, &p))
		}
		out.Topics = append(out.Topics, t)
	}
}

func (a *API) commitOneToTree(ctx context.Context, at controller.ConsumerPartition, p *kmsg.OffsetCommitRequestTopicPartition) int16 {
	if p.Metadata != nil && len(*p.Metadata) > a.Config.Int("offset.metadata.max.bytes") {
		return kerr.OffsetMetadataTooLarge.Code
	}
	err := a.Controller.SetConsumerOffset(ctx, at, p.Offset)
	if errors.Is(err, tree.ErrBadPath) {
		return kerr.InvalidGroupID.Code
	}
	return codeOf(err)
}
