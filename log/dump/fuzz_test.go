package dump_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/dump"
)

// Whatever a file holds, printing it ends, with or without an error.
func FuzzFile(f *testing.F) {
	exts := []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot"}
	golden := filepath.Join(goldenDir, "main", "txn-segments-0", "00000000000000000009")
	for i, ext := range exts {
		data, err := os.ReadFile(golden + ext)
		require.NoError(f, err)
		f.Add(uint8(i), data)
	}
	batches, err := os.ReadFile(golden + ".log")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		base := filepath.Join(t.TempDir(), "00000000000000000009")
		require.NoError(t, os.WriteFile(base+".log", batches, 0o644))
		path := base + exts[int(which)%len(exts)]
		require.NoError(t, os.WriteFile(path, data, 0o644))
		o := dump.Options{Data: true, MaxInflated: 1 << 20}
		if _, err := dump.File(io.Discard, path, o); err != nil {
			require.NotEmpty(t, err.Error())
		}
		if err := dump.Rows(path, o, func(*dump.Row) error { return nil }); err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}
