package dir_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
)

// TestCutLogIsDirty: what a log gets in the place of what was cut off, or lost in a
// crash, was never cleaned: the cleaner begins there, though the log has grown beyond
// what it had cleaned before the cleaner looks.
func TestCutLogIsDirty(t *testing.T) {
	const cleaned, at = 8, 5
	again := func(t *testing.T, l *log.Log) {
		fill(t, l, "again", 20-int(l.EndOffset()))
		require.NoError(t, l.Flush(20))
	}
	cut := func(t *testing.T, l *log.Log) {
		require.NoError(t, l.Truncate(at))
		again(t, l)
	}
	for name, change := range map[string]func(t *testing.T, w *world, s *dir.Set, l *log.Log) *dir.Set{
		"cut": func(t *testing.T, _ *world, s *dir.Set, l *log.Log) *dir.Set {
			cut(t, l)
			return s
		},
		"begun anew": func(t *testing.T, _ *world, s *dir.Set, l *log.Log) *dir.Set {
			require.NoError(t, l.TruncateFullyAndStartAt(0))
			again(t, l)
			return s
		},
		"cut, and then the power fails": func(t *testing.T, w *world, _ *dir.Set, l *log.Log) *dir.Set {
			cut(t, l)
			w.disk.Crash()
			return w.open()
		},
		"cut by the disk": func(t *testing.T, w *world, s *dir.Set, _ *log.Log) *dir.Set {
			w.close(s)
			path := "/data/t-0/00000000000000000000.log"
			info, err := w.disk.Stat(path)
			require.NoError(t, err)
			f, err := w.disk.OpenFile(path, 2, 0)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(info.Size()-1))
			require.NoError(t, f.Close())
			require.NoError(t, w.disk.Remove("/data/"+checkpoint.CleanShutdownFile))
			s = w.open()
			l, _ := s.Get(part("t", 0))
			require.Less(t, l.EndOffset(), int64(cleaned))
			again(t, l)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := firstDirtyAfter(t, cleaned, change)
				require.Less(t, first, int64(cleaned))
				if name != "cut by the disk" { // of which only the end is lost
					require.LessOrEqual(t, first, int64(at))
				}
			})
		})
	}
}

// firstDirtyAfter is where the cleaner is to begin when a log that was cleaned up to its
// end has had something happen to it, and ends at 20 then.
func firstDirtyAfter(t *testing.T, cleaned int, change func(*testing.T, *world, *dir.Set, *log.Log) *dir.Set) int64 {
	var s *dir.Set
	w := newWorld(t, 1)
	known(w, &s)
	c := &cleaner{do: func(_ context.Context, u dir.Uncleaned) (int64, error) { return u.HighWatermark, nil }}
	w.o.Clean = c.clean
	compacted := log.DefaultConfig()
	compacted.Compact, compacted.Delete = true, false
	w.o.Config = func(checkpoint.Partition) log.Config { return compacted }
	s = w.open()
	l := createAs(t, s, part("t", 0), func(c *log.Config) { *c = compacted })
	fill(t, l, "v", cleaned)
	require.NoError(t, l.Flush(int64(cleaned)))
	run(t, s, func() { later(20 * time.Second) })
	c.offered = nil
	s = change(t, w, s, l)
	run(t, s, func() { later(20 * time.Second) })
	require.NotEmpty(t, c.offered)
	require.EqualValues(t, 20, c.offered[len(c.offered)-1].FirstDirty, "then it is clean")
	w.close(s)
	return c.offered[0].FirstDirty
}

// TestCutWhileItIsCleaned: the cleaner has done what lies behind the cut, which is
// there no more.
func TestCutWhileItIsCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		w := newWorld(t, 1)
		known(w, &s)
		var offered []int64
		c := &cleaner{do: func(_ context.Context, u dir.Uncleaned) (int64, error) {
			offered = append(offered, u.FirstDirty)
			if len(offered) == 1 {
				require.NoError(t, u.Log.Truncate(5))
				fill(t, u.Log, "again", 15)
			}
			return u.HighWatermark, nil
		}}
		w.o.Clean = c.clean
		s = w.open()
		fill(t, createAs(t, s, part("t", 0), func(c *log.Config) { c.Compact, c.Delete = true, false }), "v", 8)
		run(t, s, func() { later(time.Minute) })
		require.Len(t, offered, 2)
		require.LessOrEqual(t, offered[1], int64(5))
		w.close(s)
	})
}
