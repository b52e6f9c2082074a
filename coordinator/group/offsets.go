package group

import (
	"iter"
	"maps"
	"slices"

	"github.com/leatmq/leat/coordinator/group/entry"
)

// Partition names a partition of any topic.
type Partition struct {
	Topic string
	Index int32
}

// committed is an offset and where in the log it is written.
type committed struct {
	entry.OffsetValue
	at int64
}

// offsets are the committed offsets of a group, by topic and partition. A topic without any
// is not in it.
type offsets map[string]map[int32]committed

func (o offsets) empty() bool { return len(o) == 0 }

func (o offsets) get(p Partition) (committed, bool) {
	c, ok := o[p.Topic][p.Index]
	return c, ok
}

func (o *offsets) put(p Partition, c committed) {
	if *o == nil {
		*o = offsets{}
	}
	topic := (*o)[p.Topic]
	if topic == nil {
		topic = map[int32]committed{}
		(*o)[p.Topic] = topic
	}
	topic[p.Index] = c
}

func (o offsets) remove(p Partition) {
	topic := o[p.Topic]
	delete(topic, p.Index)
	if len(topic) == 0 {
		delete(o, p.Topic)
	}
}

// all yields the offsets in the order of topics and partitions.
func (o offsets) all() iter.Seq2[Partition, entry.OffsetValue] {
	return func(yield func(Partition, entry.OffsetValue) bool) {
		for _, topic := range slices.Sorted(maps.Keys(o)) {
			for _, index := range slices.Sorted(maps.Keys(o[topic])) {
				if !yield(Partition{topic, index}, o[topic][index].OffsetValue) {
					return
				}
			}
		}
	}
}

// Offset is what the group has committed for a partition.
func (g *Group) Offset(p Partition) (entry.OffsetValue, bool) {
	c, ok := g.offsets.get(p)
	return c.OffsetValue, ok
}

// Offsets yields all that the group has committed, in the order of topics and partitions.
func (g *Group) Offsets() iter.Seq2[Partition, entry.OffsetValue] { return g.offsets.all() }

// Unstable tells whether a transaction that is not decided yet has an offset for the partition.
func (g *Group) Unstable(p Partition) bool { return g.open.have(p) }
