package epoch_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/epoch"
)

type entries = []epoch.Entry

func cache(t *testing.T, e ...epoch.Entry) *epoch.Cache {
	t.Helper()
	c, err := epoch.New(e)
	require.NoError(t, err)
	return c
}

func TestNewRefusesDisorder(t *testing.T) {
	for _, bad := range []entries{
		{{Epoch: 2, Start: 0}, {Epoch: 1, Start: 5}},
		{{Epoch: 1, Start: 0}, {Epoch: 1, Start: 5}},
		{{Epoch: 1, Start: 5}, {Epoch: 2, Start: 5}},
		{{Epoch: -1, Start: 5}},
		{{Epoch: 1, Start: -5}},
	} {
		_, err := epoch.New(bad)
		require.ErrorIs(t, err, epoch.ErrOrder, "%v", bad)
	}
}

func TestAssign(t *testing.T) {
	base := entries{{Epoch: 2, Start: 10}, {Epoch: 4, Start: 20}, {Epoch: 6, Start: 30}}
	tests := []struct {
		name string
		give epoch.Entry
		want entries // nil: unchanged
	}{
		{"the running epoch goes on", epoch.Entry{Epoch: 6, Start: 35}, nil},
		{"the running epoch at its start", epoch.Entry{Epoch: 6, Start: 30}, nil},
		{"the running epoch from earlier", epoch.Entry{Epoch: 6, Start: 25}, entries{{2, 10}, {4, 20}, {6, 25}}},
		{"a new epoch", epoch.Entry{Epoch: 7, Start: 35}, entries{{2, 10}, {4, 20}, {6, 30}, {7, 35}}},
		{"a new epoch at the same offset: the old wrote nothing", epoch.Entry{Epoch: 7, Start: 30}, entries{{2, 10}, {4, 20}, {7, 30}}},
		{"a new epoch from earlier", epoch.Entry{Epoch: 7, Start: 15}, entries{{2, 10}, {7, 15}}},
		{"an old epoch again", epoch.Entry{Epoch: 4, Start: 40}, entries{{2, 10}, {4, 40}}},
		{"an epoch between", epoch.Entry{Epoch: 5, Start: 40}, entries{{2, 10}, {4, 20}, {5, 40}}},
		{"older than all", epoch.Entry{Epoch: 1, Start: 0}, entries{{1, 0}}},
		{"no epoch", epoch.Entry{Epoch: -1, Start: 40}, nil},
		{"no offset", epoch.Entry{Epoch: 7, Start: -1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := cache(t, base...)
			changed := c.Assign(tt.give)
			require.Equal(t, tt.want != nil, changed)
			if tt.want == nil {
				tt.want = base
			}
			require.Equal(t, tt.want, c.Entries())
		})
	}
}

func TestFirstAssign(t *testing.T) {
	var c epoch.Cache
	require.Equal(t, epoch.Entry{Epoch: epoch.None, Start: epoch.NoOffset}, c.Latest())
	require.True(t, c.Assign(epoch.Entry{Epoch: 0, Start: 0}))
	require.Equal(t, epoch.Entry{}, c.Latest())
	require.Equal(t, 1, c.Len())
}

func TestEndOffsetFor(t *testing.T) {
	const logEnd = 100
	full := entries{{Epoch: 2, Start: 10}, {Epoch: 4, Start: 20}, {Epoch: 6, Start: 30}}
	tests := []struct {
		name      string
		cache     entries
		ask       int32
		wantEpoch int32
		wantEnd   int64
	}{
		{"undefined", full, -1, -1, -1},
		{"latest", full, 6, 6, logEnd},
		{"later than all", full, 7, -1, -1},
		{"earlier than all", full, 1, 1, 10},
		{"present", full, 4, 4, 30},
		{"first", full, 2, 2, 20},
		{"between", full, 3, 2, 20},
		{"between the last", full, 5, 4, 30},
		{"empty", nil, 5, -1, -1},
		{"empty, undefined", nil, -1, -1, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, end := cache(t, tt.cache...).EndOffsetFor(tt.ask, logEnd)
			require.Equal(t, tt.wantEpoch, found)
			require.Equal(t, tt.wantEnd, end)
		})
	}
}

func TestAt(t *testing.T) {
	c := cache(t, epoch.Entry{Epoch: 2, Start: 10}, epoch.Entry{Epoch: 4, Start: 20})
	for offset, want := range map[int64]int32{0: -1, 9: -1, 10: 2, 19: 2, 20: 4, 1000: 4} {
		require.Equal(t, want, c.At(offset), "offset %d", offset)
	}
}

func TestTruncateFromStart(t *testing.T) {
	full := entries{{Epoch: 2, Start: 10}, {Epoch: 4, Start: 20}, {Epoch: 6, Start: 30}}
	tests := []struct {
		offset  int64
		want    entries
		changed bool
	}{
		{5, full, false},
		{10, full, false},
		{15, entries{{2, 15}, {4, 20}, {6, 30}}, true},
		{20, entries{{4, 20}, {6, 30}}, true},
		{25, entries{{4, 25}, {6, 30}}, true},
		{99, entries{{6, 99}}, true},
	}
	for _, tt := range tests {
		c := cache(t, full...)
		require.Equal(t, tt.changed, c.TruncateFromStart(tt.offset), "offset %d", tt.offset)
		require.Equal(t, tt.want, c.Entries(), "offset %d", tt.offset)
	}
	require.False(t, cache(t).TruncateFromStart(5))
}

func TestTruncateFromEnd(t *testing.T) {
	full := entries{{Epoch: 2, Start: 10}, {Epoch: 4, Start: 20}, {Epoch: 6, Start: 30}}
	tests := []struct {
		offset  int64
		want    entries
		changed bool
	}{
		{-1, full, false},
		{31, full, false},
		{30, full[:2], true},
		{21, full[:2], true},
		{20, full[:1], true},
		{0, entries{}, true},
	}
	for _, tt := range tests {
		c := cache(t, full...)
		require.Equal(t, tt.changed, c.TruncateFromEnd(tt.offset), "offset %d", tt.offset)
		require.Equal(t, tt.want, append(entries{}, c.Entries()...), "offset %d", tt.offset)
	}
	require.False(t, cache(t).TruncateFromEnd(5))
}

func TestClear(t *testing.T) {
	c := cache(t, epoch.Entry{Epoch: 2, Start: 10})
	require.True(t, c.Clear())
	require.False(t, c.Clear())
	require.Zero(t, c.Len())
}

// TestAgainstLog runs the cache beside a log of which each record's epoch is
// known, and compares every answer.
func TestAgainstLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c epoch.Cache
		var log []int32 // the epoch of each record from start on
		var start int64
		var current int32
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			end := start + int64(len(log))
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0: // a new leader, who may write nothing
				current += rapid.Int32Range(1, 3).Draw(t, "skip")
				c.Assign(epoch.Entry{Epoch: current, Start: end})
			case 1:
				c.Assign(epoch.Entry{Epoch: current, Start: end})
				log = append(log, current)
			case 2:
				n := rapid.IntRange(0, len(log)).Draw(t, "deleted")
				log, start = log[n:], start+int64(n)
				c.TruncateFromStart(start)
			case 3:
				n := rapid.IntRange(0, len(log)).Draw(t, "kept")
				log = log[:n]
				c.TruncateFromEnd(start + int64(n))
			}
			check(t, &c, log, start)
		}
	})
}

func check(t *rapid.T, c *epoch.Cache, log []int32, start int64) {
	if _, err := epoch.New(c.Entries()); err != nil {
		t.Fatal(err)
	}
	for i, want := range log {
		if got := c.At(start + int64(i)); got != want {
			t.Fatalf("offset %d has epoch %d, the cache says %d", start+int64(i), want, got)
		}
	}
	end := start + int64(len(log))
	for i, e := range log {
		if i+1 < len(log) && log[i+1] == e {
			continue
		}
		want := start + int64(i) + 1 // e's last record is at i
		found, got := c.EndOffsetFor(e, end)
		if found != e || got != want {
			t.Fatalf("epoch %d ends at %d, the cache says epoch %d at %d", e, want, found, got)
		}
	}
}
