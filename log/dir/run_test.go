package dir_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
)

// known makes every high watermark the log's end.
func known(w *world, s **dir.Set) {
	w.o.HighWatermark = func(p checkpoint.Partition) int64 {
		if *s == nil {
			return -1
		}
		l, ok := (*s).Get(p)
		if !ok {
			return -1
		}
		return l.EndOffset()
	}
}

// createAs makes a log with another configuration.
func createAs(t *testing.T, s *dir.Set, p checkpoint.Partition, change func(*log.Config)) *log.Log {
	t.Helper()
	c := log.DefaultConfig()
	change(&c)
	l, err := s.Create(p, dir.NewLog{Config: c, Fresh: true})
	require.NoError(t, err)
	return l
}

// writeNow appends a record of the present time.
func writeNow(t *testing.T, l *log.Log, key, value string) {
	t.Helper()
	set, err := record.Build(record.Spec{}, record.Record{Timestamp: time.Now().UnixMilli(), Key: []byte(key), Value: []byte(value)})
	require.NoError(t, err)
	_, err = l.Append(set, log.AppendOptions{ProduceVersion: 9})
	require.NoError(t, err)
}

func TestRetentionRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		w := newWorld(t, 1)
		known(w, &s)
		s = w.open()
		l := createAs(t, s, part("t", 0), func(c *log.Config) { c.RetentionMs = 60 * 60 * 1000 })
		writeNow(t, l, "k", "old")
		require.NoError(t, l.Roll())
		run(t, s, func() {
			later(50 * time.Minute)
			writeNow(t, l, "k", "new")
			require.Equal(t, int64(0), l.StartOffset())
			later(16 * time.Minute)
			require.Equal(t, int64(1), l.StartOffset(), "the first segment is over an hour old")
			require.Equal(t, []string{"new"}, values(t, l))
			later(2 * time.Minute)
			for _, name := range names(t, w.disk, "/data/t-0") {
				require.NotContains(t, name, ".deleted", "file.delete.delay.ms is over too")
			}
		})
		w.close(s)
	})
}

func TestRetentionWaitsForTheHighWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1) // whose high watermarks are unknown
		s := w.open()
		l := createAs(t, s, part("t", 0), func(c *log.Config) { c.RetentionMs = 1000 })
		writeNow(t, l, "k", "v")
		require.NoError(t, l.Roll())
		run(t, s, func() {
			later(time.Hour)
			require.Equal(t, int64(0), l.StartOffset())
		})
		w.close(s)
	})
}

func TestFlushMsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := w.open()
		soon := createAs(t, s, part("soon", 0), func(c *log.Config) { c.FlushMs = 20_000 })
		never := create(t, s, part("never", 0))
		run(t, s, func() {
			fill(t, soon, "v", 3)
			fill(t, never, "v", 3)
			later(15 * time.Second)
			require.Equal(t, int64(0), soon.RecoveryPoint())
			later(10 * time.Second)
			require.Equal(t, int64(3), soon.RecoveryPoint())
			later(10 * time.Minute)
			require.Equal(t, int64(0), never.RecoveryPoint())
			before := w.disk.Changes()
			later(10 * time.Minute)
			require.Equal(t, before, w.disk.Changes(), "an idle broker leaves its disk alone")
		})
		w.close(s)
	})
}

func TestCheckpointsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		w := newWorld(t, 1)
		known(w, &s)
		s = w.open()
		p := part("t", 0)
		l := create(t, s, p)
		fill(t, l, "v", 5)
		read := func(name string) int64 {
			m, err := checkpoint.ReadOffsets(w.disk, "/data/"+name)
			if err != nil {
				return -1
			}
			o, ok := m[p]
			if !ok {
				return -1
			}
			return o
		}
		run(t, s, func() {
			later(6 * time.Second)
			require.Equal(t, int64(5), read(checkpoint.HighWatermarkFile))
			require.NoError(t, l.Flush(5))
			require.NoError(t, l.SetStartOffset(2))
			require.Equal(t, int64(-1), read(checkpoint.RecoveryPointFile))
			later(90 * time.Second)
			require.Equal(t, int64(5), read(checkpoint.RecoveryPointFile))
			require.Equal(t, int64(2), read(checkpoint.LogStartFile))
		})
		w.close(s)
	})
}

func TestProducersExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.o.ProducerExpiry = time.Hour
		s := w.open()
		l := create(t, s, part("t", 0))
		set, err := record.Build(record.Spec{Producer: &record.Producer{ID: 7}}, record.Record{Timestamp: time.Now().UnixMilli(), Value: []byte("v")})
		require.NoError(t, err)
		_, err = l.Append(set, log.AppendOptions{ProduceVersion: 9})
		require.NoError(t, err)
		run(t, s, func() {
			later(50 * time.Minute)
			require.Len(t, l.Producers(), 1)
			later(30 * time.Minute)
			require.Empty(t, l.Producers())
		})
		w.close(s)
	})
}

// cleaner is a CleanFunc that notes what it was offered.
type cleaner struct {
	mu      sync.Mutex
	offered []dir.Uncleaned
	do      func(ctx context.Context, u dir.Uncleaned) (firstDirty int64, err error)
}

func (c *cleaner) clean(ctx context.Context, logs []dir.Uncleaned) (dir.Cleaned, bool, error) {
	for _, u := range logs {
		c.mu.Lock()
		c.offered = append(c.offered, u)
		c.mu.Unlock()
		if u.FirstDirty >= u.HighWatermark {
			continue
		}
		ctx, release, ok := u.Claim(ctx)
		if !ok {
			continue
		}
		defer release()
		to, err := c.do(ctx, u)
		return dir.Cleaned{Partition: u.Partition, FirstDirty: to}, true, err
	}
	return dir.Cleaned{}, false, nil
}

func (c *cleaner) offers(p checkpoint.Partition) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.offered {
		if u.Partition == p {
			n++
		}
	}
	return n
}

func TestCleanerIsOfferedCompactedLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		c := &cleaner{do: func(_ context.Context, u dir.Uncleaned) (int64, error) {
			if u.Partition.Topic == "bad" {
				return 0, errors.New("cannot be read")
			}
			return u.HighWatermark, nil
		}}
		w := newWorld(t, 1)
		known(w, &s)
		w.o.Clean = c.clean
		s = w.open()
		compact := func(c *log.Config) { c.Compact, c.Delete = true, false }
		good, bad := createAs(t, s, part("good", 0), compact), createAs(t, s, part("bad", 0), compact)
		create(t, s, part("plain", 0))
		for _, l := range []*log.Log{good, bad} {
			fill(t, l, "v", 4)
		}
		run(t, s, func() {
			later(20 * time.Second)
			m, err := checkpoint.ReadOffsets(w.disk, "/data/"+checkpoint.CleanerFile)
			require.NoError(t, err)
			require.Equal(t, map[checkpoint.Partition]int64{part("good", 0): 4}, m)
			require.Zero(t, c.offers(part("plain", 0)))
			n := c.offers(part("bad", 0))
			require.Positive(t, n)
			require.Equal(t, 1, w.said.count("level=ERROR", "bad-0"))
			later(time.Minute)
			require.Equal(t, n, c.offers(part("bad", 0)), "not offered again")
		})
		s = w.reopen(s)
		run(t, s, func() {
			later(20 * time.Second)
			c.mu.Lock()
			last := c.offered[len(c.offered)-1]
			c.mu.Unlock()
			require.Equal(t, int64(4), last.FirstDirty, "it goes on where it ended")
			require.Greater(t, c.offers(part("bad", 0)), 0)
		})
		w.close(s)
	})
}

// TestDeletedLogCannotBeClaimed: it went between the offer and the choice.
func TestDeletedLogCannotBeClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		asked := false
		w := newWorld(t, 1)
		known(w, &s)
		w.o.Clean = func(ctx context.Context, logs []dir.Uncleaned) (dir.Cleaned, bool, error) {
			require.Len(t, logs, 1)
			require.NoError(t, s.Delete(part("t", 0)))
			_, _, ok := logs[0].Claim(ctx)
			require.False(t, ok)
			asked = true
			return dir.Cleaned{}, false, nil
		}
		s = w.open()
		createAs(t, s, part("t", 0), func(c *log.Config) { c.Compact = true })
		run(t, s, func() { later(time.Minute) })
		require.True(t, asked)
		w.close(s)
	})
}

// TestDeletionStopsCleaning: nobody waits for a long cleaning, and a log is not
// renamed under it.
func TestDeletionStopsCleaning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		w := newWorld(t, 1)
		known(w, &s)
		ended := false
		c := &cleaner{do: func(ctx context.Context, u dir.Uncleaned) (int64, error) {
			<-ctx.Done()
			require.Equal(t, "/data/t-0", u.Log.Dir())
			ended = true
			return 0, ctx.Err()
		}}
		w.o.Clean = c.clean
		s = w.open()
		l := createAs(t, s, part("t", 0), func(c *log.Config) { c.Compact = true })
		fill(t, l, "v", 4)
		run(t, s, func() {
			later(time.Minute)
			require.False(t, ended)
			require.NoError(t, s.Delete(part("t", 0)))
			require.True(t, ended)
			later(time.Hour)
			require.Equal(t, 1, c.offers(part("t", 0)))
		})
		w.close(s)
	})
}
