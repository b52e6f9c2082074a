package dir_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// moving writes and flushes while a log is moved, then writes on; it returns
// what was flushed.
func moving(w *world, s *dir.Set, r *replica) (flushed int) {
	if err := s.Move(part("t", 0), "/b"); err != nil {
		return 0
	}
	for i := range 12 {
		if err := r.write(fmt.Sprint("v", i)); err != nil {
			break
		}
		r.mu.RLock()
		err := r.log.Flush(int64(i + 1))
		r.mu.RUnlock()
		if err != nil {
			break
		}
		flushed = i + 1
		time.Sleep(250 * time.Millisecond)
	}
	return flushed
}

// TestCrashWhileMoving cuts the power, or kills the process, after every change
// of a move: afterwards there is one log, with all that was flushed.
func TestCrashWhileMoving(t *testing.T) {
	changes := 1
	for stop := 0; stop <= changes; stop++ {
		for seed := range uint64(4) {
			synctest.Test(t, func(t *testing.T) {
				w, _, r := movable(t, seed)
				w.disk.Kill()
				s := w.open()
				r.log, _ = s.Get(part("t", 0))
				if stop > 0 {
					w.disk.StopAfter(stop)
				}
				var flushed int
				run(t, s, func() { flushed = moving(w, s, r) })
				if stop == 0 {
					changes = w.disk.Changes()
					require.Equal(t, 12, flushed)
					require.Equal(t, "/b", where(s))
				}
				if seed == 0 {
					w.disk.Kill()
				} else {
					w.disk.Crash()
				}
				endsMoved(t, w, r, flushed)
			})
			if t.Failed() {
				t.Fatalf("after %d changes of %d, seed %d", stop, changes, seed)
			}
		}
	}
}

// TestNewDiskGoneAfterCrash: after a crash in the middle of a move the broker
// starts without the new directory, and works on with the old log if it may.
// When the directory is back, nothing written meanwhile may be lost.
func TestNewDiskGoneAfterCrash(t *testing.T) {
	refused, served := 0, 0
	for stop := 1; stop <= 60; stop++ {
		synctest.Test(t, func(t *testing.T) {
			w, s, r := movable(t, uint64(stop))
			w.disk.StopAfter(stop)
			var flushed int
			run(t, s, func() { flushed = moving(w, s, r) })
			w.disk.Kill()

			breakAll(w, "/b")
			s = w.open()
			if l, ok := s.Get(part("t", 0)); ok {
				served++
				for i := int(l.EndOffset()); i < 20; i++ {
					_, err := write(l, fmt.Sprint("v", i))
					require.NoError(t, err)
				}
				flushed = 20
			} else {
				refused++
				_, err := s.Create(part("t", 0), dir.NewLog{Config: log.DefaultConfig()})
				require.ErrorIs(t, err, dir.ErrOffline)
			}
			w.disk.Kill()
			endsMoved(t, w, r, flushed)
		})
		if t.Failed() {
			t.Fatalf("after %d changes", stop)
		}
	}
	require.Positive(t, served)
	require.Positive(t, refused, "when the new directory may have the log")
}

// breakAll makes everything below a path fail.
func breakAll(w *world, path string) {
	w.disk.SetRule(func(op crashfs.Op) error {
		if strings.HasPrefix(op.Name, path) {
			return errBroken
		}
		return nil
	})
}

// endsMoved restarts, lets the move end, and expects all that was flushed.
func endsMoved(t *testing.T, w *world, r *replica, flushed int) {
	t.Helper()
	s := w.open()
	l, ok := s.Get(part("t", 0))
	require.True(t, ok, "%s", w.said.text.String())
	got := values(t, l)
	require.GreaterOrEqual(t, len(got), flushed, "%s", w.said.text.String())
	require.Equal(t, numbered(len(got)), got)
	r.log = l
	require.NoError(t, s.Move(part("t", 0), "/b"))
	run(t, s, func() { time.Sleep(2 * time.Minute) })
	require.Equal(t, "/b", where(s), "%s", w.said.text.String())
	s = w.reopen(s)
	l, _ = s.Get(part("t", 0))
	require.Equal(t, got, values(t, l))
	for _, path := range w.paths {
		require.Empty(t, deletedIn(t, w, path))
	}
	w.close(s)
}

// TestMoveIsDurable cuts the power right after the swap: the new log has what
// the old one promised.
func TestMoveIsDurable(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			w, s, r := movable(t, seed)
			fill(t, r.log, "v", 5)
			w.o.Swap = func(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
				fill(t, r.log, "last", 1) // after the copy was complete, before it takes over
				require.NoError(t, r.log.Flush(r.log.EndOffset()))
				require.NoError(t, r.log.SetStartOffset(4))
				err := r.swap(p, swap)
				w.disk.Crash()
				return err
			}
			s = w.reopen(s)
			r.log, _ = s.Get(part("t", 0))
			require.NoError(t, s.Move(part("t", 0), "/b"))
			run(t, s, func() { time.Sleep(5 * time.Second) })
			s = w.open()
			require.Equal(t, "/b", where(s))
			l, _ := s.Get(part("t", 0))
			require.Equal(t, []string{"v4", "last0"}, values(t, l))
			require.Equal(t, int64(4), l.StartOffset())
			w.close(s)
		})
	}
}

// TestMovedLogInheritsNothing: the new directory had a log of that name once.
func TestMovedLogInheritsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, r := movable(t, 1)
		p := part("t", 0)
		fill(t, r.log, "old", 50)
		require.NoError(t, r.log.SetStartOffset(40))
		require.NoError(t, s.Move(p, "/b"))
		run(t, s, func() { time.Sleep(5 * time.Second) })
		require.Equal(t, "/b", where(s))
		require.NoError(t, r.log.SetStartOffset(45))
		require.NoError(t, s.Checkpoint())
		require.NoError(t, s.Delete(p))

		require.ErrorIs(t, s.Move(p, "/a"), dir.ErrUnknown)
		r.log = create(t, s, p)
		require.Equal(t, "/a", where(s))
		fill(t, r.log, "v", 5)
		require.NoError(t, r.log.Flush(5))
		require.NoError(t, s.Move(p, "/b"))
		run(t, s, func() { time.Sleep(5 * time.Second) })
		w.disk.Crash()
		s = w.open()
		require.Equal(t, "/b", where(s))
		l, _ := s.Get(p)
		require.Equal(t, numbered(5), values(t, l))
		w.close(s)
	})
}

// TestFailureWhileMoving makes each operation on the new directory fail once:
// the old log must not notice.
func TestFailureWhileMoving(t *testing.T) {
	operations := 1
	for n := 0; n <= 2*operations+1; n++ {
		bad := n / 2
		synctest.Test(t, func(t *testing.T) {
			w, s, r := movable(t, uint64(bad))
			done := 0
			w.disk.SetRule(func(op crashfs.Op) error {
				if !strings.HasPrefix(op.Name+"/", "/b/") || op.Kind == crashfs.Free {
					return nil
				}
				if done++; done == bad {
					return errBroken
				}
				return nil
			})
			var flushed int
			run(t, s, func() { flushed = moving(w, s, r) })
			if bad == 0 {
				operations = done
			}
			if s.Dirs()[0].Err() != nil {
				t.Errorf("operation %d: the failure of /b took /a offline: %v", bad, s.Dirs()[0].Err())
			}
			if where(s) != "/b" {
				i := int(r.log.EndOffset())
				for ; i < 20; i++ {
					require.NoError(t, r.write(fmt.Sprint("v", i)))
				}
				require.Equal(t, numbered(20), values(t, r.log))
				require.NoError(t, r.log.Flush(20))
				flushed = 20
			}
			if n%2 == 0 {
				w.disk.Kill()
			} else {
				w.disk.Crash()
			}
			s = w.open()
			l, ok := s.Get(part("t", 0))
			if !ok { // it may have been renamed or not, and nobody knows
				require.Equal(t, 2, w.said.count("level=ERROR", "several directories"))
				return
			}
			got := values(t, l)
			require.Equal(t, numbered(len(got)), got)
			require.GreaterOrEqual(t, len(got), flushed)
		})
		if t.Failed() {
			t.Fatalf("operation %d of %d", bad, operations)
		}
	}
}
