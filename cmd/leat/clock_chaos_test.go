//go:build chaos

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheWallClockIsSteppedAndTheMonotonicIsNot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "clock")
	require.NoError(t, os.WriteFile(name, make([]byte, 8), 0o600))
	t.Setenv(clockFile, name)
	now, err := clock()
	require.NoError(t, err)
	for _, seconds := range []int64{0, 1, -1, 3600, -43200} {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(seconds)), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		before := time.Now()
		got := now()
		require.Less(t, got.Sub(before), time.Minute, "the monotonic clock")
		require.GreaterOrEqual(t, got.Sub(before), time.Duration(0))
		require.InDelta(t, before.Unix()+seconds, got.Unix(), 59, "the wall clock")
	}
}

func TestAClockFileThatIsMissingIsAnError(t *testing.T) {
	t.Setenv(clockFile, filepath.Join(t.TempDir(), "none"))
	_, err := clock()
	require.ErrorContains(t, err, clockFile)
}
