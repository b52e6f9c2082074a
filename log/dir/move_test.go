package dir_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
)

// replica is who appends to a partition: it changes logs when a move is done.
type replica struct {
	mu  sync.RWMutex
	log *log.Log
	dir *dir.Dir
}

func (r *replica) write(value string) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, err := write(r.log, value)
	return err
}

func (r *replica) swap(_ checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, d, err := swap()
	if err == nil {
		r.log, r.dir = l, d
	}
	return err
}

// movable is a world of two directories with partition t-0 in /a.
func movable(t *testing.T, seed uint64) (*world, *dir.Set, *replica) {
	w := newWorld(t, seed)
	w.paths = []string{"/a", "/b"}
	r := &replica{}
	w.o.Swap = r.swap
	s := w.open()
	r.log = create(t, s, part("t", 0))
	return w, s, r
}

// where lists the entries of t-0 in each directory.
func where(s *dir.Set) string {
	var list []string
	for _, d := range s.Dirs() {
		for _, e := range d.Logs() {
			if e.Partition == part("t", 0) {
				list = append(list, strings.TrimSuffix(fmt.Sprintf("%s future=%v", d.Path(), e.Future), " future=false"))
			}
		}
	}
	return strings.Join(list, ", ")
}

func numbered(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprint("v", i))
	}
	return list
}

func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, r := movable(t, 1)
		p := part("t", 0)
		fill(t, r.log, "v", 50)
		require.NoError(t, r.log.SetStartOffset(3))
		require.NoError(t, r.log.Roll())
		require.NoError(t, s.Move(p, "/b/"))
		require.Equal(t, "/a, /b future=true", where(s))
		require.NoError(t, s.Move(p, "/b"), "it is under way")
		changed := log.DefaultConfig()
		changed.RetentionMs = 12345
		r.log.Configure(changed)
		run(t, s, func() {
			for i := range 20 {
				require.NoError(t, r.write(fmt.Sprint("v", 50+i)))
				later(time.Second)
			}
			require.Equal(t, "/b", where(s))
			require.Equal(t, "/b/t-0", r.log.Dir())
			require.Equal(t, "/b", r.dir.Path())
			require.Equal(t, numbered(70)[3:], values(t, r.log))
			require.Equal(t, changed, r.log.Config())
			later(time.Minute)
			require.Empty(t, deletedIn(t, w, "/a"), "the old files are gone")
		})
		w.disk.Crash()
		s = w.open()
		require.Equal(t, "/b", where(s))
		l, _ := s.Get(p)
		require.Equal(t, int64(3), l.StartOffset())
		require.Equal(t, [16]byte{1, 2, 3}, l.TopicID())
		require.GreaterOrEqual(t, l.EndOffset(), int64(50))
		w.close(s)
	})
}

func deletedIn(t *testing.T, w *world, path string) (list []string) {
	t.Helper()
	for _, name := range names(t, w.disk, path) {
		if strings.HasSuffix(name, "-delete") {
			list = append(list, name)
		}
	}
	return list
}

// TestMoveKeepsWhatIsNotInRecords: leader epochs and producers.
func TestMoveKeepsWhatIsNotInRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, r := movable(t, 1)
		idempotent := func() []byte {
			set, err := record.Build(record.Spec{Producer: &record.Producer{ID: 7, BaseSequence: 0}}, record.Record{Value: []byte("v0")})
			require.NoError(t, err)
			return set
		}
		first, err := r.log.Append(idempotent(), log.AppendOptions{LeaderEpoch: 2, ProduceVersion: 9})
		require.NoError(t, err)
		require.NoError(t, r.log.AssignEpoch(5))
		require.NoError(t, s.Move(part("t", 0), "/b"))
		run(t, s, func() { later(5 * time.Second) })
		require.Equal(t, "/b", where(s))
		require.Equal(t, int32(5), r.log.LatestEpoch())
		epoch, end := r.log.EndOffsetForEpoch(2)
		require.Equal(t, int32(2), epoch)
		require.Equal(t, int64(1), end)
		again, err := r.log.Append(idempotent(), log.AppendOptions{LeaderEpoch: 5, ProduceVersion: 9})
		require.NoError(t, err)
		require.True(t, again.Duplicate)
		require.Equal(t, first.BaseOffset, again.BaseOffset)
		w.close(s)
	})
}

func TestMoveErrors(t *testing.T) {
	w := newWorld(t, 1)
	w.paths = []string{"/a", "/b"}
	s := w.open()
	require.ErrorIs(t, s.Move(part("t", 0), "/c"), dir.ErrNotConfigured)
	require.ErrorIs(t, s.Move(part("t", 0), "/b"), dir.ErrUnknown)
	create(t, s, part("t", 0))
	require.Equal(t, "/b", where(s), "the directory was remembered")
	require.NoError(t, s.Move(part("t", 0), "/b"), "it is there")
	require.ErrorIs(t, s.Move(part("t", 0), "/a"), errors.ErrUnsupported, "nobody could take the new log")
	w.close(s)

	w.o.Swap = (&replica{}).swap
	s = w.open()
	long := part(strings.Repeat("x", 249), 0)
	create(t, s, long)
	from, _ := s.DirOf(long)
	to := map[string]string{"/a": "/b", "/b": "/a"}[from.Path()]
	require.ErrorIs(t, s.Move(long, to), dir.ErrNameTooLong)
	w.close(s)
}

func TestMoveCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, r := movable(t, 1)
		fill(t, r.log, "v", 5)
		require.NoError(t, s.Move(part("t", 0), "/b"))
		require.NoError(t, s.Move(part("t", 0), "/a"))
		require.Equal(t, "/a", where(s))
		require.Len(t, deletedIn(t, w, "/b"), 1)
		require.NoError(t, s.Move(part("t", 0), "/b"))
		run(t, s, func() {
			later(5 * time.Second)
			require.Equal(t, "/b", where(s))
			later(time.Minute)
			require.Empty(t, deletedIn(t, w, "/b"))
		})
		require.Equal(t, numbered(5), values(t, r.log))
		w.close(s)
	})
}

func TestDeletedWhileMoving(t *testing.T) {
	w, s, r := movable(t, 1)
	fill(t, r.log, "v", 5)
	require.NoError(t, s.Move(part("t", 0), "/b"))
	require.NoError(t, s.Delete(part("t", 0)))
	require.Empty(t, where(s))
	s = w.reopen(s)
	require.Empty(t, where(s))
	require.Zero(t, w.said.count("left alone"))
	w.close(s)
}

// TestMoveFollowsRetention: the log loses its beginning faster than it is copied.
func TestMoveFollowsRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, r := movable(t, 1)
		fill(t, r.log, "v", 5)
		w.o.MoveRate = nil
		require.NoError(t, s.Move(part("t", 0), "/b"))
		require.NoError(t, r.log.Roll())
		for i := range 5 {
			require.NoError(t, r.write(fmt.Sprint("v", 5+i)))
		}
		require.NoError(t, r.log.SetStartOffset(7))
		_, err := r.log.ApplyRetention(time.Now(), 10)
		require.NoError(t, err)
		run(t, s, func() { later(5 * time.Second) })
		require.Equal(t, "/b", where(s))
		require.Equal(t, numbered(10)[7:], values(t, r.log))
		w.close(s)
	})
}

func TestMovedLogIsNotCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *dir.Set
		var cleaned atomic.Int32
		w := newWorld(t, 1)
		w.paths = []string{"/a", "/b"}
		known(w, &s)
		w.o.Clean = func(_ context.Context, logs []dir.Uncleaned) (dir.Cleaned, bool, error) {
			cleaned.Add(int32(len(logs)))
			return dir.Cleaned{}, false, nil
		}
		r := &replica{}
		w.o.Swap = func(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
			if cleaned.Load() == 0 {
				return errors.New("not yet")
			}
			return r.swap(p, swap)
		}
		s = w.open()
		r.log = createAs(t, s, part("t", 0), func(c *log.Config) { c.Compact = true })
		fill(t, r.log, "v", 5)
		require.NoError(t, s.Move(part("t", 0), "/b"))
		run(t, s, func() {
			later(10 * time.Minute)
			require.Zero(t, cleaned.Load())
			require.Equal(t, 1, w.said.count("not yet"), "said once")
			require.NoError(t, s.Move(part("t", 0), "/a"))
			later(time.Minute)
			require.Positive(t, cleaned.Load())
		})
		w.close(s)
	})
}

func TestMoveRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.paths = []string{"/a", "/b"}
		r := &replica{}
		w.o.Swap = r.swap
		w.o.MoveRate = func() int64 { return 100_000 }
		s := w.open()
		r.log = create(t, s, part("t", 0))
		for range 100 {
			require.NoError(t, r.write(strings.Repeat("x", 100_000)))
		}
		require.NoError(t, s.Move(part("t", 0), "/b"))
		run(t, s, func() {
			later(90 * time.Second)
			require.Equal(t, "/a, /b future=true", where(s))
			later(20 * time.Second)
			require.Equal(t, "/b", where(s))
		})
		w.close(s)
	})
}

func TestMoveResumes(t *testing.T) {
	for _, how := range []string{"closed", "killed", "crashed"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, r := movable(t, 3)
				fill(t, r.log, "v", 5)
				require.NoError(t, r.log.Flush(5))
				allowed := false
				w.o.Swap = func(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
					if !allowed {
						return errors.New("not yet")
					}
					return r.swap(p, swap)
				}
				s = w.reopen(s)
				r.log, _ = s.Get(part("t", 0))
				require.NoError(t, s.Move(part("t", 0), "/b"))
				run(t, s, func() { later(time.Minute) })
				switch how {
				case "closed":
					w.close(s)
				case "killed":
					w.disk.Kill()
				case "crashed":
					w.disk.Crash()
				}
				s = w.open()
				require.Equal(t, "/a, /b future=true", where(s))
				require.Equal(t, int64(5), s.Dirs()[1].Logs()[0].Log.EndOffset(), "what was copied stays")
				r.log, _ = s.Get(part("t", 0))
				allowed = true
				run(t, s, func() { later(5 * time.Second) })
				require.Equal(t, "/b", where(s))
				require.Equal(t, numbered(5), values(t, r.log))
				w.close(s)
			})
		})
	}
}

// TestStaleCopyBeginsAnew: a copy whose log has gone another way since.
func TestStaleCopyBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, r := movable(t, 1)
		fill(t, r.log, "v", 5)
		w.o.Swap = func(checkpoint.Partition, func() (*log.Log, *dir.Dir, error)) error { return errors.New("not yet") }
		s = w.reopen(s)
		require.NoError(t, s.Move(part("t", 0), "/b"))
		run(t, s, func() { later(time.Minute) })
		w.close(s)

		w.paths = []string{"/a"}
		s = w.open()
		l, _ := s.Get(part("t", 0))
		require.NoError(t, l.Truncate(3))
		fill(t, l, "other", 4)
		w.close(s)

		w.paths = []string{"/a", "/b"}
		w.o.Swap = r.swap
		s = w.open()
		run(t, s, func() { later(5 * time.Second) })
		require.Equal(t, "/b", where(s))
		require.Equal(t, []string{"v0", "v1", "v2", "other0", "other1", "other2", "other3"}, values(t, r.log))
		w.close(s)
	})
}

func TestOrphanedCopyIsLeftAlone(t *testing.T) {
	w, s, r := movable(t, 1)
	fill(t, r.log, "v", 5)
	require.NoError(t, s.Move(part("t", 0), "/b"))
	w.close(s)
	w.paths = []string{"/b"}
	before := names(t, w.disk, "/b")
	s = w.open()
	require.Empty(t, where(s))
	require.Equal(t, 1, w.said.count("left alone", "t-0."))
	w.close(s)
	require.Equal(t, before, names(t, w.disk, "/b"))
}

func TestTwinsAreLeftAlone(t *testing.T) {
	w, s, r := movable(t, 1)
	fill(t, r.log, "v", 5)
	create(t, s, part("u", 0)) // in /b
	w.close(s)
	w.paths = []string{"/b"}
	s = w.open()
	fill(t, create(t, s, part("t", 0)), "other", 3)
	w.close(s)

	w.paths = []string{"/a", "/b"}
	s = w.open()
	require.Empty(t, where(s))
	require.Equal(t, 2, w.said.count("level=ERROR", "several directories"))
	_, err := s.Create(part("t", 0), dir.NewLog{Config: log.DefaultConfig(), Fresh: true})
	require.ErrorIs(t, err, dir.ErrOffline)
	w.close(s)
	for path, want := range map[string]int{"/a": 5, "/b": 3} {
		w.paths = []string{path}
		s = w.open()
		l, ok := s.Get(part("t", 0))
		require.True(t, ok)
		require.Len(t, values(t, l), want, "nothing was lost")
		w.close(s)
	}
}
