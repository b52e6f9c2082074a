package replica_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/replica"
)

// golden is a data directory of Kafka's.
const golden = "../../../log/testdata/golden"

// partition finds a recorded partition with several batches and copies it, as one
// broker's data directory.
func partition(t *testing.T) string {
	dir, from := t.TempDir(), ""
	require.NoError(t, filepath.Walk(golden, func(path string, info os.FileInfo, err error) error {
		if from == "" && strings.HasSuffix(path, ".log") && info.Size() > 500 {
			if read, err := replica.Read("b1", filepath.Dir(filepath.Dir(path)), false, func(p string) bool { return p == filepath.Base(filepath.Dir(path)) }); err == nil &&
				len(read) == 1 && len(read[0].Batches) > 2 && len(read[0].Problems) == 0 {
				from = filepath.Dir(path)
			}
		}
		return err
	}))
	require.NotEmpty(t, from)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "orders-0"), os.DirFS(from)))
	return dir
}

func all(string) bool { return true }

func TestReplicasAreReadAndCompared(t *testing.T) {
	a, b := partition(t), partition(t)
	one, err := replica.Read("b1", a, false, all)
	require.NoError(t, err)
	require.Len(t, one, 1)
	require.Equal(t, "orders-0", one[0].Partition)
	require.Greater(t, one[0].End, one[0].Start)
	one[0].HighWatermark = one[0].End
	two, err := replica.Read("b2", b, false, all)
	require.NoError(t, err)
	require.Zero(t, check.DivergentReplicas(append(one, two...)).Count)

	logs, err := filepath.Glob(filepath.Join(b, "orders-0", "*.log"))
	require.NoError(t, err)
	data, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	data[70]++ // in the first batch's records: only its checksum tells
	require.NoError(t, os.WriteFile(logs[0], data, 0o600))
	two, err = replica.Read("b2", b, false, all)
	require.NoError(t, err)
	f := check.DivergentReplicas(append(one, two...))
	require.GreaterOrEqual(t, f.Count, 2, "the files' own damage, and the difference: %v", f.Examples)
}

func TestOnlyWhatIsAskedForIsRead(t *testing.T) {
	got, err := replica.Read("b1", partition(t), false, func(string) bool { return false })
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = replica.Read("b1", filepath.Join(t.TempDir(), "none"), false, all)
	require.ErrorIs(t, err, os.ErrNotExist)
}
