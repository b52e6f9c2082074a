package client

import (
	"context"
	"fmt"
	"sort"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Topic is one topic in a listing.
type Topic struct {
	Name           string `json:"name"`
	ID             string `json:"id,omitempty"`
	Internal       bool   `json:"internal"`
	PartitionCount int32  `json:"partitions"`
	Replicas       int16  `json:"replicas"`
}

// Partition is one partition of a described topic. Offsets are -1 when the
// leader could not be asked.
type Partition struct {
	Index       int32   `json:"partition"`
	Leader      int32   `json:"leader"`
	LeaderEpoch int32   `json:"leader_epoch"`
	Replicas    []int32 `json:"replicas"`
	ISR         []int32 `json:"isr"`
	Start       int64   `json:"start_offset"`
	End         int64   `json:"end_offset"`
	Error       string  `json:"error,omitempty"`
}

// TopicConfig is one effective config of a topic.
type TopicConfig struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Source is dynamic-topic, dynamic-broker, dynamic-default-broker,
	// static-broker or default.
	Source string `json:"source"`
}

// TopicDescription is everything about one topic.
type TopicDescription struct {
	Topic
	Partitions []Partition   `json:"partition_list"`
	Configs    []TopicConfig `json:"configs"`
}

// Topics lists the topics by name; internal ones only if asked for.
func (a *Admin) Topics(ctx context.Context, internal bool) ([]Topic, error) {
	list := a.kadm.ListTopics
	if internal {
		list = a.kadm.ListTopicsWithInternal
	}
	details, err := list(ctx)
	if err != nil {
		return nil, a.config.wrap("list topics", err)
	}
	topics := make([]Topic, 0, len(details))
	for _, d := range details.Sorted() {
		topics = append(topics, summary(d))
	}
	return topics, nil
}

// summary is d as a row of a listing.
func summary(d kadm.TopicDetail) Topic {
	return Topic{
		Name: d.Topic, ID: id(d.ID), Internal: d.IsInternal,
		PartitionCount: int32(len(d.Partitions)), Replicas: int16(d.Partitions.NumReplicas()),
	}
}

// DescribeTopic tells everything about one topic.
func (a *Admin) DescribeTopic(ctx context.Context, name string) (TopicDescription, error) {
	op := fmt.Sprintf("describe topic %q", name)
	details, err := a.kadm.ListTopicsWithInternal(ctx, name)
	if err != nil {
		return TopicDescription{}, a.config.wrap(op, err)
	}
	d, ok := details[name]
	if !ok {
		return TopicDescription{}, a.missing(op)
	}
	if d.Err != nil {
		return TopicDescription{}, a.config.wrap(op, d.Err)
	}
	t := TopicDescription{Topic: summary(d)}
	if t.Partitions, err = a.partitions(ctx, d); err != nil {
		return t, a.config.wrap(op, err)
	}
	t.Configs, err = a.topicConfigs(ctx, name)
	return t, a.config.wrap(op, err)
}

// partitions describes d's partitions with their offsets.
func (a *Admin) partitions(ctx context.Context, d kadm.TopicDetail) ([]Partition, error) {
	starts, err := a.kadm.ListStartOffsets(ctx, d.Topic)
	if err != nil {
		return nil, err
	}
	ends, err := a.kadm.ListEndOffsets(ctx, d.Topic)
	if err != nil {
		return nil, err
	}
	offset := func(l kadm.ListedOffsets, p int32) int64 {
		if o, ok := l.Lookup(d.Topic, p); ok && o.Err == nil {
			return o.Offset
		}
		return -1
	}
	var all []Partition
	for _, p := range d.Partitions.Sorted() {
		row := Partition{
			Index: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: p.Replicas, ISR: p.ISR,
			Start: offset(starts, p.Partition), End: offset(ends, p.Partition),
		}
		if p.Err != nil {
			row.Error = cause(p.Err)
		}
		all = append(all, row)
	}
	return all, nil
}

// topicConfigs returns the topic's effective configs by key.
func (a *Admin) topicConfigs(ctx context.Context, name string) ([]TopicConfig, error) {
	answers, err := a.kadm.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return nil, err
	}
	var configs []TopicConfig
	for _, r := range answers {
		if err := withMessage(r.Err, r.ErrMessage); err != nil {
			return nil, err
		}
		for _, c := range r.Configs {
			configs = append(configs, TopicConfig{Key: c.Key, Value: c.MaybeValue(), Source: source(c)})
		}
	}
	sort.Slice(configs, func(i, j int) bool { return configs[i].Key < configs[j].Key })
	return configs, nil
}
