package fetcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// slow is a replica whose disk takes a second.
type slow struct {
	sink
	synced, told int64
	busy         int // how many more syncs find no file descriptor
	err          error
}

func (s *slow) SyncDue() bool { return s.synced < s.EndOffset() }

func (s *slow) Sync() error {
	end := s.EndOffset()
	time.Sleep(time.Second)
	if s.busy > 0 {
		s.busy--
		return log.ErrBusy
	}
	s.synced = end
	return s.err
}

func (s *slow) Advance(int64, int64) error {
	if s.synced < s.EndOffset() {
		return errors.New("what is not on the disk was taken for granted")
	}
	s.told = s.EndOffset()
	return nil
}

// following is a loop, without a leader, that follows n partitions.
func following(tb testing.TB, n int, replica func(checkpoint.Partition) (Replica, error)) *loop {
	tb.Helper()
	f := New(Options{
		BrokerID: 1, Logger: slog.New(slog.DiscardHandler),
		Replica:  func(p checkpoint.Partition, _ int32) (Replica, error) { return replica(p) },
		Settings: func() Settings { return Settings{Backoff: time.Second} },
	})
	l := newLoop(f, loopKey{leader: 2})
	l.version, l.settings = mostVersion, f.o.Settings()
	for i := range int32(n) {
		l.add(&assignment{Following: Following{Partition: checkpoint.Partition{Topic: "t", Index: i}, TopicID: [16]byte{1}, Leader: 2}})
	}
	return l
}

// answered has the loop ask and take an answer that has so many records for each
// partition.
func (l *loop) answered(tb testing.TB, set func(at int64) []byte) {
	tb.Helper()
	l.compose(0)
	l.ans = answer{version: l.session.version, session: 1, rows: l.ans.rows[:0]}
	for _, p := range l.order {
		l.ans.rows = append(l.ans.rows, row{id: p.key.id, index: p.key.index, records: set(p.at.offset)})
	}
	require.NoError(tb, l.takeAnswer(context.Background()))
}

// All partitions of an answer wait for the disk together, and what is not on it is not
// told of. One whose disk fails stops alone.
func TestPartitionsOfAnAnswerWaitForTheDiskTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2*syncers + 1
		logs := make([]slow, n)
		l := following(t, n, func(p checkpoint.Partition) (Replica, error) { return &logs[p.Index], nil })
		logs[3].err = kerr.KafkaStorageError
		began := time.Now()
		l.answered(t, func(int64) []byte { return []byte{1} })
		require.Equal(t, 3*time.Second, time.Since(began))
		for i := range logs {
			if i == 3 {
				require.Equal(t, failed, l.parts[checkpoint.Partition{Topic: "t", Index: 3}].state)
				require.Zero(t, logs[3].told)
				continue
			}
			require.EqualValues(t, 1, logs[i].told)
			require.EqualValues(t, 1, l.parts[checkpoint.Partition{Topic: "t", Index: int32(i)}].at.offset)
		}
		require.Equal(t, n-1, l.actives)
	})
}

// BenchmarkSyncedAnswer takes answers that have a batch of 1 KiB for each of several
// partitions, with leat.fsync=group, on a real disk.
func BenchmarkSyncedAnswer(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dirs, err := dir.Open([]string{b.TempDir()}, dir.Options{Logger: slog.New(slog.DiscardHandler), MinFree: -1})
			require.NoError(b, err)
			set := partition.NewSet(partition.Options{Dirs: dirs, GroupCommit: true, Logger: slog.New(slog.DiscardHandler)})
			l := following(b, n, func(p checkpoint.Partition) (Replica, error) {
				err := set.Follow(p, partition.State{
					TopicID: [16]byte{1}, Leader: 2, Replicas: []int32{1, 2}, ISR: []int32{2}, Config: log.DefaultConfig(), New: true,
				})
				if err != nil {
					return nil, err
				}
				return Of(set)(p, 0)
			})
			one, err := record.Build(record.Spec{}, record.Record{Timestamp: 1, Value: make([]byte, 1000)})
			require.NoError(b, err)
			batch := func(at int64) []byte {
				record.Batch(one).SetBaseOffset(at) // all partitions are equally long
				return one
			}
			l.answered(b, batch)
			b.SetBytes(int64(n * len(batch(0))))
			for b.Loop() {
				l.answered(b, batch)
			}
			b.StopTimer()
			require.EqualValues(b, l.order[0].at.offset, l.order[n-1].at.offset)
			require.NoError(b, dirs.Close(context.Background()))
		})
	}
}

// A sync that could not open a file for want of descriptors has made nothing durable: the
// part that fetches on after a while, and the one that follows next, sync first.
func TestNothingIsToldThatASyncHasLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := new(slow)
		l := following(t, 1, func(checkpoint.Partition) (Replica, error) { return one, nil })
		p := l.order[0]
		one.busy = 2
		l.answered(t, func(int64) []byte { return []byte{1} })
		require.Equal(t, resting, p.state)
		for one.synced == 0 {
			time.Sleep(time.Minute)
			l.wakeRested(time.Now())
			if one.synced == 0 {
				require.Equal(t, resting, p.state)
			}
		}
		require.Equal(t, active, p.state)
		require.EqualValues(t, 1, one.synced)
		require.Zero(t, one.busy)
		l.compose(0)
		require.EqualValues(t, 1, p.told.offset)

		one.end.Add(1) // by another loop, which still waits for the disk
		l.remove(p)
		l.add(&assignment{Following: p.a.Following})
		require.EqualValues(t, 2, one.synced)
		require.EqualValues(t, 2, l.order[0].at.offset)
	})
}
