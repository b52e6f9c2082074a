package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// offsetDelete answers OffsetDelete (47): a group forgets what it has committed,
// for partitions that exist and of topics that none of its members reads
// (KIP-496).
func (a *API) offsetDelete(ctx context.Context, _ *server.Request, q *kmsg.OffsetDeleteRequest) (*kmsg.OffsetDeleteResponse, error) {
	im := a.Image()
	known := *q
	known.Topics = nil
	for i := range q.Topics {
		t := kmsg.NewOffsetDeleteRequestTopic()
		t.Topic = q.Topics[i].Topic
		for _, p := range q.Topics[i].Partitions {
			if im.Partition(t.Topic, p.Partition) != nil {
				t.Partitions = append(t.Partitions, p)
			}
		}
		if len(t.Partitions) > 0 {
			known.Topics = append(known.Topics, t)
		}
	}
	deleted := a.Groups.OffsetDelete(ctx, &known)
	if deleted.ErrorCode != 0 {
		return deleted, nil
	}
	codes := make(map[string]map[int32]int16)
	for _, t := range deleted.Topics {
		codes[t.Topic] = make(map[int32]int16)
		for _, p := range t.Partitions {
			codes[t.Topic][p.Partition] = p.ErrorCode
		}
	}
	return deletedOffsets(q, codes), nil
}

// deletedOffsets is the answer in the order of the request; what has no code
// does not exist.
func deletedOffsets(q *kmsg.OffsetDeleteRequest, codes map[string]map[int32]int16) *kmsg.OffsetDeleteResponse {
	out := kmsg.NewPtrOffsetDeleteResponse()
	for i := range q.Topics {
		t := kmsg.NewOffsetDeleteResponseTopic()
		t.Topic = q.Topics[i].Topic
		for _, asked := range q.Topics[i].Partitions {
			p := kmsg.NewOffsetDeleteResponseTopicPartition()
			p.Partition = asked.Partition
			code, ok := codes[t.Topic][p.Partition]
			if !ok {
				code = kerr.UnknownTopicOrPartition.Code
			}
			p.ErrorCode = code
			t.Partitions = append(t.Partitions, p)
		}
		out.Topics = append(out.Topics, t)
	}
	return out
}
