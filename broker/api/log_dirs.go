package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
)

// describeLogDirs answers DescribeLogDirs (35): the data directories, and how
// much of each the partitions take (KIP-113). Topics null means all; what is
// asked for and not here has no row.
//
//	v2  flexible
//	v3  error of the whole
//	v4  total and free bytes (KIP-827)
func (a *API) describeLogDirs(_ context.Context, _ *server.Request, q *kmsg.DescribeLogDirsRequest) (*kmsg.DescribeLogDirsResponse, error) {
	out := kmsg.NewPtrDescribeLogDirsResponse()
	wanted := wantedPartitions(q)
	for _, d := range a.Dirs.Dirs() {
		row := kmsg.NewDescribeLogDirsResponseDir()
		row.Dir, row.TotalBytes, row.UsableBytes = d.Path(), -1, -1
		if err := d.Err(); err != nil {
			row.ErrorCode = codeOf(err)
			out.Dirs = append(out.Dirs, row)
			continue
		}
		if free, total, err := d.Space(); err == nil {
			row.TotalBytes, row.UsableBytes = int64(total), int64(free)
		}
		for _, e := range d.Logs() {
			if wanted == nil || wanted[e.Partition] {
				a.addLog(&row, e)
			}
		}
		out.Dirs = append(out.Dirs, row)
	}
	return out, nil
}

// wantedPartitions are the partitions asked for, nil for all.
func wantedPartitions(q *kmsg.DescribeLogDirsRequest) map[checkpoint.Partition]bool {
	if q.Topics == nil {
		return nil
	}
	wanted := map[checkpoint.Partition]bool{}
	for i := range q.Topics {
		for _, p := range q.Topics[i].Partitions {
			wanted[checkpoint.Partition{Topic: q.Topics[i].Topic, Index: p}] = true
		}
	}
	return wanted
}

// addLog adds a log to the directory's row. Logs come ordered by topic.
func (a *API) addLog(row *kmsg.DescribeLogDirsResponseDir, e dir.Entry) {
	last := len(row.Topics) - 1
	if last < 0 || row.Topics[last].Topic != e.Partition.Topic {
		t := kmsg.NewDescribeLogDirsResponseDirTopic()
		t.Topic = e.Partition.Topic
		row.Topics = append(row.Topics, t)
		last++
	}
	p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
	p.Partition, p.Size, p.IsFuture = e.Partition.Index, e.Log.Size(), e.Future
	if current, ok := a.Dirs.Get(e.Partition); ok && e.Future {
		p.OffsetLag = max(current.EndOffset()-e.Log.EndOffset(), 0)
	}
	row.Topics[last].Partitions = append(row.Topics[last].Partitions, p)
}
