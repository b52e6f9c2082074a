package group_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

// pair makes a group of two that await their assignment, the leader first.
func (w *world) pair(change ...func(*joining)) []group.JoinAnswer {
	first := w.joinedAs(w.join(change...))
	b := w.join(change...)
	a := w.join(append(change, as(first.MemberID))...)
	w.is(group.Completing)
	return []group.JoinAnswer{w.joinedAs(a), w.joinedAs(b)}
}

func TestAssignmentIsWrittenThenTold(t *testing.T) {
	w := newT(t)
	m := w.pair()
	follower := w.sync(m[1])
	w.parked(follower)
	leader := w.sync(m[0])
	require.Equal(t, "for "+m[0].MemberID, w.assigned(leader))
	require.Equal(t, "for "+m[1].MemberID, w.assigned(follower))
	require.Equal(t, "consumer", w.synced[follower].ProtocolType)
	require.Equal(t, "range", w.synced[follower].Protocol)
	w.is(group.Stable)

	require.Len(t, w.wrote, 1)
	require.Equal(t, entry.AppendGroupKey(nil, "g"), w.wrote[0].Key)
	v, err := entry.ReadGroup(w.wrote[0].Value)
	require.NoError(t, err)
	protocol := "range"
	require.Equal(t, entry.GroupValue{
		ProtocolType: "consumer", Generation: 2, Protocol: &protocol, Leader: &m[0].MemberID, SinceMs: begin.UnixMilli(),
		Members: []entry.Member{
			{
				ID: m[0].MemberID, ClientID: "c", ClientHost: "/127.0.0.1", RebalanceMs: 60000, SessionMs: 10000,
				Subscription: subscription("t"), Assignment: []byte("for " + m[0].MemberID),
			},
			{
				ID: m[1].MemberID, ClientID: "c", ClientHost: "/127.0.0.1", RebalanceMs: 60000, SessionMs: 10000,
				Subscription: subscription("t"), Assignment: []byte("for " + m[1].MemberID),
			},
		},
	}, v)
	require.Equal(t, "for "+m[1].MemberID, w.assigned(w.sync(m[1])), "asked again it is told again")
}

func TestMembersLeftOutAreAssignedNothing(t *testing.T) {
	w := newT(t)
	m := w.pair()
	follower := w.sync(m[1])
	w.sync(m[0], func(s *group.Sync) {
		s.Assignments = []group.Assignment{{MemberID: m[0].MemberID, Bytes: []byte("all")}, {MemberID: "nobody", Bytes: []byte("x")}}
	})
	require.Empty(t, w.assigned(follower))
	v, err := entry.ReadGroup(w.wrote[0].Value)
	require.NoError(t, err)
	require.Len(t, v.Members, 2)
	require.NotNil(t, v.Members[1].Assignment, "empty, not null")
}

func TestSyncRefusals(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		change func(*group.Sync)
		code   group.Code
	}{
		"unknown member":            {func(s *group.Sync) { s.MemberID = "m" }, group.UnknownMember},
		"no member":                 {func(s *group.Sync) { s.MemberID = "" }, group.UnknownMember},
		"unknown instance":          {func(s *group.Sync) { s.InstanceID = text("i") }, group.UnknownMember},
		"older generation":          {func(s *group.Sync) { s.Generation-- }, group.IllegalGeneration},
		"newer generation":          {func(s *group.Sync) { s.Generation++ }, group.IllegalGeneration},
		"member before generation":  {func(s *group.Sync) { s.MemberID = "m"; s.Generation++ }, group.UnknownMember},
		"other type":                {func(s *group.Sync) { s.ProtocolType = text("connect") }, group.InconsistentProtocol},
		"other protocol":            {func(s *group.Sync) { s.Protocol = text("sticky") }, group.InconsistentProtocol},
		"generation, then protocol": {func(s *group.Sync) { s.Generation++; s.Protocol = text("sticky") }, group.IllegalGeneration},
		"the same type and name":    {func(s *group.Sync) { s.ProtocolType, s.Protocol = text("consumer"), text("range") }, group.None},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			w.syncRefused(w.sync(w.pair()[0], c.change), c.code)
		})
	}
}

func TestSyncInOtherStates(t *testing.T) {
	w := newT(t)
	w.syncRefused(w.sync(group.JoinAnswer{MemberID: "m", Generation: 1}), group.UnknownMember)
	w.refused(w.join(v4), group.MemberIDRequired)
	w.is(group.Empty)
	w.syncRefused(w.sync(group.JoinAnswer{MemberID: "m"}), group.UnknownMember)

	m := w.members(1)
	w.join()
	w.is(group.Preparing)
	w.syncRefused(w.sync(m[0]), group.RebalanceInProgress)
}

func TestSyncAgainTakesThePlaceOfTheFirst(t *testing.T) {
	w := newT(t)
	m := w.pair()
	first := w.sync(m[1])
	second := w.sync(m[1])
	w.syncRefused(first, group.RebalanceInProgress)
	w.sync(m[0])
	w.assigned(second)
}

func TestAssignmentThatCannotBeWritten(t *testing.T) {
	for fault, code := range map[group.Fault]group.Code{
		group.Unavailable: group.CoordinatorNotAvailable,
		group.NotLeader:   group.NotCoordinator,
		group.Late:        group.RebalanceInProgress,
		group.TooLarge:    group.UnknownServerError,
		group.Broken:      group.UnknownServerError,
	} {
		w := newT(t)
		m := w.pair()
		follower := w.sync(m[1])
		w.fault = fault
		leader := w.sync(m[0])
		w.syncRefused(leader, code)
		w.syncRefused(follower, code)
		w.is(group.Preparing)
		require.Empty(t, w.log)

		b, a := w.join(as(m[1].MemberID)), w.join(as(m[0].MemberID))
		w.settled([]group.JoinAnswer{w.joinedAs(a), w.joinedAs(b)})
		w.is(group.Stable)
		require.EqualValues(t, 3, w.group().Generation())
	}
}

func TestParkedSyncsEndWithTheRebalance(t *testing.T) {
	w := newT(t)
	m := w.pair()
	follower := w.sync(m[1])
	w.join()
	w.syncRefused(follower, group.RebalanceInProgress)

	w = newT(t)
	m = w.pair()
	follower = w.sync(m[1])
	w.leave(group.Leaver{MemberID: m[1].MemberID})
	w.syncRefused(follower, group.UnknownMember)
}

func TestLeaderThatGoesBeforeItAssigns(t *testing.T) {
	w := newT(t)
	m := w.pair()
	follower := w.sync(m[1])
	w.leave(group.Leaver{MemberID: m[0].MemberID})
	w.syncRefused(follower, group.RebalanceInProgress)
	a := w.joinedAs(w.join(as(m[1].MemberID)))
	require.Equal(t, m[1].MemberID, a.Leader)
	require.Len(t, a.Members, 1)
}

func TestMemberIsAliveWhileItWaits(t *testing.T) {
	w := newT(t)
	m := w.pair()
	follower := w.sync(m[1])
	for range 5 {
		w.pass(9 * time.Second)
		require.Equal(t, group.None, w.heartbeat(m[0]))
	}
	w.parked(follower)
	w.sync(m[0])
	w.assigned(follower)
	w.pass(9 * time.Second)
	require.Equal(t, group.None, w.heartbeat(m[1]), "the session begins with the answer")
}
