package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
)

// noID is no topic id: the topic is named.
var noID topic.ID

// offsetForLeaderEpoch answers OffsetForLeaderEpoch (23): where a leader epoch
// ended, so that a consumer can tell whether its log was truncated (KIP-320).
// An epoch that is not known is answered with -1 and offset -1, without error.
//
//	v1  the epoch found, which may be older than the one asked for
//	v2  the leader epoch that the consumer believes to be current
//	v3  replica id
//	v4  flexible
func (a *API) offsetForLeaderEpoch(_ context.Context, r *server.Request, q *kmsg.OffsetForLeaderEpochRequest) (*kmsg.OffsetForLeaderEpochResponse, error) {
	out := kmsg.NewPtrOffsetForLeaderEpochResponse()
	for i := range q.Topics {
		t := &q.Topics[i]
		row := kmsg.NewOffsetForLeaderEpochResponseTopic()
		row.Topic = t.Topic
		for j := range t.Partitions {
			row.Partitions = append(row.Partitions, a.endOfEpoch(t.Topic, &t.Partitions[j], asker{r.Version, q.ReplicaID}))
		}
		out.Topics = append(out.Topics, row)
	}
	return out, nil
}

// asker is who asks, and how.
type asker struct {
	version int16
	replica int32 // -1: a consumer, -2: a debugger, else a follower
}

func (a *API) endOfEpoch(name string, ask *kmsg.OffsetForLeaderEpochRequestTopicPartition, from asker) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	row := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	row.Partition, row.LeaderEpoch, row.EndOffset = ask.Partition, -1, -1
	epoch := int32(-1)
	if from.version >= 2 {
		epoch = ask.CurrentLeaderEpoch
	}
	replica, err := a.find([]byte(name), noID, ask.Partition)
	if err != nil {
		row.ErrorCode = codeOf(err)
		return row
	}
	at, err := standingOf(replica, epoch, from.replica)
	if err != nil {
		row.ErrorCode = codeOf(err)
		return row
	}
	row.LeaderEpoch, row.EndOffset = at.log.EndOffsetForEpoch(ask.LeaderEpoch)
	return row
}
