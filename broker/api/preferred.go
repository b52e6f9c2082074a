package api

import (
	"strings"

	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/image"
)

// preferred is the replica that a consumer should read instead of this leader:
// one in its own rack, where replica.selector.class asks for that (KIP-392); -1
// is none, and this replica is read. Of several it is the one that has come
// furthest and, of those, that has caught up last.
func (a *API) preferred(c *fetchCall, replica *partition.Replica, ask session.Asked) int32 {
	if c.q.rack == "" || !strings.HasSuffix(a.Config.String("replica.selector.class"), "RackAwareReplicaSelector") {
		return -1
	}
	leader, err := replica.Leader(ask.LeaderEpoch)
	if err != nil {
		return -1
	}
	im := a.Image()
	var best *partition.Standing
	all := leader.Replicas()
	for i := range all {
		s := &all[i]
		if !inRack(im, s.ID, c.q.rack) || !s.InSync || s.Start > ask.Offset || s.End < ask.Offset {
			continue
		}
		if s.ID == a.BrokerID {
			return -1
		}
		if best == nil || s.End > best.End || s.End == best.End && s.CaughtUp.After(best.CaughtUp) {
			best = s
		}
	}
	if best == nil {
		return -1
	}
	return best.ID
}

// inRack says whether a live broker is in a rack.
func inRack(im *image.Image, id int32, rack string) bool {
	b, ok := im.Broker(id)
	return ok && b.Rack == rack
}
