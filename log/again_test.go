package log_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that is killed time and again, and writes checkpoints in between, scans the
// same each time: nothing that was once made durable becomes doubtful by that.
func TestKilledTimeAndAgain(t *testing.T) {
	for _, synced := range []int{5, 20, 25, 40} { // in segments of ten; also just at the end of one
		t.Run(fmt.Sprint(synced), func(t *testing.T) {
			dir := t.TempDir() + "/t-0"
			l, err := open(dir, fresh(testConfig()))
			require.NoError(t, err)
			for i := range 40 {
				_, err := l.Append(value(t, i), produce)
				require.NoError(t, err)
				if i+1 == synced {
					require.NoError(t, l.Flush(int64(synced)))
				}
				if i%10 == 9 && i < 39 {
					require.NoError(t, l.Roll())
				}
			}
			point := l.CheckpointOffset()
			require.EqualValues(t, synced, point)
			for range 5 {
				require.NoError(t, l.Close()) // what it writes is not trusted
				o := fresh(testConfig())
				o.Clean, o.RecoveryPoint = false, point
				l, err = open(dir, o)
				require.NoError(t, err)
				require.LessOrEqual(t, l.RecoveryPoint(), int64(synced), "what was found is not said to be on disk")
				point = l.CheckpointOffset()
				require.EqualValues(t, synced, point)
			}
			require.NoError(t, l.Truncate(int64(synced)-3))
			require.LessOrEqual(t, l.CheckpointOffset(), int64(synced)-3)
			require.NoError(t, l.Sync(l.EndOffset()))
			require.Equal(t, l.EndOffset(), l.CheckpointOffset())
			require.NoError(t, l.Close())
		})
	}
}

func value(t *testing.T, i int) []byte {
	t.Helper()
	return idempotent(t, 1, int32(i), fmt.Sprint(i))
}
