package plan

import (
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
)

// Step is one decision, to be carried out once its writes have succeeded.
type Step struct {
	Writes  []tree.Op     // all or none; without the controller's own check
	Changes image.Changes // of the picture
	Orders  []Order       // to brokers; Delete after the picture shows the changes, others before
	// Last are written when the orders are on their way: until then the tree says
	// which replicas have to go, so that the next controller tells them if this one
	// cannot.
	Last []tree.Op
}

// Join is two steps as one, the second decided on the picture after the first.
// The second must not write what is in the first's Last.
func Join(a, b Step) Step {
	a.Writes = append(a.Writes, b.Writes...)
	a.Last = append(a.Last, b.Last...)
	a.Orders = append(a.Orders, b.Orders...)
	a.Changes = a.Changes.Then(b.Changes)
	return a
}

// Settings are the broker's settings that decisions depend on, and the chance
// they are made by.
type Settings struct {
	Partitions      int32 // num.partitions
	Replication     int16 // default.replication.factor
	DeleteTopics    bool  // delete.topic.enable
	UncleanElection bool  // unclean.leader.election.enable
	// Internal are Kafka's own topics, by name: what they look like when they
	// are made without being asked for.
	Internal map[string]TopicSpec
	// ValidateConfig judges the configuration of a topic; nil: all are valid.
	ValidateConfig func(map[string]string) error
	Random         func(n int) int // in [0, n)
	RandomBytes    func() [16]byte
}
