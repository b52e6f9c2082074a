package log_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// timed is a record as the model knows it.
type timed struct{ offset, timestamp int64 }

// timedLog makes a log of records with random timestamps, and its model.
func timedLog(t *testing.T, dir string, rng *rand.Rand) (*log.Log, []timed) {
	l := openLog(t, dir, fresh(small()))
	var model []timed
	for range 300 {
		var b record.Builder
		b.Reset(record.Spec{Codec: []compress.Codec{compress.None, compress.LZ4}[rng.IntN(2)]})
		for range 1 + rng.IntN(5) {
			// Forward on the whole, but out of order, and some without.
			ts := testNow.UnixMilli() + int64(len(model))*10 + rng.Int64N(2000) - 1000
			if rng.IntN(20) == 0 {
				ts = -1
			}
			model = append(model, timed{int64(len(model)), ts})
			b.Append(&record.Record{Timestamp: ts, Value: make([]byte, rng.IntN(300))})
		}
		set, err := b.Finish(nil)
		require.NoError(t, err)
		_, err = l.Append(set, produce)
		require.NoError(t, err)
	}
	require.Greater(t, l.Segments(), 2)
	return l, model
}

func TestLookupsByTimeAgreeWithAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	l, model := timedLog(t, dir, rng)
	check := func(l *log.Log) {
		for range 500 {
			ts := testNow.UnixMilli() + rng.Int64N(int64(len(model))*10+4000) - 2000
			upTo := l.StartOffset() + rng.Int64N(l.EndOffset()-l.StartOffset()+1)
			found, ok, err := l.OffsetForTimestamp(ts, upTo)
			require.NoError(t, err)
			want, wantOK := log.Found{}, false
			for _, m := range model[l.StartOffset():] {
				if m.timestamp >= ts {
					want, wantOK = log.Found{Offset: m.offset, Timestamp: m.timestamp, Epoch: 3}, m.offset < upTo
					break
				}
			}
			if !wantOK {
				want = log.Found{}
			}
			require.Equal(t, wantOK, ok)
			require.Equal(t, want, found)
		}
		most := timed{-1, -1}
		for _, m := range model[l.FirstSegment():] {
			if m.timestamp > most.timestamp {
				most = m
			}
		}
		found, ok, err := l.OffsetOfMaxTimestamp(l.EndOffset())
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, log.Found{Offset: most.offset, Timestamp: most.timestamp, Epoch: 3}, found)
		_, ok, err = l.OffsetOfMaxTimestamp(most.offset)
		require.NoError(t, err)
		require.False(t, ok)
	}
	check(l)
	require.NoError(t, l.SetStartOffset(100))
	check(l)
	require.NoError(t, l.Close())
	check(openLog(t, dir, fresh(small())))
}

// Lookups in the recorded logs find the records that are there, in every format and
// codec.
func TestLookupsByTimeInGoldenLogs(t *testing.T) {
	for _, g := range goldenLogs(t, "main", "legacy", "cluster") {
		t.Run(filepath.Base(g.data)+"/"+g.name, func(t *testing.T) {
			l := openLog(t, copyDir(t, g.dir()), g.options(t, true))
			records := readGolden(t, g.records, l.StartOffset())
			for _, r := range records {
				if r.Timestamp < 0 {
					continue
				}
				found, ok, err := l.OffsetForTimestamp(r.Timestamp, l.EndOffset())
				require.NoError(t, err)
				require.True(t, ok)
				first := records[slices.IndexFunc(records, func(x goldenRecord) bool { return x.Timestamp >= r.Timestamp })]
				require.Equal(t, log.Found{Offset: first.Offset, Timestamp: first.Timestamp, Epoch: first.LeaderEpoch}, found)
			}
			_, ok, err := l.OffsetForTimestamp(1<<60, l.EndOffset())
			require.NoError(t, err)
			require.False(t, ok)
		})
	}
}

func TestLookupsByTimeInAnEmptyLog(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	_, ok, err := l.OffsetForTimestamp(0, 10)
	require.NoError(t, err)
	require.False(t, ok)
	_, ok, err = l.OffsetOfMaxTimestamp(10)
	require.NoError(t, err)
	require.False(t, ok)
	require.Len(t, l.SegmentOffsets(), 1)
}

func TestSegmentOffsetsTellWhenTheyWereWritten(t *testing.T) {
	before := time.Now().Add(-time.Minute).UnixMilli()
	l := openLog(t, t.TempDir(), fresh(small()))
	appendN(t, l, 400)
	list := l.SegmentOffsets()
	require.Len(t, list, l.Segments())
	for i, s := range list {
		require.Greater(t, s.Modified, before)
		if i > 0 {
			require.Greater(t, s.Base, list[i-1].Base)
		}
	}
}
