package coordinator

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

// The versions of OffsetFetch that changed what this file does.
const (
	fetchGroupErrorFrom = 2 // an error of the group is told once; no topics means all
	fetchGroupsFrom     = 8 // several groups in one request
)

// OffsetFetch answers OffsetFetch from version 1 on.
func (g *Groups) OffsetFetch(ctx context.Context, req *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchResponse {
	resp := kmsg.NewPtrOffsetFetchResponse()
	resp.Version = req.Version
	if req.Version >= fetchGroupsFrom {
		resp.Groups = make([]kmsg.OffsetFetchResponseGroup, len(req.Groups))
		for i := range req.Groups {
			resp.Groups[i] = g.fetch(ctx, &req.Groups[i], req.RequireStable)
		}
		return resp
	}
	asked := kmsg.OffsetFetchRequestGroup{Group: req.Group}
	if req.Topics != nil {
		asked.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, len(req.Topics))
	}
	for i := range req.Topics {
		asked.Topics[i].Topic, asked.Topics[i].Partitions = req.Topics[i].Topic, req.Topics[i].Partitions
	}
	a := g.fetch(ctx, &asked, req.RequireStable)
	resp.ErrorCode = a.ErrorCode
	if a.ErrorCode != 0 && req.Version < fetchGroupErrorFrom {
		resp.Topics = oldTopics(nowhere(asked.Topics, group.Code(a.ErrorCode)))
		return resp
	}
	resp.Topics = oldTopics(a.Topics)
	return resp
}

// fetch finds what one group has committed. No topics (nil) means all.
func (g *Groups) fetch(ctx context.Context, req *kmsg.OffsetFetchRequestGroup, stable bool) kmsg.OffsetFetchResponseGroup {
	resp := kmsg.NewOffsetFetchResponseGroup()
	resp.Group = req.Group
	sh, code := g.enter(req.Group)
	if code != group.None {
		resp.ErrorCode = int16(code)
		return resp
	}
	of := sh.Machine.table.Get(req.Group)
	switch {
	case of == nil:
		resp.Topics = nowhere(req.Topics, group.None)
	case req.Topics == nil:
		resp.Topics = everything(of, stable)
	default:
		resp.Topics = chosen(of, req.Topics, stable)
	}
	end := sh.Writer.End()
	sh.Leave()
	if fault := g.committed(ctx, sh, end); fault != group.NoFault {
		resp.ErrorCode, resp.Topics = int16(fault.Fetching()), nil
	}
	return resp
}

// nowhere answers that nothing is committed.
func nowhere(asked []kmsg.OffsetFetchRequestGroupTopic, code group.Code) []kmsg.OffsetFetchResponseGroupTopic {
	topics := make([]kmsg.OffsetFetchResponseGroupTopic, len(asked))
	for i := range asked {
		topics[i].Topic = asked[i].Topic
		topics[i].Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(asked[i].Partitions))
		for j, index := range asked[i].Partitions {
			topics[i].Partitions[j] = nothing(index, code)
		}
	}
	return topics
}

func chosen(of *group.Group, asked []kmsg.OffsetFetchRequestGroupTopic, stable bool) []kmsg.OffsetFetchResponseGroupTopic {
	topics := make([]kmsg.OffsetFetchResponseGroupTopic, len(asked))
	for i := range asked {
		topics[i].Topic = asked[i].Topic
		topics[i].Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(asked[i].Partitions))
		for j, index := range asked[i].Partitions {
			topics[i].Partitions[j] = offsetOf(of, group.Partition{Topic: asked[i].Topic, Index: index}, stable)
		}
	}
	return topics
}

func everything(of *group.Group, stable bool) (topics []kmsg.OffsetFetchResponseGroupTopic) {
	for p := range of.Offsets() {
		if n := len(topics); n == 0 || topics[n-1].Topic != p.Topic {
			topics = append(topics, kmsg.OffsetFetchResponseGroupTopic{Topic: p.Topic})
		}
		last := &topics[len(topics)-1]
		last.Partitions = append(last.Partitions, offsetOf(of, p, stable))
	}
	return topics
}

func offsetOf(of *group.Group, p group.Partition, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	if stable && of.Unstable(p) {
		return nothing(p.Index, group.UnstableOffset)
	}
	if v, ok := of.Offset(p); ok {
		return something(p.Index, v)
	}
	return nothing(p.Index, group.None)
}

func nothing(index int32, code group.Code) kmsg.OffsetFetchResponseGroupTopicPartition {
	p := something(index, entry.OffsetValue{Offset: -1, LeaderEpoch: -1})
	p.ErrorCode = int16(code)
	return p
}

func something(index int32, v entry.OffsetValue) kmsg.OffsetFetchResponseGroupTopicPartition {
	p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = index, v.Offset, v.LeaderEpoch, &v.Metadata
	return p
}

// oldTopics is an answer in the form before version 8.
func oldTopics(topics []kmsg.OffsetFetchResponseGroupTopic) []kmsg.OffsetFetchResponseTopic {
	old := make([]kmsg.OffsetFetchResponseTopic, len(topics))
	for i := range topics {
		old[i].Topic = topics[i].Topic
		old[i].Partitions = make([]kmsg.OffsetFetchResponseTopicPartition, len(topics[i].Partitions))
		for j := range topics[i].Partitions {
			p := &topics[i].Partitions[j]
			old[i].Partitions[j] = kmsg.OffsetFetchResponseTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata, ErrorCode: p.ErrorCode,
			}
		}
	}
	return old
}
