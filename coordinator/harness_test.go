package coordinator_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/group"
)

// running is a coordinator over a topic in memory.
type running struct {
	*coordinator.Groups
	t    testing.TB
	log  *memory
	stop func()
}

// start runs a coordinator that leads partition 0 of one, until the test ends.
func start(t testing.TB, change ...func(*coordinator.Config)) *running {
	m := newMemory(t, 1)
	r := over(t, m, change...)
	r.Load(0, 1)
	r.ready()
	return r
}

// over runs a coordinator over a topic.
func over(t testing.TB, m *memory, change ...func(*coordinator.Config)) *running {
	t.Helper()
	c := coordinator.DefaultConfig()
	for _, f := range change {
		f(&c)
	}
	r := &running{t: t, log: m, Groups: coordinator.New(coordinator.Options{
		Log: m, Config: func() coordinator.Config { return c },
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		assert.NoError(t, r.Run(ctx))
	}()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r
}

// ready waits until everything is loaded.
func (r *running) ready() {
	require.Eventually(r.t, func() bool { return r.list().ErrorCode == 0 }, 60*time.Second, 100*time.Microsecond)
}

func (r *running) list() *kmsg.ListGroupsResponse {
	q := kmsg.NewPtrListGroupsRequest()
	q.Version = 5
	return r.List(q)
}

var caller = &coordinator.Caller{ClientID: "c", ClientHost: "/127.0.0.1"}

func joinRequest(version int16, change ...func(*kmsg.JoinGroupRequest)) *kmsg.JoinGroupRequest {
	q := kmsg.NewPtrJoinGroupRequest()
	q.Version, q.Group, q.SessionTimeoutMillis, q.RebalanceTimeoutMillis, q.ProtocolType = version, "g", 10_000, 60_000, "consumer"
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", []byte{0, 0, 0, 0, 0, 1, 0, 1, 't'}
	q.Protocols = append(q.Protocols, p)
	for _, f := range change {
		f(q)
	}
	return q
}

func memberID(id string) func(*kmsg.JoinGroupRequest) {
	return func(q *kmsg.JoinGroupRequest) { q.MemberID = id }
}

func (r *running) join(change ...func(*kmsg.JoinGroupRequest)) *kmsg.JoinGroupResponse {
	return r.Join(context.Background(), caller, joinRequest(3, change...))
}

// going runs a request that will wait.
func going[A any](f func() A) <-chan A {
	c := make(chan A, 1)
	go func() { c <- f() }()
	return c
}

func (r *running) sync(j *kmsg.JoinGroupResponse) *kmsg.SyncGroupResponse {
	q := kmsg.NewPtrSyncGroupRequest()
	q.Version, q.Group, q.MemberID, q.Generation = 5, "g", j.MemberID, j.Generation
	kind, protocol := "consumer", "range"
	q.ProtocolType, q.Protocol = &kind, &protocol
	for _, m := range j.Members {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = m.MemberID, []byte("for "+m.MemberID)
		q.GroupAssignment = append(q.GroupAssignment, a)
	}
	return r.Sync(context.Background(), q)
}

// member makes a stable group of one.
func (r *running) member() *kmsg.JoinGroupResponse {
	j := r.join()
	require.Zero(r.t, j.ErrorCode)
	require.Equal(r.t, "for "+j.MemberID, string(r.sync(j).MemberAssignment))
	return j
}

func (r *running) heartbeat(j *kmsg.JoinGroupResponse) group.Code {
	q := kmsg.NewPtrHeartbeatRequest()
	q.Version, q.Group, q.MemberID, q.Generation = 4, "g", j.MemberID, j.Generation
	return group.Code(r.Heartbeat(q).ErrorCode)
}

func commitRequest(groupID string, offset int64) *kmsg.OffsetCommitRequest {
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Version, q.Group = 8, groupID
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = "t"
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	t.Partitions = append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
	return q
}

func (r *running) commit(groupID string, offset int64) group.Code {
	a := r.OffsetCommit(context.Background(), commitRequest(groupID, offset))
	return group.Code(a.Topics[0].Partitions[0].ErrorCode)
}

// committed is the offset of t-0, -1 for none, and the code of the group.
func (r *running) committed(groupID string) (int64, group.Code) {
	q := kmsg.NewPtrOffsetFetchRequest()
	q.Version = 8
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = groupID
	t := kmsg.NewOffsetFetchRequestGroupTopic()
	t.Topic, t.Partitions = "t", []int32{0}
	g.Topics = append(g.Topics, t)
	q.Groups = append(q.Groups, g)
	a := r.OffsetFetch(context.Background(), q).Groups[0]
	if a.ErrorCode != 0 {
		return -1, group.Code(a.ErrorCode)
	}
	return a.Topics[0].Partitions[0].Offset, group.None
}

func (r *running) describe(groupID string) kmsg.DescribeGroupsResponseGroup {
	q := kmsg.NewPtrDescribeGroupsRequest()
	q.Version, q.Groups = 5, []string{groupID}
	return r.Describe(context.Background(), q).Groups[0]
}

func (r *running) delete(groupID string) group.Code {
	q := kmsg.NewPtrDeleteGroupsRequest()
	q.Groups = []string{groupID}
	return group.Code(r.Delete(context.Background(), q).Groups[0].ErrorCode)
}

func (r *running) leave(id string) group.Code {
	q := kmsg.NewPtrLeaveGroupRequest()
	q.Version, q.Group, q.MemberID = 1, "g", id
	return group.Code(r.Leave(q).ErrorCode)
}

func (r *running) deleteOffset(groupID string) group.Code {
	q := kmsg.NewPtrOffsetDeleteRequest()
	q.Group = groupID
	t := kmsg.NewOffsetDeleteRequestTopic()
	t.Topic = "t"
	t.Partitions = append(t.Partitions, kmsg.NewOffsetDeleteRequestTopicPartition())
	q.Topics = append(q.Topics, t)
	a := r.OffsetDelete(context.Background(), q)
	if a.ErrorCode != 0 {
		return group.Code(a.ErrorCode)
	}
	return group.Code(a.Topics[0].Partitions[0].ErrorCode)
}
