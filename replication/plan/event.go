package plan

import (
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/znode"
)

// Census is how the registered brokers differ from those in the picture. All
// lists are sorted by id.
type Census struct {
	New      []int32 // not in the picture
	Bounced  []int32 // registered anew: gone and back since the picture was made
	Dead     []int32 // no longer registered
	Modified []int32 // same registration, other endpoints
}

// Quiet says whether nothing differs.
func (c Census) Quiet() bool {
	return len(c.New)+len(c.Bounced)+len(c.Dead)+len(c.Modified) == 0
}

// FoundState is a partition state as it stands in the tree.
type FoundState struct {
	znode.State
	Version int32 // of its node: the partition epoch
	Written int64 // when that was, on the scale of brokers' epochs
}

// FoundTopic is a topic as it stands in the tree, not yet in the picture.
type FoundTopic struct {
	Name    string
	Node    znode.Topic
	Version int32 // of the topic's node
	Config  map[string]string
	States  map[int32]FoundState // by partition; those without a state are not in it
}

// FoundPartition is the state of one partition, read again.
type FoundPartition struct {
	Ref
	FoundState
}

// Alteration is an in-sync set that a leader asks for (AlterPartition).
type Alteration struct {
	Ref                     // Topic may be empty if TopicID is not zero
	TopicID        topic.ID // zero: by name, versions 0 and 1
	LeaderEpoch    int32
	PartitionEpoch int32 // that the leader has last heard of
	ISR            []int32
	// Epochs are those of the registrations in which the leader has heard of the
	// members of ISR, -1 where it does not know; nil: it does not say.
	Epochs     []int64
	Recovering bool
}

// Asker is the broker that sends a request: its id, and the epoch of the
// registration that it believes to have.
type Asker struct {
	Broker int32
	Epoch  int64
}

// AlterResult is what became of an alteration. State is as it is afterwards, or
// zero on error.
type AlterResult struct {
	Ref
	TopicID topic.ID
	State   image.Partition
	Err     error // nil or an *Error
}

// Announcement is what one broker must be told of the picture (UpdateMetadata).
// Each carries the list of brokers too.
type Announcement struct {
	Broker     int32
	Full       bool        // it knows nothing yet: Partitions are all there are
	Partitions []Ref       // those it must be told anew, shared between announcements
	Gone       []TopicGone // those it must forget
}

// TopicGone is a topic that brokers must forget.
type TopicGone struct {
	Name       string
	ID         topic.ID
	Partitions int32
}
