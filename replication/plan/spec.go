package plan

import "github.com/leatmq/leat/partition/topic"

// Default stands for "as the broker is configured" in a TopicSpec.
const Default = -1

// TopicSpec is a topic to create.
type TopicSpec struct {
	Name        string
	Partitions  int32 // Default: num.partitions
	Replication int16 // Default: default.replication.factor
	// Assignment, if not nil, says who holds each partition; Partitions and
	// Replication must then be Default.
	Assignment map[int32][]int32
	Config     map[string]string
	// NullConfig are the keys that were given without a value; there must be
	// none.
	NullConfig []string
	// Clamp lowers the replication to the number of live brokers instead of
	// refusing: internal and auto-created topics of a single node use it.
	Clamp bool
}

// TopicResult is what became of a creation, or of a deletion.
type TopicResult struct {
	Name        string
	ID          topic.ID
	Partitions  int32 // -1 on error
	Replication int16 // -1 on error
	Config      map[string]string
	Err         error // nil or an *Error
}

// TopicRef names a topic to delete, by name or by id.
type TopicRef struct {
	Name string
	ID   topic.ID
}

// PartitionsSpec asks for more partitions of a topic.
type PartitionsSpec struct {
	Name       string
	Count      int32     // of all partitions afterwards
	Assignment [][]int32 // nil: placed by the plan; else of the new ones, in order
}

// Ref is one partition.
type Ref struct {
	Topic     string
	Partition int32
}

// Election is how a leader is to be chosen.
type Election int8

// The elections a client can ask for, with Kafka's numbers.
const (
	Preferred Election = 0 // the first replica, if it is in sync
	Unclean   Election = 1 // any live replica, if there is no leader
)

// ElectResult is what became of an election.
type ElectResult struct {
	Ref
	Err error // nil or an *Error
}

// Reassignment asks for other replicas of a partition; nil Replicas cancels.
type Reassignment struct {
	Ref
	Replicas []int32
}

// Existing is a partition found in a data directory.
type Existing struct {
	Ref
	TopicID     topic.ID // zero: none was stored
	LatestEpoch int32    // of its log, -1: none
	Compacted   bool     // the cleaner has worked on it
}
