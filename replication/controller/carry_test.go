package controller

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// TestSplit: of several orders about one partition that came of one write, the
// last counts, and a log that is new for the first is new for it.
func TestSplit(t *testing.T) {
	lead := func(p, epoch int32, fresh bool) plan.Order {
		return plan.Order{Kind: plan.Assign, Topic: "t", Partition: p, New: fresh, State: image.Partition{LeaderEpoch: epoch}}
	}
	got := split([]plan.Order{
		lead(0, 0, true), lead(1, 0, true), lead(0, 1, false),
		{Kind: plan.Configure, Topic: "t", Partition: -1}, {Kind: plan.Delete, Topic: "u"},
		{Kind: plan.Delete, Topic: "u", Broker: 7}, {Kind: plan.Assign, Topic: "u", Broker: 7},
	}, 0)
	require.Equal(t, []plan.Order{lead(0, 1, true), lead(1, 0, true)}, got.lead)
	require.Len(t, got.configure, 1)
	require.Len(t, got.remove, 1)
}
