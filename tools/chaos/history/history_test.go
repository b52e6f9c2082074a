package history_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/history"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	w, err := history.Create(path, history.About{Seed: 7, Keys: []string{"a-0", "a-1"}})
	require.NoError(t, err)
	events := []history.Event{
		{Time: 1, Process: 3, Type: history.Invoke, Op: history.Send, Key: 1, Value: 12},
		{Time: 2, Process: 3, Type: history.OK, Op: history.Send, Key: 1, Value: 12, Offset: 4},
		{Time: 9, Process: 4, Type: history.OK, Op: history.Poll, Begin: 3, Runs: []history.Run{{Key: 1, Offset: 4, Values: []int64{12, 0}}}},
		{Time: 9, Type: history.OK, Op: history.Fault, Value: 1, Text: "kill", Node: "b1"},
	}
	for _, e := range events {
		w.Add(e)
	}
	require.Equal(t, len(events)+1, w.Count())
	require.NoError(t, w.Close())
	h, err := history.Open(path)
	require.NoError(t, err)
	require.Equal(t, uint64(7), h.About.Seed)
	require.Equal(t, events, h.Events[1:])
}

func TestAHistoryCutShortIsReadAsFarAsItGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	w, err := history.Create(path, history.About{})
	require.NoError(t, err)
	var all sync.WaitGroup
	for p := range 4 {
		all.Go(func() {
			for i := range 20000 {
				w.Add(history.Event{Process: int32(p), Type: history.Invoke, Op: history.Send, Value: int64(p<<32 | i)})
			}
		})
	}
	all.Wait()
	require.NoError(t, w.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)/2], 0o600))
	h, err := history.Open(path)
	require.NoError(t, err)
	require.Greater(t, len(h.Events), 1000)
	require.Less(t, len(h.Events), 80001)
	last := map[int32]int64{}
	for _, e := range h.Events[1:] {
		require.GreaterOrEqual(t, e.Value, last[e.Process])
		last[e.Process] = e.Value
		require.Positive(t, e.Time)
	}
}

func TestWhatIsNoHistoryIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	_, err := history.Open(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("no zstd at all"), 0o600))
	_, err = history.Open(path)
	require.Error(t, err)
}
