package group_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
)

func TestFirstMemberOfFreshGroupNeedNotWait(t *testing.T) {
	w := newT(t)
	a := w.joinedAs(w.join())
	require.Equal(t, group.JoinAnswer{
		Token: 1, MemberID: "c-u1", Generation: 1, ProtocolType: "consumer", Protocol: "range", Leader: "c-u1",
		Members: []group.JoinedMember{{ID: "c-u1", Metadata: subscription("t")}},
	}, a)
	w.is(group.Completing)
	require.Empty(t, w.log, "nothing is written before the assignment")
}

func TestJoinRefusals(t *testing.T) {
	bounds := func(w *world) { w.config.MinSession, w.config.MaxSession = 6*time.Second, 30*time.Minute }
	one := func(w *world) { w.members(1) }
	for name, c := range map[string]struct {
		before func(*world)
		join   func(*joining)
		code   group.Code
		id     string // in the answer
	}{
		"session too short":                  {bounds, session(6*time.Second - 1), group.InvalidSessionTimeout, ""},
		"session too long":                   {bounds, session(30*time.Minute + 1), group.InvalidSessionTimeout, ""},
		"session refused before the member":  {bounds, func(j *joining) { j.Session, j.MemberID = 0, "m" }, group.InvalidSessionTimeout, "m"},
		"member of a group that is not":      {nil, as("m"), group.UnknownMember, "m"},
		"member unknown to the group":        {one, as("m"), group.UnknownMember, "m"},
		"instance unknown to the group":      {one, func(j *joining) { as("m")(j); static("i")(j) }, group.UnknownMember, "m"},
		"no protocol type, fresh group":      {nil, ofType(""), group.InconsistentProtocol, ""},
		"no protocols, fresh group":          {nil, saying(), group.InconsistentProtocol, ""},
		"another type than the group's":      {one, ofType("connect"), group.InconsistentProtocol, ""},
		"no protocol in common":              {one, saying("roundrobin"), group.InconsistentProtocol, ""},
		"no protocols, group with members":   {one, saying(), group.InconsistentProtocol, ""},
		"protocol before the member":         {one, func(j *joining) { as("m")(j); saying("other")(j) }, group.InconsistentProtocol, "m"},
		"group is full":                      {func(w *world) { one(w); w.config.MaxSize = 1 }, to("g"), group.GroupFull, ""},
		"all groups together hold too much":  {func(w *world) { w.room = 100 }, to("g"), group.GroupFull, ""},
		"one member holds too much":          {func(w *world) { w.config.MaxMember = 100 }, to("g"), group.MessageTooLarge, ""},
		"group id that cannot be written":    {nil, to(strings.Repeat("g", 1<<15)), group.InvalidRequest, ""},
		"instance id that cannot be written": {nil, static(strings.Repeat("i", 1<<15)), group.InvalidRequest, ""},
		"protocol that cannot be written":    {nil, saying(strings.Repeat("p", 1<<15)), group.InvalidRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			if c.before != nil {
				c.before(w)
			}
			groups := w.table.Len()
			a := w.refused(w.join(c.join), c.code)
			require.Equal(t, c.id, a.MemberID)
			require.Equal(t, groups, w.table.Len(), "a refusal leaves no group behind")
		})
	}
}

func TestSessionBoundsThemselvesAreAllowed(t *testing.T) {
	w := newT(t)
	w.joinedAs(w.join(session(6 * time.Second)))
	w.joinedAs(w.join(to("other"), session(30*time.Minute)))
}

func TestDynamicMemberGetsIDFirst(t *testing.T) {
	w := newT(t)
	a := w.refused(w.join(v4), group.MemberIDRequired)
	require.Equal(t, "c-u1", a.MemberID)
	w.is(group.Empty)

	b := w.joinedAs(w.join(v4, as(a.MemberID)))
	require.Equal(t, "c-u1", b.MemberID)
	require.Equal(t, "c-u1", b.Leader)
}

func TestIDThatIsNotUsedIsForgotten(t *testing.T) {
	w := newT(t)
	a := w.refused(w.join(v4, session(10*time.Second)), group.MemberIDRequired)
	w.pass(10*time.Second - time.Millisecond)
	w.is(group.Empty)
	w.pass(time.Millisecond)
	w.is(group.Dead)
	w.refused(w.join(v4, as(a.MemberID)), group.UnknownMember)
	require.Zero(t, w.table.Bytes())
}

// Kafka's own rule: a rebalance is not over while an id is out.
func TestRebalanceWaitsForIDsThatAreOut(t *testing.T) {
	w := newT(t)
	m := w.members(1)[0]
	late := w.refused(w.join(v4), group.MemberIDRequired)
	again := w.join(as(m.MemberID))
	w.parked(again)
	w.is(group.Preparing)
	second := w.join(v4, as(late.MemberID))
	require.Len(t, w.joinedAs(again).Members, 2)
	require.Equal(t, w.joined[again].Leader, w.joinedAs(second).Leader)

	late = w.refused(w.join(v4), group.MemberIDRequired)
	w.settled([]group.JoinAnswer{w.joined[again], w.joined[second]})
	again, then := w.join(as(m.MemberID)), w.join(as(w.joined[second].MemberID))
	w.parked(again, then)
	require.Equal(t, group.None, w.leave(group.Leaver{MemberID: late.MemberID})[0].Code)
	w.joinedAs(again)
	w.joinedAs(then)
}

func TestPendingIDWithInstanceIsNobody(t *testing.T) {
	w := newT(t)
	a := w.refused(w.join(v4), group.MemberIDRequired)
	w.refused(w.join(as(a.MemberID), static("i")), group.UnknownMember)
}

func TestNewMemberRebalancesStableGroup(t *testing.T) {
	w := newT(t)
	m := w.members(1)[0]
	b := w.join()
	w.is(group.Preparing)
	w.parked(b)
	require.Equal(t, group.RebalanceInProgress, w.heartbeat(m))
	a := w.join(as(m.MemberID))
	require.Len(t, w.joinedAs(a).Members, 2)
	require.Empty(t, w.joinedAs(b).Members, "only the leader learns of all")
	require.EqualValues(t, 2, w.joined[b].Generation)
	require.Equal(t, m.MemberID, w.joined[b].Leader)
}

func TestMemberJoinsAgainWhileAssignmentIsAwaited(t *testing.T) {
	w := newT(t)
	first := w.joinedAs(w.join())
	b := w.join()
	lead := w.joinedAs(w.join(as(first.MemberID)))
	follow := w.joinedAs(b)

	again := w.joinedAs(w.join(as(follow.MemberID)))
	again.Token = follow.Token
	require.Equal(t, follow, again, "with the same protocols the same answer")
	again = w.joinedAs(w.join(as(lead.MemberID)))
	require.Len(t, again.Members, 2)
	w.is(group.Completing)

	parked := w.sync(follow)
	changed := w.join(as(follow.MemberID), reading("t", "u"))
	w.is(group.Preparing)
	w.syncRefused(parked, group.RebalanceInProgress)
	w.parked(changed)
}

func TestMemberJoinsAgainWhileStable(t *testing.T) {
	for name, c := range map[string]struct {
		leader     bool
		change     func(*joining)
		rebalances bool
	}{
		"leader, nothing new":   {true, to("g"), true},
		"leader, other topics":  {true, reading("u"), true},
		"follower, nothing new": {false, to("g"), false},
		"follower, other":       {false, reading("u"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			m := w.members(2)
			who := m[1]
			if c.leader {
				who = m[0]
			}
			token := w.join(as(who.MemberID), c.change)
			if c.rebalances {
				w.parked(token)
				w.is(group.Preparing)
				return
			}
			a := w.joinedAs(token)
			require.Equal(t, who.Generation, a.Generation)
			require.Empty(t, a.Members)
			w.is(group.Stable)
		})
	}
}

func TestMemberChangesItsMindDuringRebalance(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	w.join(as(m[1].MemberID), reading("u"))
	again := w.join(as(m[1].MemberID), reading("v"))
	w.refused(again-1, group.RebalanceInProgress)
	lead := w.joinedAs(w.join(as(m[0].MemberID)))
	require.Equal(t, subscription("v"), lead.Members[1].Metadata)
}

func TestProtocolIsVotedFor(t *testing.T) {
	for name, c := range map[string]struct {
		members [][]string
		chosen  string
	}{
		"the only one":                  {[][]string{{"a"}, {"a", "b"}, {"b", "a"}}, "a"},
		"most like it best":             {[][]string{{"a", "b"}, {"b", "a"}, {"b", "a"}}, "b"},
		"only those that all support":   {[][]string{{"x", "a", "b"}, {"y", "a", "b"}, {"z", "b", "a"}}, "a"},
		"of equals the earlier voter's": {[][]string{{"a", "b"}, {"b", "a"}}, "a"},
		"named twice":                   {[][]string{{"a", "a", "b"}, {"b"}}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			w.config.InitialDelay = time.Second
			var tokens []group.Token
			for _, protocols := range c.members {
				tokens = append(tokens, w.join(saying(protocols...)))
			}
			w.pass(time.Minute)
			for _, token := range tokens {
				require.Equal(t, c.chosen, w.joinedAs(token).Protocol)
			}
			for _, m := range w.joined[tokens[0]].Members {
				require.Equal(t, "says "+c.chosen, string(m.Metadata))
			}
		})
	}
}

func TestGroupSizeWhileRebalancing(t *testing.T) {
	w := newT(t)
	m := w.members(3)
	w.config.MaxSize = 2
	first, second := w.join(as(m[2].MemberID), reading("u")), w.join(as(m[1].MemberID))
	w.parked(first, second)
	lead := w.refused(w.join(as(m[0].MemberID)), group.GroupFull)
	require.Empty(t, lead.MemberID)
	w.joinedAs(first)
	require.Len(t, w.joinedAs(second).Members, 2, "who comes first stays")
}

func TestLeaderThatDoesNotComeBackIsReplaced(t *testing.T) {
	w := newT(t)
	m := w.members(3)
	b, c := w.join(as(m[1].MemberID), reading("u")), w.join(as(m[2].MemberID))
	w.pass(time.Minute)
	require.Equal(t, m[1].MemberID, w.joinedAs(b).Leader)
	require.Len(t, w.joined[b].Members, 2)
	require.Equal(t, m[1].MemberID, w.joinedAs(c).Leader)
}

func TestMemberBytesAreCountedAndGivenBack(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	before := w.table.Bytes()
	require.Greater(t, before, int64(2*len(subscription("t"))))
	w.join(as(m[1].MemberID), reading(strings.Repeat("x", 100)))
	require.GreaterOrEqual(t, w.table.Bytes(), before+50)
	w.leave(group.Leaver{MemberID: m[0].MemberID}, group.Leaver{MemberID: m[1].MemberID})
	require.Zero(t, w.table.Bytes())
}
