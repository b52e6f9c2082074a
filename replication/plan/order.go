package plan

import (
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// OrderKind is what a broker is told to do with its replica of a partition.
type OrderKind int8

// The orders. Kafka's controller says the same with LeaderAndIsr and
// StopReplica requests, and with a configuration change.
const (
	Assign    OrderKind = iota + 1 // have the replica: lead it if State.Leader is Broker, else follow
	Stop                           // have no part in the partition; the data stays
	Delete                         // forget the replica and its data
	Configure                      // the topic's configuration has changed
)

// Order is one order to one broker, about one partition (Configure: about all
// partitions of the topic; Partition is then -1).
type Order struct {
	Kind      OrderKind
	Broker    int32
	Topic     string
	Partition int32
	TopicID   topic.ID
	New       bool              // the replica has never been: an empty log is right
	State     image.Partition   // of Assign and Stop; a deleted topic's Delete has none
	Config    map[string]string // the topic's overrides, of Assign and Configure
}
