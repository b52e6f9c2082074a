package group_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

// statics makes a stable group of two static members, "lead" and "follow".
func (w *world) statics(change ...func(*joining)) (lead, follow group.JoinAnswer) {
	first := w.joinedAs(w.join(append(change, static("lead"))...))
	b := w.join(append(change, static("follow"))...)
	a := w.join(append(change, static("lead"), as(first.MemberID))...)
	lead, follow = w.joinedAs(a), w.joinedAs(b)
	w.settled([]group.JoinAnswer{lead, follow})
	w.is(group.Stable)
	return lead, follow
}

func instance(id string) *string { return &id }

func TestStaticMemberIsNamedByItsInstance(t *testing.T) {
	w := newT(t)
	a := w.joinedAs(w.join(v9, static("i")))
	require.Equal(t, "i-u1", a.MemberID, "a static member needs no second request")
	require.Equal(t, "i", *a.Members[0].InstanceID)
	b := w.joinedAs(w.join(to("other"), static("")))
	require.Equal(t, "-u2", b.MemberID)
}

func TestStaticMemberComesBackWithoutRebalance(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics()
	a := w.joinedAs(w.join(static("follow"), reading("other")))
	w.is(group.Stable)
	require.NotEqual(t, follow.MemberID, a.MemberID)
	require.Equal(t, follow.Generation, a.Generation)
	require.Equal(t, lead.MemberID, a.Leader)
	require.Empty(t, a.Members)
	require.False(t, a.SkipAssignment)

	v, err := entry.ReadGroup(w.wrote[0].Value)
	require.NoError(t, err)
	require.Equal(t, a.MemberID, v.Members[1].ID)
	require.Equal(t, "for "+follow.MemberID, string(v.Members[1].Assignment))
	require.Equal(t, "for "+follow.MemberID, w.assigned(w.sync(a)), "it goes on with what it had")
	require.Equal(t, group.FencedInstance, w.heartbeat(follow, func(h *group.Heartbeat) { h.InstanceID = instance("follow") }))
	require.Equal(t, group.UnknownMember, w.heartbeat(follow))
}

func TestStaticLeaderComesBack(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics()
	a := w.joinedAs(w.join(static("lead")))
	require.Equal(t, lead.MemberID, a.Leader, "an older client is not told that it leads")
	require.Empty(t, a.Members)
	require.False(t, a.SkipAssignment)

	b := w.joinedAs(w.join(v9, static("lead")))
	require.Equal(t, b.MemberID, b.Leader)
	require.Len(t, b.Members, 2)
	require.True(t, b.SkipAssignment)
	require.Equal(t, follow.Generation, b.Generation)

	c := w.joinedAs(w.join(v9, static("follow")))
	require.Equal(t, b.MemberID, c.Leader)
	require.False(t, c.SkipAssignment)
	w.is(group.Stable)
}

func TestStaticMemberWhoseProtocolChangesRebalances(t *testing.T) {
	w := newT(t)
	w.statics(saying("a", "b"))
	token := w.join(static("follow"), saying("b"))
	w.parked(token)
	w.is(group.Preparing)
}

func TestNewIDThatCannotBeWritten(t *testing.T) {
	w := newT(t)
	_, follow := w.statics()
	w.fault = group.Unavailable
	token := w.join(static("follow"))
	a := w.joinAnswer(token)
	require.Equal(t, group.CoordinatorNotAvailable, a.Code)
	require.Empty(t, a.MemberID)
	w.is(group.Stable)
	require.Equal(t, group.None, w.heartbeat(follow, func(h *group.Heartbeat) { h.InstanceID = instance("follow") }))
	require.Equal(t, "for "+follow.MemberID, w.assigned(w.sync(follow)))
}

func TestStaticMemberComesBackDuringRebalance(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics()
	parked := w.join(as(lead.MemberID), static("lead"))
	w.is(group.Preparing)
	again := w.join(static("lead"))
	w.refused(parked, group.FencedInstance)
	require.Equal(t, lead.MemberID, w.joined[parked].MemberID)
	other := w.joinedAs(w.join(as(follow.MemberID), static("follow")))
	require.Equal(t, w.joinedAs(again).MemberID, other.Leader)
}

func TestStaticMemberComesBackBeforeTheAssignment(t *testing.T) {
	w := newT(t)
	first := w.joinedAs(w.join(static("lead")))
	b := w.join(static("follow"))
	w.joinedAs(w.join(static("lead"), as(first.MemberID)))
	follow := w.joinedAs(b)
	parked := w.sync(follow)
	again := w.join(static("follow"))
	w.syncRefused(parked, group.FencedInstance)
	w.parked(again)
	w.is(group.Preparing)
}

func TestFencing(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics()
	stranger := group.JoinAnswer{MemberID: "x", Generation: follow.Generation}
	for name, c := range map[string]struct {
		who      group.JoinAnswer
		instance string
		code     group.Code
	}{
		"another's instance": {lead, "follow", group.FencedInstance},
		"no member":          {stranger, "follow", group.FencedInstance},
		"no instance":        {follow, "nobody", group.UnknownMember},
		"its own":            {follow, "follow", group.None},
	} {
		t.Run(name, func(t *testing.T) {
			id := instance(c.instance)
			require.Equal(t, c.code, w.heartbeat(c.who, func(h *group.Heartbeat) { h.InstanceID = id }))
			w.syncRefused(w.sync(c.who, func(s *group.Sync) { s.InstanceID = id }), c.code)
			require.Equal(t, c.code, w.commit(by(c.who), func(o *group.Commit) { o.InstanceID = id }))
			if c.code != group.None {
				w.refused(w.join(as(c.who.MemberID), static(c.instance)), c.code)
				require.Equal(t, c.code, w.leave(group.Leaver{MemberID: c.who.MemberID, InstanceID: id})[0].Code)
			}
		})
	}
}

func TestStaticMemberMayMissARebalance(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics(patience(20*time.Second), session(time.Minute))
	a := w.join(as(lead.MemberID), static("lead"), patience(5*time.Second))
	w.pass(20 * time.Second)
	again := w.joinedAs(a)
	require.Len(t, again.Members, 2, "it stays until its session ends")
	w.sync(again)
	require.Equal(t, group.IllegalGeneration, w.heartbeat(follow))
}

func TestRebalanceOfStaticMembersToWhichNobodyComes(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics(patience(20*time.Second), session(30*time.Minute))
	b := w.join(as(follow.MemberID), static("follow"), reading("u"))
	w.parked(b)
	w.leave(group.Leaver{MemberID: follow.MemberID})
	w.is(group.Preparing)
	w.pass(5 * time.Minute)
	w.is(group.Preparing)
	require.Equal(t, group.RebalanceInProgress, w.heartbeat(lead))
	require.Len(t, w.joinedAs(w.join(as(lead.MemberID), static("lead"))).Members, 1)
}

func TestStaticMembersSessionEndsToo(t *testing.T) {
	w := newT(t)
	w.statics()
	w.pass(10 * time.Second)
	w.is(group.Empty)
}
