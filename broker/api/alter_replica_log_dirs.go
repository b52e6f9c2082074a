package api

import (
	"context"
	"errors"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
)

// longestDirName bounds the name of the directory that a moving log has, which
// is its own with a tag and a suffix.
const (
	longestDirName = 255
	movingSuffix   = len(".") + 32 + len("-future")
)

// alterReplicaLogDirs answers AlterReplicaLogDirs (34): it moves the logs of
// partitions to other data directories of this broker. A partition that is not
// here is remembered, and made there when it comes.
//
//	v2  flexible
func (a *API) alterReplicaLogDirs(_ context.Context, _ *server.Request, q *kmsg.AlterReplicaLogDirsRequest) (*kmsg.AlterReplicaLogDirsResponse, error) {
	out := kmsg.NewPtrAlterReplicaLogDirsResponse()
	at := map[string]int{}
	for i := range q.Dirs {
		for _, t := range q.Dirs[i].Topics {
			n, ok := at[t.Topic]
			if !ok {
				n = len(out.Topics)
				at[t.Topic] = n
				row := kmsg.NewAlterReplicaLogDirsResponseTopic()
				row.Topic = t.Topic
				out.Topics = append(out.Topics, row)
			}
			for _, p := range t.Partitions {
				cell := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				cell.Partition = p
				cell.ErrorCode = a.moveLog(checkpoint.Partition{Topic: t.Topic, Index: p}, q.Dirs[i].Dir)
				out.Topics[n].Partitions = append(out.Topics[n].Partitions, cell)
			}
		}
	}
	return out, nil
}

func (a *API) moveLog(p checkpoint.Partition, path string) int16 {
	if len(p.Topic)+len("-")+len(strconv.Itoa(int(p.Index)))+movingSuffix > longestDirName {
		return kerr.InvalidTopicException.Code
	}
	err := a.Dirs.Move(p, path)
	if errors.Is(err, dir.ErrUnknown) {
		return kerr.ReplicaNotAvailable.Code
	}
	return codeOf(err)
}
