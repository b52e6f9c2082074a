package coordinator_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/shard"
)

// drain is a log that takes everything and keeps nothing.
type drain struct{ end int64 }

func (d *drain) Partitions() int32                              { return 1 }
func (d *drain) Lead(int32, int32) (shard.Log, error)           { return d, nil }
func (d *drain) Append([]byte) (int64, error)                   { d.end += 100; return d.end, nil }
func (d *drain) Wait(context.Context, int64) error              { return nil }
func (d *drain) Led() bool                                      { return true }
func (d *drain) Read(context.Context, func([]byte) error) error { return nil }

// quick runs a coordinator that costs nothing but its own work.
func quick(t testing.TB) *running {
	r := &running{t: t, Groups: coordinator.New(coordinator.Options{Log: &drain{}})}
	ctx, cancel := context.WithCancel(context.Background())
	done := going(func() error { return r.Run(ctx) })
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	r.Load(0, 1)
	r.ready()
	return r
}

func heartbeatRequest(j *kmsg.JoinGroupResponse) *kmsg.HeartbeatRequest {
	q := kmsg.NewPtrHeartbeatRequest()
	q.Version, q.Group, q.MemberID, q.Generation = 4, "g", j.MemberID, j.Generation
	return q
}

// wideCommit commits to n partitions of a topic, by a member of g.
func wideCommit(j *kmsg.JoinGroupResponse, n int32) *kmsg.OffsetCommitRequest {
	q := commitRequest("g", 1)
	q.MemberID, q.Generation = j.MemberID, j.Generation
	for i := int32(1); i < n; i++ {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition = i
		q.Topics[0].Partitions = append(q.Topics[0].Partitions, p)
	}
	return q
}

// What is asked often allocates its answer and nothing more.
func TestFrequentRequestsAllocateTheirAnswerOnly(t *testing.T) {
	r := quick(t)
	m := r.member()
	beat := heartbeatRequest(m)
	require.EqualValues(t, 1, testing.AllocsPerRun(100, func() { r.Heartbeat(beat) }))
	for _, partitions := range []int32{1, 100} {
		commit := wideCommit(m, partitions)
		r.OffsetCommit(context.Background(), commit)
		require.EqualValues(t, 3, testing.AllocsPerRun(100, func() { r.OffsetCommit(context.Background(), commit) }),
			"the answer, its topics and its partitions")
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	r := quick(b)
	q := heartbeatRequest(r.member())
	b.ReportAllocs()
	for b.Loop() {
		r.Heartbeat(q)
	}
}

func BenchmarkOffsetCommit(b *testing.B) {
	for _, partitions := range []int32{1, 10, 100} {
		b.Run(fmt.Sprint(partitions), func(b *testing.B) {
			r := quick(b)
			q := wideCommit(r.member(), partitions)
			b.ReportAllocs()
			for b.Loop() {
				r.OffsetCommit(context.Background(), q)
			}
		})
	}
}

// Members come one after another, each brings a rebalance on those that are there, and all of
// them commit and send heartbeats meanwhile.
func TestManyMembersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		const members = 100
		settled := make(chan struct{})
		var all sync.WaitGroup
		for range members {
			all.Go(func() { r.beMember(settled) })
		}
		for {
			time.Sleep(time.Second)
			synctest.Wait()
			if d := r.describe("g"); d.State == "Stable" && len(d.Members) == members {
				break
			}
		}
		close(settled)
		all.Wait()
		offset, _ := r.committed("g")
		require.EqualValues(t, 1, offset)
	})
}

// beMember does what a client does, until settled.
func (r *running) beMember(settled <-chan struct{}) {
	id := ""
	for {
		j := r.Join(context.Background(), caller, joinRequest(9, memberID(id)))
		id = j.MemberID
		if j.ErrorCode != 0 || r.sync(j).ErrorCode != 0 {
			continue
		}
		for r.heartbeat(j) == group.None {
			commit := r.OffsetCommit(context.Background(), wideCommit(j, 2))
			assert.Contains(r.t, []int16{0, int16(group.RebalanceInProgress)}, commit.Topics[0].Partitions[0].ErrorCode)
			select {
			case <-settled:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}
