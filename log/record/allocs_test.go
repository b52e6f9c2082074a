//go:build !race

package record_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// TestNoAllocationsPerRecord holds the path of a produced batch to its budget: none. It is
// left out of race builds, where pools forget at random.
func TestNoAllocationsPerRecord(t *testing.T) {
	for _, c := range codecs {
		t.Run("pass "+c.String(), func(t *testing.T) {
			set := kibibytes(t, c)
			r := plainRules()
			var s record.Scratch
			require.Zero(t, testing.AllocsPerRun(100, func() {
				p, err := record.Prepare(set, r, &s)
				require.NoError(t, err)
				require.False(t, p.Rebuilt)
			}))
		})
		t.Run("iterate "+c.String(), func(t *testing.T) {
			b := client(t, record.Spec{Codec: c}, some(64)...)
			it := record.Iterator{MaxInflated: inflateBound}
			require.Zero(t, testing.AllocsPerRun(100, func() {
				require.NoError(t, it.Reset(b))
				for it.Next() {
					if it.Record().Timestamp == 0 {
						t.Fatal("no timestamp")
					}
				}
				require.NoError(t, it.Err())
			}))
		})
	}
	t.Run("append time", func(t *testing.T) {
		r := plainRules()
		r.LogAppendTime = true
		checkNoAllocations(t, kibibytes(t, compress.LZ4), r)
	})
	t.Run("recompress", func(t *testing.T) {
		r := plainRules()
		r.Recompress, r.Codec = true, compress.LZ4
		checkNoAllocations(t, kibibytes(t, compress.None), r)
	})
	t.Run("convert", func(t *testing.T) {
		r := plainRules()
		r.ProduceVersion = 2
		checkNoAllocations(t, downconvert(t, kibibytes(t, compress.LZ4), record.Down{Magic: 1}), r)
	})
}

func checkNoAllocations(t *testing.T, set []byte, r record.Rules) {
	t.Helper()
	var s record.Scratch
	fresh := bytes.Clone(set)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		copy(set, fresh) // Prepare may change headers
		_, err := record.Prepare(set, r, &s)
		require.NoError(t, err)
	}))
}
