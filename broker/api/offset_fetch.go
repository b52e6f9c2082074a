package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/controller"
)

// offsetFetch answers OffsetFetch (9): what a group has committed.
//
//	v0  what OffsetCommit v0 has stored in the tree
//	v1  from __consumer_offsets
//	v2  no topics (null) means all; an error of the group is told once
//	v3  throttle time
//	v5  leader epoch of the last record read (KIP-320)
//	v6  flexible
//	v7  only offsets that no open transaction can change (KIP-447)
//	v8  several groups (KIP-709)
//	v9  member and epoch for groups of KIP-848; others do not look at them
//
// What was never committed has the offset -1 and no error; in version 0 it is
// UNKNOWN_TOPIC_OR_PARTITION.
func (a *API) offsetFetch(ctx context.Context, r *server.Request, q *kmsg.OffsetFetchRequest) (*kmsg.OffsetFetchResponse, error) {
	if r.Version > 0 {
		return a.Groups.OffsetFetch(ctx, q), nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.Config.Duration("request.timeout.ms")) // the tree may be away
	defer cancel()
	out := kmsg.NewPtrOffsetFetchResponse()
	for i := range q.Topics {
		t := kmsg.NewOffsetFetchResponseTopic()
		t.Topic = q.Topics[i].Topic
		for _, index := range q.Topics[i].Partitions {
			t.Partitions = append(t.Partitions, a.fetchFromTree(ctx, controller.ConsumerPartition{Group: q.Group, Topic: t.Topic, Partition: index}))
		}
		out.Topics = append(out.Topics, t)
	}
	return out, nil
}

// fetchFromTree finds what OffsetCommit v0 has stored.
func (a *API) fetchFromTree(ctx context.Context, at controller.ConsumerPartition) kmsg.OffsetFetchResponseTopicPartition {
	none := ""
	row := kmsg.NewOffsetFetchResponseTopicPartition()
	row.Partition, row.Offset, row.Metadata = at.Partition, -1, &none
	if a.Image().Topic(at.Topic) == nil {
		row.ErrorCode = kerr.UnknownTopicOrPartition.Code
		return row
	}
	offset, ok, err := a.Controller.ConsumerOffset(ctx, at)
	switch {
	case err != nil:
		row.ErrorCode = codeOf(err)
	case !ok:
		row.ErrorCode = kerr.UnknownTopicOrPartition.Code
	default:
		row.Offset = offset
	}
	return row
}
