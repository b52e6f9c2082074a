package fetcher_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/throttle"
)

func TestWhatTheOwnLogRefuses(t *testing.T) {
	for _, c := range []struct {
		err    error
		failed bool
	}{
		{log.ErrNoSpace, false},
		{log.ErrBusy, false},
		{&record.Error{Kind: record.ErrCorrupt}, false},
		{log.ErrOffsetOutOfRange, false},
		{&log.IOError{Op: "append", Err: errors.New("EIO")}, true},
		{log.ErrClosed, true},
		{partition.ErrNotFollower, true},
		{partition.ErrNotAtEnd, false},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.lead(p0, 0)
				leader.lead(p1, 0)
				w.follow(p0, 1, 0)
				w.follow(p1, 1, 0)
				synctest.Wait()
				w.roles[p0].fail.Store(&c.err)
				leader.append(p0, "a")
				leader.append(p1, "b")
				elapse(3 * time.Second)
				w.same(p1, 1)
				require.Equal(t, c.failed, w.lag(p0).Failed)
				w.roles[p0].fail.Store(nil)
				w.follow(p0, 1, 0)
				elapse(time.Second)
				w.same(p0, 1)
			})
		})
	}
}

func TestDamagedRecordsAreFetchedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		w.follow(p0, 1, 0)
		synctest.Wait()
		damages := 0
		leader.do(func() {
			leader.tamper = func(_ *kmsg.FetchRequest, r *kmsg.FetchResponse) {
				for i := range r.Topics {
					if b := r.Topics[i].Partitions[0].RecordBatches; len(b) > 70 && damages < 3 {
						if damages++; damages == 2 {
							r.Topics[i].Partitions[0].RecordBatches = b[:40] // no whole batch
							continue
						}
						b[65] ^= 1
					}
				}
			}
		})
		leader.append(p0, "abc", "def")
		elapse(time.Second)
		require.Equal(t, 3, damages)
		w.same(p0, 1)
	})
}

func TestALeaderThatCannotBeReached(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		leader.append(p0, "a")
		leader.do(func() { leader.down = true })
		w.follow(p0, 1, 0)
		w.Follow(fetcher.Following{Partition: p2, Leader: 7}) // nobody knows this broker
		elapse(10 * time.Second)
		leader.do(func() { leader.down = false })
		elapse(time.Second)
		w.same(p0, 1)
		w.Unfollow(p2)
	})
}

func TestALeaderThatFallsSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		w.follow(p0, 1, 0)
		elapse(time.Second)
		held := make(chan struct{})
		leader.do(func() { leader.held = held })
		leader.append(p0, "a")
		elapse(5 * time.Second)
		leader.do(func() { leader.held = nil }) // it is well again, but for the old connection
		require.Zero(t, w.log(p0).EndOffset())
		elapse(6 * time.Second)
		w.same(p0, 1)
		close(held)
	})
}

func TestGarbledAnswersCloseTheConnection(t *testing.T) {
	for name, garble := range map[string]func(*kmsg.FetchRequest, *kmsg.FetchResponse){
		"another session":     func(_ *kmsg.FetchRequest, r *kmsg.FetchResponse) { r.SessionID += 7 },
		"a partition missing": func(_ *kmsg.FetchRequest, r *kmsg.FetchResponse) { r.Topics, r.SessionID = nil, 0 },
		"foreign partitions": func(_ *kmsg.FetchRequest, r *kmsg.FetchResponse) {
			for i := range r.Topics {
				r.Topics[i].TopicID[15] = 99
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.lead(p0, 0)
				leader.append(p0, "a")
				n := 0
				leader.do(func() {
					leader.tamper = func(q *kmsg.FetchRequest, r *kmsg.FetchResponse) {
						if n++; n <= 3 {
							garble(q, r)
						}
					}
				})
				w.follow(p0, 1, 0)
				leader.append(p0, "b")
				elapse(3 * time.Second)
				w.same(p0, 1)
			})
		})
	}
}

func TestASmallAnswerServesAllInTurn(t *testing.T) {
	for _, sessionless := range []bool{false, true} {
		t.Run(fmt.Sprint("sessionless ", sessionless), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.sessionless = sessionless
				w.mu.Lock()
				w.s.MaxBytes = 100
				w.mu.Unlock()
				var all []checkpoint.Partition
				for i := range int32(10) {
					p := checkpoint.Partition{Topic: "t", Index: i}
					all = append(all, p)
					leader.lead(p, 0)
					for range 20 {
						leader.append(p, "some record")
					}
				}
				var follow []fetcher.Following
				for _, p := range all {
					w.order(p, 1, 0)
					follow = append(follow, fetcher.Following{Partition: p, TopicID: idOf(p.Topic), Leader: 1})
				}
				w.Follow(follow...)
				elapse(time.Second)
				for _, p := range all {
					w.same(p, 1)
				}
				if sessionless {
					first := map[int32]bool{}
					for _, q := range leader.asked()[:30] {
						first[q.Topics[0].Partitions[0].Partition] = true
					}
					require.Len(t, first, 10, "each fetch begins with another partition")
				}
			})
		})
	}
}

func TestStartOffsetsFollow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		x := leader.lead(p0, 0)
		for range 4 {
			leader.append(p0, "a", "b", "c")
		}
		w.follow(p0, 1, 0)
		synctest.Wait()
		leader.do(func() {
			x.high = 12
			require.NoError(t, x.log.SetStartOffset(7))
		})
		elapse(time.Second)
		require.EqualValues(t, 7, w.log(p0).StartOffset())
		all := leader.asked()
		last := int64(-1)
		for _, q := range all {
			for _, topic := range q.Topics {
				last = topic.Partitions[0].LogStartOffset
			}
		}
		require.EqualValues(t, 7, last, "the leader hears of it")
	})
}

func TestALogThatBeginsInTheMiddleOfABatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		x := leader.lead(p0, 0)
		leader.append(p0, "a", "b", "c")
		leader.append(p0, "d", "e", "f")
		leader.do(func() {
			x.high = 6
			require.NoError(t, x.log.SetStartOffset(4))
		})
		w.follow(p0, 1, 0)
		elapse(time.Second)
		require.EqualValues(t, 4, w.log(p0).StartOffset())
		w.same(p0, 1)
	})
}

func TestOffsetsOutOfRange(t *testing.T) {
	t.Run("the leader's log ends before", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			leader := w.nodes[1]
			x := leader.lead(p0, 0)
			leader.append(p0, "a")
			leader.append(p0, "b")
			w.follow(p0, 1, 0)
			synctest.Wait()
			leader.do(func() { require.NoError(t, x.log.TruncateFullyAndStartAt(1)) })
			elapse(time.Second)
			leader.append(p0, "c")
			elapse(2 * time.Second)
			require.Equal(t, x.log.EndOffset(), w.log(p0).EndOffset())
		})
	})
	t.Run("the leader's log begins behind", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			leader := w.nodes[1]
			x := leader.lead(p0, 0)
			leader.append(p0, "a")
			w.follow(p0, 1, 0)
			synctest.Wait()
			w.Unfollow(p0)
			leader.append(p0, "b")
			leader.append(p0, "c")
			leader.append(p0, "d")
			leader.do(func() {
				x.high = 4
				require.NoError(t, x.log.SetStartOffset(3))
			})
			elapse(time.Second)
			w.follow(p0, 1, 0)
			elapse(time.Second)
			require.EqualValues(t, 3, w.log(p0).StartOffset())
			w.same(p0, 1)
		})
	})
	t.Run("it is in range after all", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			leader := w.nodes[1]
			leader.lead(p0, 0)
			w.follow(p0, 1, 0)
			synctest.Wait()
			heal := spoil(leader, kerr.OffsetOutOfRange.Code)
			leader.append(p0, "a")
			elapse(10 * time.Second)
			require.Less(t, len(leader.asked()), 60)
			heal()
			elapse(2 * time.Second)
			w.same(p0, 1)
		})
	})
}

func TestOutOfRangeWhileAnotherPartitionComes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		leader.lead(p1, 0)
		leader.append(p1, "b")
		w.follow(p0, 1, 0)
		w.order(p1, 1, 0)
		synctest.Wait()
		heal := spoil(leader, kerr.OffsetOutOfRange.Code)
		leader.do(func() {
			leader.arrived = func() {
				w.Follow(fetcher.Following{Partition: p1, TopicID: idOf(p1.Topic), Leader: 1})
			}
		})
		leader.append(p0, "a")
		elapse(2 * time.Second)
		w.same(p1, 1)
		heal()
		elapse(2 * time.Second)
		w.same(p0, 1)
	})
}

func TestWhatShortensALogIsSeen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		for _, v := range []string{"a", "b", "c"} {
			leader.append(p0, v)
		}
		w.follow(p0, 1, 0)
		synctest.Wait()
		require.NoError(t, w.log(p0).Truncate(1)) // damage was found, and dropped
		w.Again(p0)
		elapse(time.Second)
		w.same(p0, 1)
	})
}

func TestWhatTheDiskHasChangedIsFetchedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		x := leader.lead(p0, 0)
		for _, v := range []string{"a", "b", "c"} {
			leader.append(p0, v)
		}
		leader.do(func() { x.high = 3 })
		w.follow(p0, 1, 0)
		elapse(time.Second)
		w.same(p0, 1)
		ours := w.log(p0)
		f, err := w.disk.OpenFile(filepath.Join(ours.Dir(), "00000000000000000000.log"), os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte{77}, ours.Size()/3+16) // the magic of the second batch
		require.NoError(t, err)
		require.NoError(t, f.Close())
		r, err := w.set.Get(p0)
		require.NoError(t, err)
		_, err = r.Read(0, partition.ReadRequest{Offset: 1, MaxBytes: 1 << 20, MinOne: true, LastFetchedEpoch: -1})
		require.ErrorIs(t, err, record.ErrCorrupt)
		elapse(time.Second)
		w.same(p0, 1)
		require.EqualValues(t, 3, w.high(p0))
	})
}

func TestPartitionsAreSpreadOverLoops(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.mu.Lock()
		w.s.Loops = 3
		w.mu.Unlock()
		leader := w.nodes[1]
		for i := range int32(30) {
			p := checkpoint.Partition{Topic: "t", Index: i}
			leader.lead(p, 0)
			w.follow(p, 1, 0)
		}
		elapse(600 * time.Millisecond)
		require.Equal(t, 3, leader.open)
		w.mu.Lock()
		w.s.Loops = 1
		w.mu.Unlock()
		w.Resize()
		elapse(2 * time.Second)
		leader.asked()
		elapse(5 * time.Second)
		require.Len(t, leader.asked(), 10)
	})
}

func TestTheRateOfComingInIsKept(t *testing.T) {
	quota := throttle.NewQuota(9, 11, time.Second)
	quota.SetRate(10_000)
	all, err := throttle.ParseReplicas("*")
	require.NoError(t, err)
	quota.SetReplicas(p0.Topic, all)
	inWorldWith(t, fetcher.Options{Quota: quota}, func(t *testing.T, w *world) {
		w.mu.Lock()
		w.s.PartitionBytes = 2000
		w.mu.Unlock()
		leader := w.nodes[1]
		x := leader.lead(p0, 0)
		y := leader.lead(p2, 0)
		big := string(make([]byte, 1000))
		for range 300 {
			leader.append(p0, big)
			leader.append(p2, big)
		}
		leader.do(func() { x.high, y.high = 300, 300 })
		w.follow(p0, 1, 0)
		w.follow(p2, 1, 0)
		elapse(10 * time.Second)
		w.same(p2, 1) // nothing holds for it
		got := int(w.log(p0).EndOffset()) * 1000
		require.InDelta(t, 100_000, got, 30_000)
		quota.SetRate(throttle.Unlimited)
		elapse(2 * time.Second)
		w.same(p0, 1)
		// In sync it never waits.
		quota.SetRate(1)
		leader.append(p0, big)
		synctest.Wait()
		w.same(p0, 1)
	})
}
