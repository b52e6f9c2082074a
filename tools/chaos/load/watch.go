package load

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/tools/chaos/history"
)

// watcher asks again and again where logs begin and end, and what groups have
// committed. It asks in the newest leader epoch that it has heard of, so that no
// leader or coordinator which others have left answers after a newer one has.
type watcher struct {
	*view
	process int32
	groups  coordinators
}

// view is who leads each partition, as far as has been heard; no older epoch
// follows on a newer one.
type view struct {
	l       *Load
	cl      *kgo.Client
	epochs  []int32
	leaders []int32 // -1 while nobody is known
}

func newView(l *Load, cl *kgo.Client) *view {
	v := &view{l: l, cl: cl, epochs: make([]int32, len(l.o.Keys)), leaders: make([]int32, len(l.o.Keys))}
	for key := range v.leaders {
		v.leaders[key] = -1
	}
	return v
}

// watch runs until ctx ends.
func (l *Load) watch(ctx context.Context) {
	process := l.begin(history.Client{Library: "franz-go", Text: "watcher"})
	cl, err := l.client()
	if err != nil {
		l.note(process, err.Error())
		return
	}
	defer cl.Close()
	w := &watcher{view: newView(l, cl), process: process, groups: coordinators{}}
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.round(ctx)
	}
}

func (w *watcher) round(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	w.learn(ctx)
	for _, ask := range []struct {
		text string
		at   int64
		iso  int8
	}{{"end", -1, 0}, {"lso", -1, 1}, {"start", -2, 0}} {
		for key := range w.l.o.Keys {
			w.list(ctx, int32(key), ask.text, kmsg.ListOffsetsRequestTopicPartition{Timestamp: ask.at, Partition: int32(ask.iso)})
		}
	}
	w.groups.learn(ctx, w.cl)
	for _, group := range []string{groupGo, groupRd} {
		w.committed(ctx, group)
	}
}

// learn asks who leads.
func (v *view) learn(ctx context.Context) {
	req := kmsg.NewPtrMetadataRequest()
	for _, t := range v.l.topics() {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t)
		req.Topics = append(req.Topics, rt)
	}
	res, err := req.RequestWith(ctx, v.cl)
	if err != nil {
		return
	}
	for _, t := range res.Topics {
		if t.Topic == nil {
			continue
		}
		for _, p := range t.Partitions {
			key, ok := v.l.index[Key{*t.Topic, p.Partition}]
			if ok && p.ErrorCode == 0 && p.LeaderEpoch >= v.epochs[key] {
				v.epochs[key], v.leaders[key] = p.LeaderEpoch, p.Leader
			}
		}
	}
}

// list asks the leader of one partition; in ask, Timestamp is what to ask for and
// Partition the isolation level.
func (w *watcher) list(ctx context.Context, key int32, text string, ask kmsg.ListOffsetsRequestTopicPartition) {
	if w.leaders[key] < 0 {
		return
	}
	k := w.l.o.Keys[key]
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, int8(ask.Partition)
	topic, part := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	topic.Topic, part.Partition, part.CurrentLeaderEpoch, part.Timestamp = k.Topic, k.Partition, w.epochs[key], ask.Timestamp
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	begin := w.l.o.History.Now()
	res, err := w.cl.Broker(int(w.leaders[key])).Request(ctx, req)
	if err != nil {
		return
	}
	for _, t := range res.(*kmsg.ListOffsetsResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Offset >= 0 {
				w.l.o.History.Add(history.Event{Process: w.process, Type: history.OK, Op: history.Ends, Text: text, Begin: begin,
					Node: nodeName(w.leaders[key], w.epochs[key]), Runs: []history.Run{{Key: key, Offset: p.Offset}}})
			}
		}
	}
}
