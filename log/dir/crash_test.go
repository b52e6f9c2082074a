package dir_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// incarnation is one log of a partition's name.
type incarnation struct {
	prefix           string // of its values: prefix0, prefix1, ...
	created, deleted bool   // Create or Delete has returned
	deleting         bool   // Delete was called
	written, flushed int
}

// history is what a broker was told before the crash.
type history struct {
	logs map[checkpoint.Partition][]*incarnation
}

func (h *history) last(p checkpoint.Partition) *incarnation {
	list := h.logs[p]
	return list[len(list)-1]
}

func (h *history) create(s *dir.Set, p checkpoint.Partition) error {
	i := &incarnation{prefix: fmt.Sprintf("%v#%d-", p, len(h.logs[p]))}
	h.logs[p] = append(h.logs[p], i)
	_, err := s.Create(p, dir.NewLog{TopicID: [16]byte{1}, Config: log.DefaultConfig(), Fresh: true})
	i.created = err == nil
	return err
}

// fill writes n records and flushes all but the last.
func (h *history) fill(s *dir.Set, p checkpoint.Partition, n int) error {
	l, ok := s.Get(p)
	if !ok {
		return fmt.Errorf("%v is gone", p)
	}
	i := h.last(p)
	for range n {
		if _, err := write(l, fmt.Sprint(i.prefix, i.written)); err != nil {
			return err
		}
		i.written++
	}
	if err := l.Flush(int64(i.written - 1)); err != nil {
		return err
	}
	i.flushed = i.written - 1
	return nil
}

func (h *history) delete(s *dir.Set, p checkpoint.Partition) error {
	h.last(p).deleting = true
	err := s.Delete(p)
	h.last(p).deleted = err == nil
	return err
}

// closed notes that everything is safe.
func (h *history) closed() {
	for _, list := range h.logs {
		list[len(list)-1].flushed = list[len(list)-1].written
	}
}

// live is what a broker does in its life, until something fails.
func (h *history) live(paths []string, o dir.Options) error {
	a, b := part("a", 0), part("b", 7)
	s, err := dir.Open(paths, o)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return h.create(s, a) },
		func() error { return h.fill(s, a, 4) },
		func() error { return h.create(s, b) },
		func() error { return h.fill(s, b, 3) },
		s.Checkpoint,
		func() error { return h.delete(s, a) },
		func() error { return h.create(s, a) },
		func() error { return h.fill(s, a, 2) },
		s.Checkpoint,
		func() error { return s.Close(context.Background()) },
		func() error { h.closed(); return nil },
		func() error { s, err = dir.Open(paths, o); return err },
		func() error { return h.fill(s, b, 2) },
		func() error { return h.delete(s, a) },
		func() error { return s.Close(context.Background()) },
		func() error { h.closed(); return nil },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// check compares what is there after the crash with what was promised before.
func (h *history) check(w *world, s *dir.Set) {
	t := w.t
	t.Helper()
	for p, list := range h.logs {
		now := list[len(list)-1]
		l, ok := s.Get(p)
		if !ok {
			require.True(t, !now.created || now.deleting, "%v is lost\n%s", p, w.said.text.String())
			continue
		}
		require.False(t, now.deleted, "%v is back", p)
		got := values(t, l)
		of := now
		if !now.created && len(got) == 0 {
			continue
		}
		if len(list) > 1 && !list[len(list)-2].deleted {
			of = list[len(list)-2]
		}
		require.GreaterOrEqual(t, len(got), of.flushed, "%v lost what was flushed", p)
		for i, v := range got {
			require.Equal(t, fmt.Sprint(of.prefix, i), v, "%v", p)
		}
	}
}

// TestCrashAnywhere cuts the power, or kills the process, after every single
// change to the disk, and expects that nothing promised is lost, that nothing
// deleted comes back, and that the next broker starts, works and stops cleanly.
func TestCrashAnywhere(t *testing.T) {
	changes := func() int {
		w := newWorld(t, 0)
		require.NoError(t, (&history{logs: map[checkpoint.Partition][]*incarnation{}}).live(w.paths, w.o))
		return w.disk.Changes()
	}()
	require.Greater(t, changes, 80)
	for stop := range changes + 1 {
		for seed := range uint64(4) {
			h := &history{logs: map[checkpoint.Partition][]*incarnation{}}
			w := newWorld(t, seed)
			w.disk.StopAfter(stop)
			err := h.live(w.paths, w.o)
			require.Equal(t, stop < changes, err != nil, "%v", err)
			if seed == 0 {
				w.disk.Kill()
			} else {
				w.disk.Crash()
			}
			s, err := dir.Open(w.paths, w.o)
			require.NoError(t, err, "after %d changes, seed %d", stop, seed)
			h.check(w, s)
			survives(t, w, s)
			if t.Failed() {
				t.Fatalf("after %d changes, seed %d", stop, seed)
			}
		}
	}
}

// survives works with a directory after a crash and restarts cleanly.
func survives(t *testing.T, w *world, s *dir.Set) {
	t.Helper()
	p := part("after", 0)
	_, err := s.Create(p, dir.NewLog{Config: log.DefaultConfig(), Fresh: true})
	require.NoError(t, err)
	for _, l := range s.Logs() {
		_, err := write(l, "more")
		require.NoError(t, err)
	}
	n := logs(s)
	s = w.reopen(s)
	require.Equal(t, n, logs(s))
	for _, l := range s.Logs() {
		got := values(t, l)
		require.Equal(t, "more", got[len(got)-1])
	}
	w.close(s)
}

// TestErrorsAnywhere makes each single operation of a life fail once: the broker
// may lose its directory, but no promise.
func TestErrorsAnywhere(t *testing.T) {
	count := 0
	w := newWorld(t, 0)
	w.disk.SetRule(func(crashfs.Op) error { count++; return nil })
	require.NoError(t, (&history{logs: map[checkpoint.Partition][]*incarnation{}}).live(w.paths, w.o))
	require.Greater(t, count, 150)
	for bad := range count {
		for _, cause := range []error{errBroken, errFull} {
			h := &history{logs: map[checkpoint.Partition][]*incarnation{}}
			w := newWorld(t, uint64(bad))
			n := 0
			w.disk.SetRule(func(crashfs.Op) error {
				if n++; n == bad+1 {
					return cause
				}
				return nil
			})
			err := h.live(w.paths, w.o)
			w.disk.Crash()
			s, openErr := dir.Open(w.paths, w.o)
			require.NoError(t, openErr, "operation %d failed with %v, then: %v", bad, cause, err)
			h.check(w, s)
			survives(t, w, s)
		}
	}
}
