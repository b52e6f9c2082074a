package load

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/tools/chaos/history"
)

// coordinators are who leads each partition of the groups' topic, as far as has
// been heard; no older epoch follows on a newer one.
type coordinators map[int32]leadership

type leadership struct{ leader, epoch int32 }

// learn asks who leads.
func (c coordinators) learn(ctx context.Context, cl *kgo.Client) {
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(coordinator.Topic)
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			was, known := c[p.Partition]
			if p.ErrorCode == 0 && (!known || p.LeaderEpoch >= was.epoch) {
				c[p.Partition] = leadership{p.Leader, p.LeaderEpoch}
			}
		}
	}
}

// of is the coordinator of a group.
func (c coordinators) of(group string) (leadership, bool) {
	if len(c) == 0 {
		return leadership{}, false
	}
	hash := int32(0) // Java's of a string
	for _, b := range []byte(group) {
		hash = 31*hash + int32(b)
	}
	l, ok := c[(hash&0x7fffffff)%int32(len(c))]
	return l, ok
}

// committed asks a group's coordinator, and nobody else, what the group has
// committed.
func (w *watcher) committed(ctx context.Context, group string) {
	at, ok := w.groups.of(group)
	if !ok {
		return
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	req.Groups = append(req.Groups, g)
	e := history.Event{Process: w.process, Type: history.OK, Op: history.Fetched, Group: group, Begin: w.l.o.History.Now(), Node: nodeName(at.leader, at.epoch)}
	res, err := w.cl.Broker(int(at.leader)).Request(ctx, req)
	if err != nil {
		return
	}
	for _, g := range res.(*kmsg.OffsetFetchResponse).Groups {
		if g.ErrorCode != 0 {
			return
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if key, ok := w.l.index[Key{t.Topic, p.Partition}]; ok && p.ErrorCode == 0 && p.Offset >= 0 {
					e.Runs = append(e.Runs, history.Run{Key: key, Offset: p.Offset})
				}
			}
		}
	}
	if len(e.Runs) > 0 {
		w.l.o.History.Add(e)
	}
}
