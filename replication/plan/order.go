package plan

import (
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// OrderKind is what a broker is told to do with its replica of a partition.
type OrderKind int8

// The orders. Kafka's controller says the same with LeaderAndIsr and
// StopReplica requests.
const (
	Assign OrderKind = iota + 1 // have the replica: lead it if State.Leader is Broker, else follow
	Stop                        // have no part in the partition; the data stays
	Delete                      // forget the replica and its data
)

// Order is one order to one broker, about one partition.
type Order struct {
	Kind      OrderKind
	Broker    int32
	Topic     string
	Partition int32
	TopicID   topic.ID
	New       bool            // the replica has never been: an empty log is right
	State     image.Partition // after the step; zero for the replicas of a deleted topic
}
