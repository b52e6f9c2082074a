package api

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/wait"
)

// What only DeleteRecords refuses.
var errNotDeletable = errors.New("cleanup.policy of the topic does not allow deletion")

// deleteRecords answers DeleteRecords (21): it moves the start of logs forward
// (KIP-107). Offset -1 is the high watermark. The records are gone for readers
// at once; the files go with the next retention.
//
//	v2  flexible
func (a *API) deleteRecords(ctx context.Context, _ *server.Request, q *kmsg.DeleteRecordsRequest) (*kmsg.DeleteRecordsResponse, error) {
	out := kmsg.NewPtrDeleteRecordsResponse()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(q.TimeoutMillis, 0))*time.Millisecond)
	defer cancel()
	var started []deletion
	for i := range q.Topics {
		t := &q.Topics[i]
		row := kmsg.NewDeleteRecordsResponseTopic()
		row.Topic = t.Topic
		for _, p := range t.Partitions {
			cell := kmsg.NewDeleteRecordsResponseTopicPartition()
			cell.Partition = p.Partition
			leader, start, err := a.deleteUpTo(t.Topic, p.Partition, p.Offset)
			cell.LowWatermark, cell.ErrorCode = start, codeOf(err)
			if err == nil {
				started = append(started, deletion{leader, start, len(out.Topics), len(row.Partitions)})
			}
			row.Partitions = append(row.Partitions, cell)
		}
		out.Topics = append(out.Topics, row)
	}
	defer a.waits.begin(recordDeletion)()
	for _, d := range started {
		cell := &out.Topics[d.topic].Partitions[d.cell]
		low, err := d.finish(ctx)
		cell.LowWatermark, cell.ErrorCode = low, codeOf(err)
	}
	return out, nil
}

// deletion is done here, and perhaps not yet where the other replicas are.
type deletion struct {
	leader      *partition.Leader
	start       int64 // where all replicas are to start
	topic, cell int   // of the answer
}

// finish waits until all live replicas start behind the records deleted, and
// returns the low watermark. Errors: partition.ErrNotLeader when the leadership
// ends first, ctx's.
func (d *deletion) finish(ctx context.Context) (int64, error) {
	if low := d.leader.LowWatermark(); low >= d.start {
		return low, nil
	}
	woken := make(chan struct{}, 1)
	w := new(wait.Watcher)
	k := &wait.Link{Want: wait.Low, From: d.start}
	w.Watch(d.leader.Replica().Watchers(), k)
	defer w.Unwatch(k)
	for {
		if c := w.Changed(); c != nil {
			w.Seen(c)
		}
		if low := d.leader.LowWatermark(); low >= d.start {
			return low, nil
		}
		if err := d.leader.Alive(); err != nil {
			return -1, err
		}
		if !w.Arm(1, func() { woken <- struct{}{} }) {
			continue
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return -1, ctx.Err()
		}
	}
}

// deleteUpTo returns the new start of the log, -1 with an error.
func (a *API) deleteUpTo(name string, index int32, offset int64) (*partition.Leader, int64, error) {
	replica, err := a.find([]byte(name), noID, index)
	if err != nil {
		return nil, -1, err
	}
	if isInternal([]byte(name)) {
		return nil, -1, errInternalTopic
	}
	leader, err := replica.Leader(-1)
	if err != nil {
		return nil, -1, err
	}
	if !leader.Log().Config().Delete {
		return nil, -1, errNotDeletable
	}
	start, err := leader.DeleteRecords(offset)
	return leader, start, err
}
