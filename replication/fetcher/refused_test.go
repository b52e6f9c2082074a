package fetcher_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/fetcher"
)

// spoil has the leader answer p0 with a code, until the returned function is
// called.
func spoil(n *node, code int16) (heal func()) {
	n.do(func() {
		n.tamper = func(_ *kmsg.FetchRequest, r *kmsg.FetchResponse) {
			for i := range r.Topics {
				for j := range r.Topics[i].Partitions {
					row := &r.Topics[i].Partitions[j]
					if r.Topics[i].TopicID == idOf(p0.Topic) && row.Partition == p0.Index {
						row.ErrorCode, row.RecordBatches, row.HighWatermark, row.LogStartOffset = code, nil, -1, -1
					}
				}
			}
		}
	})
	return func() { n.do(func() { n.tamper = nil }) }
}

func TestAnErrorKeepsOnlyItsPartitionWaiting(t *testing.T) {
	for _, code := range []int16{
		kerr.NotLeaderForPartition.Code, kerr.UnknownLeaderEpoch.Code, kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code,
		kerr.InconsistentTopicID.Code, kerr.CorruptMessage.Code, kerr.KafkaStorageError.Code, kerr.OffsetMovedToTieredStorage.Code, -1, 999,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.lead(p0, 0)
				leader.lead(p1, 0)
				w.follow(p0, 1, 0)
				w.follow(p1, 1, 0)
				elapse(time.Second)
				heal := spoil(leader, code)
				leader.append(p0, "a")
				synctest.Wait()
				leader.append(p1, "b")
				synctest.Wait()
				w.same(p1, 1)
				require.Zero(t, w.log(p0).EndOffset())
				leader.asked()
				elapse(10 * time.Second)
				tries := 0
				for _, q := range leader.asked() {
					tries += len(q.Topics)
				}
				most := 16
				switch code {
				case kerr.UnknownLeaderEpoch.Code, kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code:
					most += 32
				}
				require.LessOrEqual(t, tries, most, "the pauses grow")
				require.GreaterOrEqual(t, tries, 10, "to a second, no more")
				heal()
				elapse(time.Second)
				w.same(p0, 1)
				require.False(t, w.lag(p0).Failed)
			})
		})
	}
}

// Writes wait for a follower that was told of a new epoch before its leader was.
func TestAFollowerThatKnewFirstLosesNoTime(t *testing.T) {
	for _, c := range []struct {
		code int16
		want int64
	}{{kerr.UnknownLeaderEpoch.Code, 1}, {kerr.UnknownTopicID.Code, 1}, {kerr.UnknownTopicOrPartition.Code, 1}, {kerr.KafkaStorageError.Code, 0}} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.lead(p0, 0)
				leader.append(p0, "a")
				heal := spoil(leader, c.code)
				w.follow(p0, 1, 0)
				elapse(350 * time.Millisecond)
				heal()
				elapse(21 * time.Millisecond)
				require.Equal(t, c.want, w.log(p0).EndOffset())
			})
		})
	}
}

func TestAFencedFollowerWaitsForTheController(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 5)
		leader.append(p0, "a")
		w.follow(p0, 1, 4)
		elapse(10 * time.Second)
		require.True(t, w.lag(p0).Failed)
		require.Len(t, leader.asked(), 1)
		w.Follow(fetcher.Following{Partition: p0, TopicID: idOf(p0.Topic), Leader: 1, Epoch: 3}) // overtaken
		elapse(time.Second)
		require.True(t, w.lag(p0).Failed)
		w.follow(p0, 1, 5)
		synctest.Wait()
		w.same(p0, 1)
		require.False(t, w.lag(p0).Failed)
	})
}
