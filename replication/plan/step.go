package plan

import (
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
)

// Step is one decision, to be carried out in the order of its fields.
type Step struct {
	Writes  []tree.Op     // all or none; without the controller's own check
	Changes image.Changes // of the picture, once the writes have succeeded
	Orders  []Order       // once the picture shows the changes
}

// Settings are the broker's settings that decisions depend on.
type Settings struct {
	Partitions      int32                         // num.partitions
	Replication     int16                         // default.replication.factor
	DeleteTopics    bool                          // delete.topic.enable
	UncleanElection bool                          // unclean.leader.election.enable
	ValidateConfig  func(map[string]string) error // of a topic; nil: all are valid
	Random          func(n int) int               // in [0, n)
	RandomBytes     func() [16]byte
	ControllerEpoch int32
}
