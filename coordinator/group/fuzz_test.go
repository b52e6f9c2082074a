package group_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
)

// Whatever is in the log, loading it ends, and what comes of it can be lived with.
func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("../../log/testdata/golden/main/__consumer_offsets-0/00000000000000000000.log")
	require.NoError(f, err)
	f.Add(data)
	w := newWorld(f)
	w.members(2)
	w.commit()
	for _, batch := range w.log {
		f.Add(batch)
	}
	f.Fuzz(func(t *testing.T, batches []byte) {
		l := group.NewLoader(1 << 16)
		if l.Replay(batches) != nil {
			return
		}
		w := newWorld(t)
		w.turn.Begin(w.now, &w.config)
		w.table, _ = l.Finish(&w.turn)
		w.settle()
		require.NoError(t, w.table.Check())
		w.pass(10 * time.Minute)
		require.NoError(t, w.table.Check())
	})
}
