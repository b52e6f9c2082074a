package group_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

func TestLeaveCodes(t *testing.T) {
	w := newT(t)
	require.Equal(t, group.UnknownMember, w.leave(group.Leaver{MemberID: "m"})[0].Code, "no such group")

	lead, follow := w.statics()
	pending := w.refused(w.join(v4), group.MemberIDRequired)
	leavers := w.leave(
		group.Leaver{MemberID: "m"},
		group.Leaver{},
		group.Leaver{InstanceID: instance("nobody")},
		group.Leaver{MemberID: lead.MemberID, InstanceID: instance("follow")},
		group.Leaver{InstanceID: instance("follow")},
		group.Leaver{MemberID: follow.MemberID},
		group.Leaver{MemberID: pending.MemberID},
		group.Leaver{MemberID: lead.MemberID},
		group.Leaver{MemberID: lead.MemberID},
	)
	var codes []group.Code
	for _, l := range leavers {
		codes = append(codes, l.Code)
	}
	require.Equal(t, []group.Code{
		group.UnknownMember, group.UnknownMember, group.UnknownMember, group.FencedInstance,
		group.None, group.UnknownMember, group.None, group.None, group.UnknownMember,
	}, codes)
	w.is(group.Empty)
}

func TestLastMemberLeavesAndGroupIsWrittenEmpty(t *testing.T) {
	w := newT(t)
	m := w.members(1)
	w.leave(group.Leaver{MemberID: m[0].MemberID})
	require.Len(t, w.wrote, 1)
	v, err := entry.ReadGroup(w.wrote[0].Value)
	require.NoError(t, err)
	require.Equal(t, entry.GroupValue{ProtocolType: "consumer", Generation: 2, SinceMs: begin.UnixMilli()}, v)
}

func TestGroupIsEmptyEvenIfThatCannotBeWritten(t *testing.T) {
	w := newT(t)
	m := w.members(1)
	w.fault = group.NotLeader
	w.leave(group.Leaver{MemberID: m[0].MemberID})
	w.is(group.Empty)
	a := w.joinedAs(w.join())
	require.EqualValues(t, 3, a.Generation)
}

func TestLeaveWhileWaitingToJoin(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	parked := w.join(as(m[1].MemberID), reading("u"))
	w.leave(group.Leaver{MemberID: m[1].MemberID})
	require.Empty(t, w.refused(parked, group.UnknownMember).MemberID)
	require.Len(t, w.joinedAs(w.join(as(m[0].MemberID))).Members, 1)
}

func TestLeaveEndsTheWaitForTheOneWhoLeft(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	parked := w.join(as(m[0].MemberID))
	w.leave(group.Leaver{MemberID: m[1].MemberID})
	w.joinedAs(parked)
}

func TestLeaderLeavesStableGroup(t *testing.T) {
	w := newT(t)
	m := w.members(3)
	w.leave(group.Leaver{MemberID: m[0].MemberID})
	w.is(group.Preparing)
	c, b := w.join(as(m[2].MemberID)), w.join(as(m[1].MemberID))
	require.Equal(t, m[1].MemberID, w.joinedAs(b).Leader, "the next in the order of joining")
	w.joinedAs(c)
}

func TestRetirementSendsEverybodyElsewhere(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	join := w.join(as(m[1].MemberID), reading("u"))
	w.input(func(turn *group.Turn) { w.table.Retire(turn) })
	a := w.joinAnswer(join)
	require.Equal(t, group.NotCoordinator, a.Code)
	require.Equal(t, m[1].MemberID, a.MemberID)
	require.Zero(t, w.table.Len())
	require.Zero(t, w.table.Bytes())

	w = newT(t)
	sync := w.sync(w.pair()[1])
	w.input(func(turn *group.Turn) { w.table.Retire(turn) })
	w.syncRefused(sync, group.NotCoordinator)
}
