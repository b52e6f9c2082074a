package dir_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
)

// TestSetAside: whatever the crash, a log that is set aside is under one name or the
// other, whole, and what comes in its place begins empty.
func TestSetAside(t *testing.T) {
	p := part("t", 0)
	live := func(w *world, stop int) error {
		s := w.open()
		l := create(t, s, p)
		fill(t, l, "v", 3)
		require.NoError(t, l.Flush(3))
		require.NoError(t, s.Checkpoint())
		w.disk.StopAfter(stop)
		if err := s.SetAside(p); err != nil {
			return err
		}
		_, err := s.Create(p, dir.NewLog{TopicID: [16]byte{9}, Config: log.DefaultConfig()})
		return err
	}
	for stop, done := 0, false; !done; stop++ {
		for seed := range uint64(5) {
			w := newWorld(t, seed)
			done = live(w, stop) == nil
			w.disk.Crash()
			s := w.open()
			var aside []string
			for _, name := range names(t, w.disk, "/data") {
				if strings.HasSuffix(name, "-stray") {
					aside = append(aside, name)
				}
			}
			l, ok := s.Get(p)
			switch {
			case ok && l.EndOffset() > 0:
				require.Empty(t, aside)
				require.Equal(t, []string{"v0", "v1", "v2"}, values(t, l))
				require.False(t, done)
			default:
				require.Len(t, aside, 1, "stopped after %d", stop)
				require.True(t, slices.Contains(names(t, w.disk, "/data/"+aside[0]), "00000000000000000000.log"))
				require.True(t, ok || !done)
			}
			w.close(s)
		}
	}
}
