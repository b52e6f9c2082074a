package group_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
)

// The initial wait: three seconds, again for each newcomer, as long as the rebalance timeout
// of who began.
func TestInitialDelay(t *testing.T) {
	const delay = 3 * time.Second
	for name, c := range map[string]struct {
		joins []time.Duration // when members join
		ends  time.Duration
	}{
		"one member":                       {[]time.Duration{0}, delay},
		"newcomer within the wait":         {[]time.Duration{0, time.Second}, 2 * delay},
		"newcomers in each wait":           {[]time.Duration{0, 2 * time.Second, 4 * time.Second}, 3 * delay},
		"newcomers without end":            {[]time.Duration{0, 1e9, 4e9, 7e9, 9500e6}, 10 * time.Second},
		"newcomers in one wait count once": {[]time.Duration{0, 1e9, 2e9, 2500e6}, 2 * delay},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			w.config.InitialDelay = delay
			var tokens []group.Token
			for _, at := range c.joins {
				w.pass(at - w.now.Sub(begin))
				tokens = append(tokens, w.join(patience(10*time.Second)))
			}
			w.pass(c.ends - w.now.Sub(begin) - time.Millisecond)
			w.parked(tokens...)
			w.pass(time.Millisecond)
			for _, token := range tokens {
				require.EqualValues(t, 1, w.joinedAs(token).Generation)
			}
		})
	}
}

func TestInitialDelayIsForGroupsThatWereEmpty(t *testing.T) {
	w := newT(t)
	m := w.members(1)
	w.config.InitialDelay = 3 * time.Second
	b := w.join()
	w.joinedAs(w.join(as(m[0].MemberID)))
	w.joinedAs(b)

	w.leave(group.Leaver{MemberID: m[0].MemberID}, group.Leaver{MemberID: w.joined[b].MemberID})
	w.is(group.Empty)
	c := w.join()
	w.parked(c)
	w.pass(3 * time.Second)
	w.joinedAs(c)
}

func TestWhoDoesNotJoinInTimeIsRemoved(t *testing.T) {
	w := newT(t)
	m := w.members(3, patience(20*time.Second), session(25*time.Second))
	a := w.join(as(m[0].MemberID), patience(5*time.Second))
	b := w.join(as(m[1].MemberID), patience(5*time.Second))
	w.pass(20*time.Second - time.Millisecond)
	w.parked(a, b)
	w.pass(time.Millisecond)
	require.Len(t, w.joinedAs(a).Members, 2)
	w.joinedAs(b)
	require.Equal(t, group.UnknownMember, w.heartbeat(m[2]))
}

func TestRebalanceTimeoutIsTheLongestOfTheMembers(t *testing.T) {
	w := newT(t)
	first := w.joinedAs(w.join(patience(time.Minute), session(30*time.Minute)))
	b := w.join(patience(time.Second))
	w.pass(time.Minute - time.Millisecond)
	w.parked(b)
	w.pass(time.Millisecond)
	w.joinedAs(b)
	require.Equal(t, group.UnknownMember, w.heartbeat(first))
}

func TestSessionEndsAndMemberIsRemoved(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	w.pass(9 * time.Second)
	require.Equal(t, group.None, w.heartbeat(m[0]))
	w.pass(time.Second - time.Millisecond)
	w.is(group.Stable)
	w.pass(time.Millisecond)
	w.is(group.Preparing)
	require.Equal(t, group.UnknownMember, w.heartbeat(m[1]))
	require.Len(t, w.joinedAs(w.join(as(m[0].MemberID))).Members, 1)
}

func TestSessionsOfAllEndAndGroupIsEmpty(t *testing.T) {
	w := newT(t)
	w.members(3)
	w.commitOnly()
	w.pass(10 * time.Second)
	w.is(group.Empty)
	require.EqualValues(t, 3, w.group().Generation())
	_, ok := w.table.Deadline()
	require.False(t, ok, "an empty group asks for no waking")
}

// commitOnly gives the group an offset by somebody who is one of its members.
func (w *world) commitOnly() {
	d := w.group().Describe()
	require.Equal(w.t, group.None, w.commit(func(c *group.Commit) {
		c.MemberID, c.Generation = d.Members[0].ID, w.group().Generation()
	}))
}

// Each of these shows that a member is alive.
func TestSignsOfLife(t *testing.T) {
	for name, sign := range map[string]func(w *world, m group.JoinAnswer){
		"heartbeat":         func(w *world, m group.JoinAnswer) { w.heartbeat(m) },
		"commit":            func(w *world, m group.JoinAnswer) { w.commit(by(m)) },
		"sync, when stable": func(w *world, m group.JoinAnswer) { w.sync(m) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			m := w.members(1)[0]
			for range 3 {
				w.pass(9 * time.Second)
				sign(w, m)
			}
			w.pass(10*time.Second - time.Millisecond)
			w.is(group.Stable)
			w.pass(time.Millisecond)
			w.is(group.Empty)
		})
	}
}

func TestHeartbeatDuringRebalanceIsASignOfLife(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	w.join(as(m[0].MemberID))
	w.pass(9 * time.Second)
	require.Equal(t, group.RebalanceInProgress, w.heartbeat(m[1]))
	w.pass(9 * time.Second)
	require.Equal(t, group.RebalanceInProgress, w.heartbeat(m[1]))
	require.Equal(t, group.None, w.commit(by(m[1])))
	w.pass(10*time.Second - time.Millisecond)
	w.is(group.Preparing)
	w.pass(time.Millisecond)
	w.is(group.Completing)
}

func TestMemberThatWaitsToJoinDoesNotExpire(t *testing.T) {
	w := newT(t)
	m := w.members(2, patience(30*time.Minute), session(time.Minute))
	a := w.join(as(m[0].MemberID), session(10*time.Second))
	for range 20 {
		w.pass(50 * time.Second)
		require.Equal(t, group.RebalanceInProgress, w.heartbeat(m[1]))
	}
	w.parked(a)
}

// One that was never answered may have given up: it cannot be told from a new one.
func TestNewMemberThatWaitsTooLongIsRemoved(t *testing.T) {
	w := newT(t)
	m := w.members(1, patience(time.Hour), session(30*time.Minute))
	b := w.join(patience(time.Hour))
	w.pass(5*time.Minute - time.Millisecond)
	w.parked(b)
	w.pass(time.Millisecond)
	require.Empty(t, w.refused(b, group.UnknownMember).MemberID)
	require.Len(t, w.joinedAs(w.join(as(m[0].MemberID))).Members, 1)
}

func TestMembersThatDoNotSyncAreRemoved(t *testing.T) {
	w := newT(t)
	m := w.pair(patience(20*time.Second), session(30*time.Minute))
	leader := w.sync(m[0])
	w.assigned(leader)
	w.pass(20*time.Second - time.Millisecond)
	w.is(group.Stable)
	w.pass(time.Millisecond)
	w.is(group.Preparing)
	require.Equal(t, group.UnknownMember, w.heartbeat(m[1]))
	require.Len(t, w.joinedAs(w.join(as(m[0].MemberID))).Members, 1)
}

func TestLeaderThatDoesNotSyncIsRemoved(t *testing.T) {
	w := newT(t)
	m := w.pair(patience(20*time.Second), session(30*time.Minute))
	follower := w.sync(m[1])
	w.pass(20 * time.Second)
	w.syncRefused(follower, group.RebalanceInProgress)
	require.Equal(t, m[1].MemberID, w.joinedAs(w.join(as(m[1].MemberID))).Leader)
}

func TestAllHaveSyncedInTime(t *testing.T) {
	w := newT(t)
	w.members(2, patience(20*time.Second), session(30*time.Minute))
	w.pass(29 * time.Minute)
	w.is(group.Stable)
}

func TestMembersWithoutPatienceDoNotKeepTheTableBusy(t *testing.T) {
	w := newT(t)
	m := w.members(1, static("i"), patience(-time.Millisecond), session(time.Minute))
	w.join(v4)
	w.join(patience(0))
	w.pass(5 * time.Second)
	require.NotEqual(t, group.Dead, w.state())
	require.NotEmpty(t, m)
}
