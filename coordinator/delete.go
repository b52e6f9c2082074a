package coordinator

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
)

// OffsetDelete answers OffsetDelete for partitions that exist.
func (g *Groups) OffsetDelete(ctx context.Context, req *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	resp := kmsg.NewPtrOffsetDeleteResponse()
	resp.Version = req.Version
	var offsets []group.DeletedOffset
	for i := range req.Topics {
		for _, p := range req.Topics[i].Partitions {
			offsets = append(offsets, group.DeletedOffset{
				Partition: group.Partition{Topic: req.Topics[i].Topic, Index: p.Partition},
			})
		}
	}
	if code := g.deleteOffsets(ctx, req.Group, offsets); code != group.None {
		resp.ErrorCode = int16(code)
		return resp
	}
	for i := range req.Topics {
		t := kmsg.NewOffsetDeleteResponseTopic()
		t.Topic = req.Topics[i].Topic
		for range req.Topics[i].Partitions {
			p := kmsg.NewOffsetDeleteResponseTopicPartition()
			p.Partition, p.ErrorCode = offsets[0].Partition.Index, int16(offsets[0].Code)
			t.Partitions = append(t.Partitions, p)
			offsets = offsets[1:]
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

func (g *Groups) deleteOffsets(ctx context.Context, groupID string, offsets []group.DeletedOffset) group.Code {
	if groupID == "" {
		return group.InvalidGroupID
	}
	sh, code := g.enter(groupID)
	if code != group.None {
		return code
	}
	l := sh.Machine
	code = l.table.DeleteOffsets(&l.turn, groupID, offsets)
	l.settle(&sh.Writer)
	end := sh.Writer.End()
	sh.Leave()
	if code != group.None {
		return code
	}
	return g.committed(ctx, sh, end).Committing()
}

// Delete answers DeleteGroups. A group that is named twice is answered once.
func (g *Groups) Delete(ctx context.Context, req *kmsg.DeleteGroupsRequest) *kmsg.DeleteGroupsResponse {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	resp.Version = req.Version
	seen := make(map[string]bool, len(req.Groups))
	for _, id := range req.Groups {
		if seen[id] {
			continue
		}
		seen[id] = true
		r := kmsg.NewDeleteGroupsResponseGroup()
		r.Group, r.ErrorCode = id, int16(g.delete(ctx, id))
		resp.Groups = append(resp.Groups, r)
	}
	return resp
}

func (g *Groups) delete(ctx context.Context, groupID string) group.Code {
	sh, code := g.enter(groupID)
	if code != group.None {
		return code
	}
	l := sh.Machine
	l.table.Delete(&l.turn, groupID, func(c group.Code) { code = c })
	l.settle(&sh.Writer)
	end := sh.Writer.End()
	sh.Leave()
	if code != group.None {
		return code
	}
	return g.committed(ctx, sh, end).Committing()
}
