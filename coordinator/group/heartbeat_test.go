package group_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
)

func TestHeartbeatCodes(t *testing.T) {
	w := newT(t)
	require.Equal(t, group.UnknownMember, w.heartbeat(group.JoinAnswer{MemberID: "m", Generation: 1}), "no such group")
	w.refused(w.join(v4), group.MemberIDRequired)
	w.is(group.Empty)
	require.Equal(t, group.UnknownMember, w.heartbeat(group.JoinAnswer{MemberID: "c-u1"}), "an id that has not joined")

	w.leave(group.Leaver{MemberID: "c-u1"})
	m := w.pair()
	require.Equal(t, group.None, w.heartbeat(m[1]), "the assignment is awaited")
	w.settled(m)
	require.Equal(t, group.None, w.heartbeat(m[1]))
	require.Equal(t, group.UnknownMember, w.heartbeat(group.JoinAnswer{MemberID: "m", Generation: 99}), "member before generation")
	require.Equal(t, group.IllegalGeneration, w.heartbeat(m[1], func(h *group.Heartbeat) { h.Generation-- }))
	w.join()
	require.Equal(t, group.RebalanceInProgress, w.heartbeat(m[1]))
	require.Equal(t, group.IllegalGeneration, w.heartbeat(m[1], func(h *group.Heartbeat) { h.Generation++ }))
}
