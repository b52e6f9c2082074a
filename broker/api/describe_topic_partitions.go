package api

import (
	"context"
	"slices"
	"sort"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// describeTopicPartitions answers DescribeTopicPartitions (75): Metadata's
// topics a page at a time, sorted by name (KIP-966). Kafka offers it only
// without ZooKeeper; its newer clients describe topics with it where it is
// offered. Which replicas may be elected beyond the in-sync ones is not kept:
// those lists are empty.
func (a *API) describeTopicPartitions(_ context.Context, r *server.Request, q *kmsg.DescribeTopicPartitionsRequest) (*kmsg.DescribeTopicPartitionsResponse, error) {
	out := kmsg.NewPtrDescribeTopicPartitionsResponse()
	im := a.Image()
	call := metadataCall{version: 12, im: im, conn: r.Conn}
	call.findLive(a)
	names := pagedNames(im, q)
	left := min(int(q.ResponsePartitionLimit), a.Config.Int("max.request.partition.size.limit"))
	for i, name := range names {
		first := 0
		if i == 0 && q.Cursor != nil && q.Cursor.Topic == name {
			first = max(int(q.Cursor.Partition), 0)
		}
		t := im.Topic(name)
		if t == nil {
			out.Topics = append(out.Topics, unknownPage(name))
			continue
		}
		page := call.page(t, first, left)
		left -= len(page.Partitions)
		out.Topics = append(out.Topics, page)
		if next := first + len(page.Partitions); next < len(t.Partitions) {
			out.NextCursor = cursorAt(name, int32(next))
			break
		}
		if left <= 0 && i+1 < len(names) {
			out.NextCursor = cursorAt(names[i+1], 0)
			break
		}
	}
	return out, nil
}

// pagedNames are the topics asked for, or all, sorted, from the cursor on.
func pagedNames(im *image.Image, q *kmsg.DescribeTopicPartitionsRequest) []string {
	var names []string
	for i := range q.Topics {
		names = append(names, q.Topics[i].Topic)
	}
	if len(names) == 0 {
		for _, t := range im.Topics() {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if q.Cursor != nil {
		names = names[sort.SearchStrings(names, q.Cursor.Topic):]
	}
	return names
}

func cursorAt(name string, partition int32) *kmsg.DescribeTopicPartitionsResponseNextCursor {
	c := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	c.Topic, c.Partition = name, partition
	return &c
}

func unknownPage(name string) kmsg.DescribeTopicPartitionsResponseTopic {
	row := kmsg.NewDescribeTopicPartitionsResponseTopic()
	row.Topic, row.ErrorCode = text(name), kerr.UnknownTopicOrPartition.Code
	if topic.Validate(name) != nil {
		row.ErrorCode = kerr.InvalidTopicException.Code
	}
	row.Partitions = []kmsg.DescribeTopicPartitionsResponseTopicPartition{}
	return row
}

// page is the row of a topic with at most limit of its partitions.
func (c *metadataCall) page(t *image.Topic, first, limit int) kmsg.DescribeTopicPartitionsResponseTopic {
	row := kmsg.NewDescribeTopicPartitionsResponseTopic()
	row.Topic, row.TopicID, row.IsInternal, row.AuthorizedOperations = text(t.Name), t.ID, t.Internal, topicOperations
	for i := first; i < len(t.Partitions) && i-first < limit; i++ {
		p := &t.Partitions[i]
		cell := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		cell.ErrorCode, cell.LeaderID = c.leaderOf(p)
		cell.Partition, cell.LeaderEpoch = int32(i), p.LeaderEpoch
		cell.Replicas, cell.ISR = p.Replicas, p.ISR
		cell.EligibleLeaderReplicas, cell.LastKnownELR = []int32{}, []int32{}
		for _, id := range p.Replicas {
			if c.offline(p, id) {
				cell.OfflineReplicas = append(cell.OfflineReplicas, id)
			}
		}
		row.Partitions = append(row.Partitions, cell)
	}
	return row
}
