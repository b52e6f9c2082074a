package isr_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/isr"
)

// A leader alone shows what it has appended, at once.
func TestAloneTheHighWatermarkIsTheEnd(t *testing.T) {
	p := isr.Start(7)
	require.EqualValues(t, 7, p.HighWatermark())
	p.Appended(9, true, t0)
	require.True(t, p.Raise(nil))
	require.EqualValues(t, 9, p.HighWatermark())
	p.Appended(8, true, t0)
	require.False(t, p.Raise(nil), "an append that is told late")
	require.EqualValues(t, 9, p.HighWatermark())
}

// Records that must be on disk first are shown when they are.
func TestUnsyncedRecordsAreNotShown(t *testing.T) {
	p := isr.Start(0)
	p.Appended(5, false, t0)
	require.False(t, p.Raise(nil))
	require.EqualValues(t, 0, p.HighWatermark())
	p.Synced(3)
	require.True(t, p.Raise(nil))
	require.EqualValues(t, 3, p.HighWatermark())
	p.Synced(100)
	require.True(t, p.Raise(nil), "more than there is")
	require.EqualValues(t, 5, p.HighWatermark())
}

func TestHighWatermarkNeverFallsNorPassesTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 100).Draw(t, "start")
		p := isr.Start(start)
		end, last := start, start
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			offset := rapid.Int64Range(0, 200).Draw(t, "offset")
			if rapid.Bool().Draw(t, "append") {
				end = max(end, offset)
				p.Appended(offset, rapid.Bool().Draw(t, "synced"), t0)
			} else {
				p.Synced(offset)
			}
			moved := p.Raise(nil)
			high := p.HighWatermark()
			if high < last || high > end || p.End() != end || moved != (high > last) {
				t.Fatalf("high watermark %d after %d, end %d (%d), moved %v", high, last, end, p.End(), moved)
			}
			last = high
		}
	})
}

func TestRequired(t *testing.T) {
	require.Equal(t, 1, isr.Required(2, 1), "min.insync.replicas=2 and one replica: acks=all is accepted")
	require.Equal(t, 2, isr.Required(2, 3))
	require.Equal(t, 3, isr.Required(5, 3))
	require.Equal(t, 1, isr.Required(0, 3))
}
