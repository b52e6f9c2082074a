package control_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// manyTopics is a picture of n topics of one partition, led by broker 0, and the
// orders that bring it about.
func manyTopics(n int) (channel.Situation, []plan.Order) {
	ch := image.Changes{Topics: map[string]*image.Topic{}, Brokers: []image.Broker{{ID: 0, Epoch: 1}}}
	var orders []plan.Order
	for i := range n {
		t := &image.Topic{Name: fmt.Sprintf("topic-%05d", i), ID: topic.ID{1, byte(i >> 8), byte(i)}, Partitions: []image.Partition{
			{Replicas: []int32{0}, ISR: []int32{0}},
		}}
		ch.Topics[t.Name] = t
		orders = append(orders, plan.Order{Kind: plan.Assign, Topic: t.Name, TopicID: t.ID, New: true, State: t.Partitions[0]})
	}
	return channel.Situation{Before: image.Empty(), After: image.Empty().With(ch)}, orders
}

// BenchmarkLead10000 is what a single node does with its own orders when it has
// 10,000 new partitions: to compose them, to make the logs and lead, and to
// show the picture.
func BenchmarkLead10000(b *testing.B) {
	s, orders := manyTopics(10000)
	for b.Loop() {
		b.StopTimer()
		r := newRig(b)
		b.StartTimer()
		batches := channel.Compose(s, orders, plan.Announce(s.Before, s.After))
		require.Zero(b, r.control.LeaderAndISR(context(), batches[0].LeaderAndISR).ErrorCode)
		require.Zero(b, r.control.UpdateMetadata(context(), batches[0].UpdateMetadata).ErrorCode)
		require.Len(b, r.set.All(), 10000)
		require.Len(b, r.control.Image().Topics(), 10000)
	}
}

// BenchmarkCompose10000 is the first part of it.
func BenchmarkCompose10000(b *testing.B) {
	s, orders := manyTopics(10000)
	announcements := plan.Announce(s.Before, s.After)
	b.ReportAllocs()
	for b.Loop() {
		require.Len(b, channel.Compose(s, orders, announcements), 1)
	}
}

// BenchmarkMetadata10000 merges a whole picture in which nothing is new.
func BenchmarkMetadata10000(b *testing.B) {
	s, _ := manyTopics(10000)
	r := newRig(b)
	q := channel.Compose(s, nil, plan.Announce(s.Before, s.After))[0].UpdateMetadata
	b.ReportAllocs()
	for b.Loop() {
		require.Zero(b, r.control.UpdateMetadata(context(), q).ErrorCode)
	}
}

// BenchmarkRoles10000 is the answer to roles that are taken already: what a new
// controller orders.
func BenchmarkRoles10000(b *testing.B) {
	s, orders := manyTopics(10000)
	r := newRig(b)
	q := channel.Compose(s, orders, nil)[0].LeaderAndISR
	r.control.LeaderAndISR(context(), q)
	b.ReportAllocs()
	for b.Loop() {
		r.control.LeaderAndISR(context(), q)
	}
}
