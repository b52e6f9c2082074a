package coordinator_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/coordinator/shard"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func strangeBatch(t testing.TB) []byte {
	b, err := record.Build(record.Spec{},
		record.Record{Key: []byte{0, 3, 0, 1, 'g'}, Value: []byte("x")},
		record.Record{Key: []byte{0, 1, 0}, Value: []byte("x")})
	require.NoError(t, err)
	return b
}

// As Kafka writes them: offsets numbered from 0 by no producer, groups not numbered.
func TestBatchesAreAsKafkaWritesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		before := time.Now().UnixMilli()
		require.Equal(t, group.None, r.commit("x", 5))
		r.member()
		stored := r.log.stored(0)
		require.Len(t, stored, 2)
		for i, sequence := range []int32{0, -1} {
			b := stored[i]
			require.EqualValues(t, 2, b.Magic())
			require.Equal(t, sequence, b.BaseSequence())
			require.EqualValues(t, -1, b.ProducerID())
			require.EqualValues(t, -1, b.ProducerEpoch())
			require.EqualValues(t, 0, b.Attributes())
			require.GreaterOrEqual(t, b.MaxTimestamp(), before)
		}
		it := record.Iterator{}
		require.NoError(t, it.Reset(stored[0]))
		require.True(t, it.Next())
		require.Equal(t, entry.AppendOffsetKey(nil, "x", "t", 0), it.Record().Key)
		v, err := entry.ReadOffset(it.Record().Value)
		require.NoError(t, err)
		require.EqualValues(t, 5, v.Offset)
		require.EqualValues(t, -1, v.LeaderEpoch)
		require.GreaterOrEqual(t, v.CommitMs, before)
	})
}

func TestBatchesAreCompressedIfWanted(t *testing.T) {
	r := start(t, func(c *coordinator.Config) { c.Codec = compress.Gzip })
	require.Equal(t, group.None, r.commit("x", 5))
	require.Equal(t, compress.Gzip, r.log.stored(0)[0].Codec())
	again := over(t, r.log)
	again.Load(0, 2)
	again.ready()
	offset, _ := again.committed("x")
	require.EqualValues(t, 5, offset)
}

func TestAnswersWaitUntilTheyAreCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.log.with(0, func(p *part) { p.lagging = true })
		committed := going(func() group.Code { return r.commit("x", 5) })
		synctest.Wait()
		require.Empty(t, committed)
		fetched := going(func() int64 { o, _ := r.committed("x"); return o })
		synctest.Wait()
		require.Empty(t, fetched, "nobody is told what could be taken back")
		r.log.with(0, func(p *part) { p.committed = p.end })
		require.Equal(t, group.None, <-committed)
		require.EqualValues(t, 5, <-fetched)
	})
}

func TestAnswersThatCannotBeCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.log.with(0, func(p *part) { p.lagging = true })
		began := time.Now()
		require.Equal(t, group.TimedOut, r.commit("x", 5))
		require.Equal(t, 5*time.Second, time.Since(began))
		_, code := r.committed("x")
		require.Equal(t, group.LoadInProgress, code, "consumers ask again for no other code but this and NOT_COORDINATOR")
		j := r.join()
		require.EqualValues(t, group.RebalanceInProgress, j.ErrorCode, "the members try again")

		lost := going(func() group.Code { return r.commit("x", 6) })
		synctest.Wait()
		r.log.with(0, func(p *part) { p.epoch = 2 })
		require.Equal(t, group.NotCoordinator, <-lost)
	})
}

func TestOffsetsOfAPartitionThatIsGoneAreAskedForElsewhere(t *testing.T) {
	r := start(t)
	require.Equal(t, group.None, r.commit("x", 5))
	r.log.with(0, func(p *part) { p.lagging, p.lost = true, shard.ErrUnavailable })
	require.Equal(t, group.CoordinatorNotAvailable, r.commit("x", 6))
	_, code := r.committed("x")
	require.Equal(t, group.NotCoordinator, code)
}

// An answer that comes in the moment in which its caller goes, or the broker begins to
// stop, is no more given before it is committed than any other.
func TestAnAnswerAtTheLastMomentMustBeCommitted(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			r := start(t)
			r.member() // whose session ends after ten seconds: then the other's answer comes
			ctx, gone := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Second, gone)
			r.log.with(0, func(p *part) { p.lagging = true })
			second := going(func() *kmsg.JoinGroupResponse { return r.Join(ctx, caller, joinRequest(3)) })
			require.Equal(t, group.TimedOut, r.commit("y", 1), "something is not committed")
			require.Equal(t, int16(group.NotCoordinator), (<-second).ErrorCode)
		})
	}
}

func TestAppendsThatFail(t *testing.T) {
	for err, code := range map[error]group.Code{
		shard.ErrNotLeader:   group.NotCoordinator,
		shard.ErrUnavailable: group.CoordinatorNotAvailable,
		shard.ErrTooLarge:    group.InvalidCommitSize,
		shard.ErrTimedOut:    group.TimedOut,
		context.Canceled:     group.NotCoordinator,
		record.ErrCorrupt:    group.UnknownServerError,
	} {
		r := start(t)
		r.log.with(0, func(p *part) { p.fail = err })
		require.Equal(t, code, r.commit("x", 1))
		r.log.with(0, func(p *part) { p.fail = nil })
		offset, _ := r.committed("x")
		require.EqualValues(t, -1, offset, "an append that failed has changed nothing")
	}
}

func TestVersion1SaysWhenItWasCommitted(t *testing.T) {
	r := start(t)
	q := commitRequest("x", 1)
	q.Version = 1
	q.Topics[0].Partitions[0].Timestamp = 1234
	require.Zero(t, r.OffsetCommit(context.Background(), q).Topics[0].Partitions[0].ErrorCode)
	q = commitRequest("y", 1)
	q.Version, q.RetentionTimeMillis = 2, 60_000
	require.Zero(t, r.OffsetCommit(context.Background(), q).Topics[0].Partitions[0].ErrorCode)

	values := []entry.OffsetValue{}
	for _, b := range r.log.stored(0) {
		it := record.Iterator{}
		require.NoError(t, it.Reset(b))
		require.True(t, it.Next())
		v, err := entry.ReadOffset(it.Record().Value)
		require.NoError(t, err)
		values = append(values, v)
	}
	require.EqualValues(t, 1234, values[0].CommitMs)
	require.Equal(t, values[1].CommitMs+60_000, values[1].ExpireMs)
}

func TestFetchOfEverything(t *testing.T) {
	r := start(t)
	q := commitRequest("x", 1)
	metadata := "note"
	for i := range int32(3) {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = 12-i, 7, 3, &metadata
		q.Topics[0].Partitions = append(q.Topics[0].Partitions, p)
	}
	second := kmsg.NewOffsetCommitRequestTopic()
	second.Topic, second.Partitions = "a", q.Topics[0].Partitions[:1]
	q.Topics = append(q.Topics, second)
	r.OffsetCommit(context.Background(), q)

	for _, version := range []int16{2, 5, 7} {
		f := kmsg.NewPtrOffsetFetchRequest()
		f.Version, f.Group = version, "x"
		a := r.OffsetFetch(context.Background(), f)
		require.Zero(t, a.ErrorCode)
		require.Len(t, a.Topics, 2)
		require.Equal(t, "a", a.Topics[0].Topic)
		require.Len(t, a.Topics[1].Partitions, 4)
		last := a.Topics[1].Partitions[3]
		require.EqualValues(t, 12, last.Partition)
		require.EqualValues(t, 7, last.Offset)
		require.EqualValues(t, 3, last.LeaderEpoch)
		require.Equal(t, "note", *last.Metadata)
	}
	f := kmsg.NewPtrOffsetFetchRequest()
	f.Version, f.Group = 7, "nobody"
	require.Empty(t, r.OffsetFetch(context.Background(), f).Topics)
	f.Group = "x"
	f.Topics = []kmsg.OffsetFetchRequestTopic{}
	require.Empty(t, r.OffsetFetch(context.Background(), f).Topics, "none is not all")
}

func TestExpiryByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *coordinator.Config) { c.Group.Retention = time.Hour })
		require.Equal(t, group.None, r.commit("x", 1))
		time.Sleep(time.Hour - time.Second)
		synctest.Wait()
		offset, _ := r.committed("x")
		require.EqualValues(t, 1, offset)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Empty(t, r.list().Groups)
	})
}

func TestOffsetsOfDeletedTopicsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		require.Equal(t, group.None, r.commit("x", 1))
		r.TopicsDeleted([]string{"t"})
		synctest.Wait()
		require.Empty(t, r.list().Groups)
	})
}

func TestListFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.member()
		r.commit("x", 1)
		for _, c := range []struct {
			states, types []string
			groups        []string
		}{
			{nil, nil, []string{"g", "x"}},
			{[]string{"stable"}, nil, []string{"g"}},
			{[]string{"Empty", "Stable"}, nil, []string{"g", "x"}},
			{[]string{"Nope"}, nil, nil},
			{nil, []string{"CLASSIC"}, []string{"g", "x"}},
			{nil, []string{"consumer"}, nil},
			{[]string{"Empty"}, []string{"consumer", "classic"}, []string{"x"}},
		} {
			q := kmsg.NewPtrListGroupsRequest()
			q.Version, q.StatesFilter, q.TypesFilter = 5, c.states, c.types
			var ids []string
			for _, g := range r.List(q).Groups {
				ids = append(ids, g.Group)
				require.Equal(t, "classic", g.GroupType)
			}
			require.Equal(t, c.groups, ids)
		}
	})
}

func TestDescribeUnknownGroup(t *testing.T) {
	r := start(t)
	d := r.describe("none")
	require.Equal(t, "Dead", d.State)
	require.Zero(t, d.ErrorCode)
	q := kmsg.NewPtrDescribeGroupsRequest()
	q.Version, q.Groups = 6, []string{"none"}
	require.EqualValues(t, group.GroupNotFound, r.Describe(context.Background(), q).Groups[0].ErrorCode)
}

func TestDeleteAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.member()
		r.commit("x", 1)
		r.commit("", 1)
		q := kmsg.NewPtrDeleteGroupsRequest()
		q.Groups = []string{"x", "g", "x", "none", ""}
		a := r.Delete(context.Background(), q)
		codes := map[string]int16{}
		for _, g := range a.Groups {
			codes[g.Group] = g.ErrorCode
		}
		require.Len(t, a.Groups, 4, "one that is named twice is answered once")
		require.Equal(t, map[string]int16{"x": 0, "g": int16(group.NonEmptyGroup), "none": int16(group.GroupNotFound), "": 0}, codes)

		require.Equal(t, group.GroupNotFound, r.deleteOffset("none"))
		require.Equal(t, group.InvalidGroupID, r.deleteOffset(""))
		require.Equal(t, group.SubscribedToTopic, r.deleteOffset("g"))
	})
}
