package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/group"
)

// codes asks everything of a group and gives the codes.
func (r *running) codes() map[string]group.Code {
	_, fetch := r.committed("g")
	return map[string]group.Code{
		"JoinGroup":      group.Code(r.join().ErrorCode),
		"SyncGroup":      group.Code(r.sync(&kmsg.JoinGroupResponse{}).ErrorCode),
		"Heartbeat":      r.heartbeat(&kmsg.JoinGroupResponse{}),
		"LeaveGroup":     r.leave("m"),
		"OffsetCommit":   r.commit("g", 1),
		"OffsetFetch":    fetch,
		"OffsetDelete":   r.deleteOffset("g"),
		"DescribeGroups": group.Code(r.describe("g").ErrorCode),
		"DeleteGroups":   r.delete("g"),
		"ListGroups":     group.Code(r.list().ErrorCode),
	}
}

func TestAnswersWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 1)
		gate := make(chan struct{})
		m.with(0, func(p *part) { p.gate = gate })
		r := over(t, m)
		r.Load(0, 1)
		synctest.Wait()
		want := map[string]group.Code{}
		for api := range r.codes() {
			want[api] = group.LoadInProgress
		}
		want["Heartbeat"] = group.None                // taken for granted
		want["SyncGroup"] = group.RebalanceInProgress // what was being decided is lost
		require.Equal(t, want, r.codes())

		q := kmsg.NewPtrOffsetFetchRequest()
		q.Version, q.Group = 1, "g"
		topic := kmsg.NewOffsetFetchRequestTopic()
		topic.Topic, topic.Partitions = "t", []int32{0, 1}
		q.Topics = append(q.Topics, topic)
		a := r.OffsetFetch(context.Background(), q)
		require.Len(t, a.Topics[0].Partitions, 2, "version 1 tells each partition")
		require.EqualValues(t, group.LoadInProgress, a.Topics[0].Partitions[1].ErrorCode)
		q.Version = 2
		a = r.OffsetFetch(context.Background(), q)
		require.Empty(t, a.Topics)
		require.EqualValues(t, group.LoadInProgress, a.ErrorCode)

		close(gate)
		synctest.Wait()
		require.Zero(t, r.join().ErrorCode)
	})
}

func TestAnswersWhereTheGroupIsNotLed(t *testing.T) {
	r := over(t, newMemory(t, 1))
	for api, code := range r.codes() {
		if api == "ListGroups" {
			require.Equal(t, group.None, code)
			continue
		}
		require.Equal(t, group.NotCoordinator, code, api)
	}
}

func TestGroupsAndOffsetsSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		m := r.member()
		require.Equal(t, group.None, r.commit("other", 42))
		r.stop()

		again := over(t, r.log)
		again.Load(0, 2)
		synctest.Wait()
		require.Equal(t, group.None, again.heartbeat(m))
		offset, _ := again.committed("other")
		require.EqualValues(t, 42, offset)
		require.Equal(t, "for "+m.MemberID, string(again.sync(m).MemberAssignment))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, "Empty", again.describe("g").State)
	})
}

func TestUnloadSendsWhoWaitsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		first := r.member()
		join := going(func() *kmsg.JoinGroupResponse { return r.join() })
		synctest.Wait()
		r.Unload(0, 0)
		synctest.Wait()
		require.Empty(t, join, "an older epoch says nothing")
		r.Unload(0, 1)
		require.EqualValues(t, group.NotCoordinator, (<-join).ErrorCode)
		require.Equal(t, group.NotCoordinator, r.heartbeat(first))

		r.Load(0, 2)
		synctest.Wait()
		require.Equal(t, group.None, r.heartbeat(first), "loaded again it is known again")
		r.Unload(0, -1)
		require.Equal(t, group.NotCoordinator, r.heartbeat(first))
	})
}

func TestNewerEpochLoadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		m := r.member()
		r.Load(0, 1)
		require.Equal(t, group.None, r.heartbeat(m), "the same epoch changes nothing")
		sync := going(func() *kmsg.JoinGroupResponse { return r.join() })
		synctest.Wait()
		r.log.with(0, func(p *part) { p.epoch = 2 })
		r.Load(0, 2)
		require.EqualValues(t, group.NotCoordinator, (<-sync).ErrorCode)
		synctest.Wait()
		require.Equal(t, group.None, r.heartbeat(m))
		require.Equal(t, group.None, r.commit("x", 1))
	})
}

func TestUnloadEndsALoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 1)
		m.with(0, func(p *part) { p.gate = make(chan struct{}) })
		r := over(t, m)
		r.Load(0, 1)
		synctest.Wait()
		r.Unload(0, 1)
		require.EqualValues(t, group.NotCoordinator, r.join().ErrorCode)
		m.with(0, func(p *part) { p.gate = nil })
		r.Load(0, 2)
		synctest.Wait()
		require.Zero(t, r.join().ErrorCode)
	})
}

func TestLoadingThatFailsBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 1)
		m.with(0, func(p *part) { p.unread = errors.New("disk") })
		r := over(t, m)
		r.Load(0, 1)
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, group.LoadInProgress, r.join().ErrorCode)
		m.with(0, func(p *part) { p.unread = nil })
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, r.join().ErrorCode)
	})
}

// What a former leader wrote and nobody has committed yet may be taken back.
func TestFirstAnswersWaitForWhatWasLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		require.Equal(t, group.None, r.commit("x", 5))
		r.stop()
		r.log.with(0, func(p *part) { p.committed, p.lagging = 0, true })
		again := over(t, r.log)
		again.Load(0, 2)
		synctest.Wait()
		fetched := going(func() int64 { o, _ := again.committed("x"); return o })
		synctest.Wait()
		require.Empty(t, fetched)
		r.log.with(0, func(p *part) { p.committed = p.end })
		require.EqualValues(t, 5, <-fetched)
	})
}

func TestFiftyPartitionsAreLoadedAtOnce(t *testing.T) {
	m := newMemory(t, 50)
	r := over(t, m)
	for i := range int32(50) {
		r.Load(i, 1)
	}
	r.ready()
	seen := map[int32]bool{}
	for i := range 500 {
		id := fmt.Sprint("group-", i)
		require.Equal(t, group.None, r.commit(id, int64(i)))
		seen[r.PartitionFor(id)] = true
	}
	require.Greater(t, len(seen), 40)
	require.Len(t, r.list().Groups, 500)
	for i := range 500 {
		offset, _ := r.committed(fmt.Sprint("group-", i))
		require.EqualValues(t, i, offset)
	}
}

func TestUnreadableRecordsAreToldOf(t *testing.T) {
	m := newMemory(t, 1)
	log, err := m.Lead(0, 1)
	require.NoError(t, err)
	_, err = log.Append(strangeBatch(t))
	require.NoError(t, err)
	lines := &lines{}
	r := &running{t: t, log: m, Groups: coordinator.New(coordinator.Options{Log: m, Logger: lines.logger()})}
	ctx, cancel := context.WithCancel(context.Background())
	done := going(func() error { return r.Run(ctx) })
	r.Load(0, 1)
	r.ready()
	cancel()
	require.NoError(t, <-done)
	require.Contains(t, lines.String(), "could not be read")
	require.Contains(t, lines.String(), "kind=ConsumerGroupMetadata")
}

// Where a disk has failed no order to retire comes: heartbeats need no disk, and would
// keep members with a coordinator that is none.
func TestALeadershipThatIsLostAnswersNobody(t *testing.T) {
	r := start(t)
	j := r.member()
	require.Equal(t, group.None, r.heartbeat(j))
	r.log.with(0, func(p *part) { p.epoch = 2 })
	require.Equal(t, group.NotCoordinator, r.heartbeat(j))
	require.Equal(t, int16(group.NotCoordinator), r.describe("g").ErrorCode)
	all := r.list()
	require.Zero(t, all.ErrorCode)
	require.Empty(t, all.Groups)
	r.Load(0, 2)
	r.ready()
	require.Eventually(t, func() bool { return r.heartbeat(j) == group.None }, 10*time.Second, time.Millisecond)
}
