package log_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/producer"
)

// A producer has five requests under way when the broker ends; afterwards it sends any of
// them again, and none is written twice or refused, whatever snapshot the start began with.
func TestRetriesOfTheLastFiveAreKnownAfterEveryKindOfStart(t *testing.T) {
	for name, clean := range map[string]bool{"clean": true, "unclean": false} {
		for rolls := range 5 {
			t.Run(name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "t-0")
				l, err := open(dir, fresh(testConfig()))
				require.NoError(t, err)
				offsets := make([]int64, 8)
				for i := range offsets {
					if i == len(offsets)-rolls {
						require.NoError(t, l.Roll())
						require.NoError(t, l.Flush(l.EndOffset()))
					}
					done, err := l.Append(idempotent(t, 7, int32(i), "v"), produce)
					require.NoError(t, err)
					offsets[i] = done.BaseOffset
					_, err = l.Append(idempotent(t, 8, int32(i), "another's"), produce)
					require.NoError(t, err)
				}
				point := l.RecoveryPoint()
				end := l.EndOffset()
				require.NoError(t, l.Close())

				l = openLog(t, dir, log.Options{Config: testConfig(), Clean: clean, RecoveryPoint: point, StartOffset: -1})
				for i := 3; i < 8; i++ {
					done, err := l.Append(idempotent(t, 7, int32(i), "v"), produce)
					require.NoError(t, err, "batch %d, a segment begun %d before the end", i, rolls)
					require.True(t, done.Duplicate)
					require.Equal(t, offsets[i], done.BaseOffset)
				}
				_, err = l.Append(idempotent(t, 7, 2, "v"), produce)
				require.ErrorIs(t, err, producer.ErrOutOfOrder, "only the last five are known")
				_, err = l.Append(idempotent(t, 7, 9, "v"), produce)
				require.ErrorIs(t, err, producer.ErrOutOfOrder, "a gap is one")
				require.Equal(t, end, l.EndOffset())
				done, err := l.Append(idempotent(t, 7, 8, "v"), produce)
				require.NoError(t, err)
				require.Equal(t, end, done.BaseOffset)
			})
		}
	}
}
