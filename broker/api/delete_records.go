package api

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// What only DeleteRecords refuses.
var errNotDeletable = errors.New("cleanup.policy of the topic does not allow deletion")

// deleteRecords answers DeleteRecords (21): it moves the start of logs forward
// (KIP-107). Offset -1 is the high watermark. The records are gone for readers
// at once; the files go with the next retention.
//
//	v2  flexible
func (a *API) deleteRecords(_ context.Context, _ *server.Request, q *kmsg.DeleteRecordsRequest) (*kmsg.DeleteRecordsResponse, error) {
	out := kmsg.NewPtrDeleteRecordsResponse()
	for i := range q.Topics {
		t := &q.Topics[i]
		row := kmsg.NewDeleteRecordsResponseTopic()
		row.Topic = t.Topic
		for _, p := range t.Partitions {
			cell := kmsg.NewDeleteRecordsResponseTopicPartition()
			cell.Partition = p.Partition
			low, err := a.deleteUpTo(t.Topic, p.Partition, p.Offset)
			cell.LowWatermark, cell.ErrorCode = low, codeOf(err)
			row.Partitions = append(row.Partitions, cell)
		}
		out.Topics = append(out.Topics, row)
	}
	return out, nil
}

// deleteUpTo returns the new start of the log, -1 with an error.
func (a *API) deleteUpTo(name string, index int32, offset int64) (int64, error) {
	replica, err := a.find([]byte(name), noID, index)
	if err != nil {
		return -1, err
	}
	if isInternal([]byte(name)) {
		return -1, errInternalTopic
	}
	leader, err := replica.Leader(-1)
	if err != nil {
		return -1, err
	}
	if !leader.Log().Config().Delete {
		return -1, errNotDeletable
	}
	return leader.DeleteRecords(offset)
}
