package coordinator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/group"
)

func TestTwoMembersShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		first := r.member()
		require.EqualValues(t, 1, first.Generation)
		second := going(func() *kmsg.JoinGroupResponse { return r.join() })
		synctest.Wait()
		require.Empty(t, second, "the first member has yet to join again")
		require.Equal(t, group.RebalanceInProgress, r.heartbeat(first))

		lead := r.join(memberID(first.MemberID))
		follow := <-second
		require.Equal(t, lead.MemberID, follow.LeaderID)
		require.Len(t, lead.Members, 2)
		assigned := going(func() *kmsg.SyncGroupResponse { return r.sync(follow) })
		synctest.Wait()
		require.Empty(t, assigned, "the leader has yet to say")
		require.Equal(t, "for "+lead.MemberID, string(r.sync(lead).MemberAssignment))
		a := <-assigned
		require.Equal(t, "for "+follow.MemberID, string(a.MemberAssignment))
		require.Equal(t, "range", *a.Protocol)
		require.Equal(t, "consumer", *a.ProtocolType)

		d := r.describe("g")
		require.Equal(t, "Stable", d.State)
		require.Equal(t, "range", d.Protocol)
		require.Equal(t, "/127.0.0.1", d.Members[0].ClientHost)
		require.Equal(t, group.None, r.leave(follow.MemberID))
		require.Equal(t, group.UnknownMember, r.leave(follow.MemberID))
		require.Zero(t, r.Waiting())
	})
}

func TestJoinAnswersOfTheVersions(t *testing.T) {
	r := start(t)
	old := r.Join(context.Background(), caller, joinRequest(3))
	require.Zero(t, old.ErrorCode)
	require.Regexp(t, `^c-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`, old.MemberID)

	required := r.Join(context.Background(), caller, joinRequest(4, func(q *kmsg.JoinGroupRequest) { q.Group = "h" }))
	require.EqualValues(t, group.MemberIDRequired, required.ErrorCode)
	require.Nil(t, required.Protocol)
	joined := r.Join(context.Background(), caller, joinRequest(9, memberID(required.MemberID), func(q *kmsg.JoinGroupRequest) { q.Group = "h" }))
	require.Zero(t, joined.ErrorCode)
	require.Equal(t, "consumer", *joined.ProtocolType)
	require.Equal(t, "range", *joined.Protocol)

	nobody := r.Join(context.Background(), caller, joinRequest(9, func(q *kmsg.JoinGroupRequest) { q.Group = "" }))
	require.EqualValues(t, group.InvalidGroupID, nobody.ErrorCode)
	require.EqualValues(t, -1, nobody.Generation)
}

// In version 0 the rebalance timeout is the session's.
func TestVersion0HasOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		short := func(q *kmsg.JoinGroupRequest) { q.SessionTimeoutMillis, q.RebalanceTimeoutMillis = 6_000, -1 }
		first := r.Join(context.Background(), caller, joinRequest(0, short))
		r.sync(first)
		began := time.Now()
		second := r.Join(context.Background(), caller, joinRequest(0, short))
		require.Zero(t, second.ErrorCode)
		require.Equal(t, 6*time.Second, time.Since(began))
	})
}

func TestSessionEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		m := r.member()
		for range 10 {
			time.Sleep(9 * time.Second)
			require.Equal(t, group.None, r.heartbeat(m))
		}
		time.Sleep(10*time.Second - time.Millisecond)
		synctest.Wait()
		require.Equal(t, "Stable", r.describe("g").State)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Equal(t, "Empty", r.describe("g").State)
	})
}

func TestInitialDelayByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *coordinator.Config) { c.Group.InitialDelay = 3 * time.Second })
		began := time.Now()
		require.Zero(t, r.join().ErrorCode)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestCallerThatGoesLeavesItsMemberBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		first := r.member()
		ctx, cancel := context.WithCancel(context.Background())
		gone := going(func() *kmsg.JoinGroupResponse { return r.Join(ctx, caller, joinRequest(3)) })
		synctest.Wait()
		cancel()
		require.EqualValues(t, group.NotCoordinator, (<-gone).ErrorCode)
		lead := r.join(memberID(first.MemberID))
		require.Len(t, lead.Members, 2, "Kafka's timers decide about it")
		require.Zero(t, r.Waiting())
	})
}

func TestStopAnswersWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.member()
		waiting := going(func() *kmsg.JoinGroupResponse { return r.join() })
		synctest.Wait()
		r.stop()
		require.EqualValues(t, group.NotCoordinator, (<-waiting).ErrorCode)
		require.EqualValues(t, group.NotCoordinator, r.join().ErrorCode)
	})
}

func TestVersion5OfSyncMustSayTheProtocol(t *testing.T) {
	r := start(t)
	q := kmsg.NewPtrSyncGroupRequest()
	q.Version = 5
	require.EqualValues(t, group.InconsistentProtocol, r.Sync(context.Background(), q).ErrorCode, "before anything else is looked at")
	q.Version = 4
	require.EqualValues(t, group.InvalidGroupID, r.Sync(context.Background(), q).ErrorCode)
}

func TestLeaveAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		m := r.member()
		q := kmsg.NewPtrLeaveGroupRequest()
		q.Version, q.Group = 5, "g"
		for _, id := range []string{"nobody", m.MemberID} {
			one := kmsg.NewLeaveGroupRequestMember()
			one.MemberID = id
			q.Members = append(q.Members, one)
		}
		a := r.Leave(q)
		require.Zero(t, a.ErrorCode)
		require.Len(t, a.Members, 2)
		require.EqualValues(t, group.UnknownMember, a.Members[0].ErrorCode)
		require.Zero(t, a.Members[1].ErrorCode)

		q.Group = ""
		require.EqualValues(t, group.InvalidGroupID, r.Leave(q).ErrorCode)
		q.Group, q.Members = "nogroup", nil
		require.Empty(t, r.Leave(q).Members)
	})
}

func TestMembersOfAllGroupsAreBounded(t *testing.T) {
	r := start(t, func(c *coordinator.Config) { c.MaxMembers = 2_000 })
	codes := map[int16]int{}
	for range 10 {
		codes[r.Join(context.Background(), caller, joinRequest(9)).ErrorCode]++
	}
	require.NotZero(t, codes[int16(group.MemberIDRequired)])
	require.NotZero(t, codes[int16(group.GroupFull)])
}
