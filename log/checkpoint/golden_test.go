package checkpoint_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/vfs"
)

const golden = "../testdata/golden"

// each calls visit with every golden file of a name.
func each(t *testing.T, name string, visit func(t *testing.T, path string, data []byte)) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(golden, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != name {
			return err
		}
		found++
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		t.Run(strings.TrimPrefix(path, golden), func(t *testing.T) { visit(t, path, data) })
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, found, "golden files named %s", name)
}

// sortedLines makes files comparable whose entries Kafka writes in any order.
func sortedLines(data []byte) []string {
	lines := strings.Split(string(data), "\n")
	slices.Sort(lines[min(2, len(lines)):])
	return lines
}

func TestGoldenOffsets(t *testing.T) {
	for _, name := range []string{
		checkpoint.RecoveryPointFile, checkpoint.LogStartFile,
		checkpoint.HighWatermarkFile, checkpoint.CleanerFile,
	} {
		each(t, name, func(t *testing.T, path string, data []byte) {
			m, err := checkpoint.ReadOffsets(vfs.OS, path)
			require.NoError(t, err)
			if len(data) == 0 {
				require.Empty(t, m)
				return
			}
			again := checkpoint.EncodeOffsets(m)
			require.Len(t, again, len(data))
			require.Equal(t, slices.Sorted(slices.Values(sortedLines(data))), slices.Sorted(slices.Values(sortedLines(again))))
		})
	}
}

func TestGoldenOffsetsValues(t *testing.T) {
	m, err := checkpoint.ReadOffsets(vfs.OS, filepath.Join(golden, "main", checkpoint.LogStartFile))
	require.NoError(t, err)
	require.Equal(t, map[checkpoint.Partition]int64{
		{Topic: "start-inside", Index: 0}:   7,
		{Topic: "truncated-head", Index: 0}: 35,
	}, m)
}

func TestGoldenEpochs(t *testing.T) {
	each(t, checkpoint.LeaderEpochFile, func(t *testing.T, path string, data []byte) {
		entries, err := checkpoint.ReadEpochs(vfs.OS, path)
		require.NoError(t, err)
		if len(data) > 0 {
			require.Equal(t, string(data), string(checkpoint.EncodeEpochs(entries)))
		}
		_, err = epoch.New(entries)
		require.NoError(t, err)
	})
	entries, err := checkpoint.ReadEpochs(vfs.OS, filepath.Join(golden, "cluster/broker-0/t1-0", checkpoint.LeaderEpochFile))
	require.NoError(t, err)
	require.Equal(t, []epoch.Entry{{Epoch: 0, Start: 0}, {Epoch: 5, Start: 25}, {Epoch: 6, Start: 35}, {Epoch: 8, Start: 45}}, entries[:4])
}

func TestGoldenMeta(t *testing.T) {
	each(t, checkpoint.MetaFile, func(t *testing.T, path string, data []byte) {
		m, err := checkpoint.ReadMeta(vfs.OS, path)
		require.NoError(t, err)
		require.Equal(t, 0, m.Version)
		require.GreaterOrEqual(t, m.BrokerID, int32(0))
		require.Len(t, m.ClusterID, 22)
		require.Empty(t, m.Other)

		date := strings.TrimPrefix(strings.Split(string(data), "\n")[1], "#")
		when, err := time.Parse("Mon Jan 02 15:04:05 MST 2006", date)
		require.NoError(t, err)
		again := checkpoint.EncodeMeta(m, when)
		require.Equal(t, sortedLines(data), sortedLines(again))
	})
}

func TestGoldenPartitionMeta(t *testing.T) {
	each(t, checkpoint.PartitionMetaFile, func(t *testing.T, path string, data []byte) {
		id, err := checkpoint.ReadPartitionMeta(vfs.OS, path)
		require.NoError(t, err)
		require.Equal(t, string(data), string(checkpoint.EncodePartitionMeta(id)))
	})
}

func TestGoldenClean(t *testing.T) {
	each(t, checkpoint.CleanShutdownFile, func(t *testing.T, _ string, data []byte) {
		epoch, err := checkpoint.DecodeClean(data)
		require.NoError(t, err)
		require.Equal(t, checkpoint.NoBrokerEpoch, epoch)
		require.Equal(t, string(data), string(checkpoint.EncodeClean(epoch)))
	})
}

func TestMissingFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := checkpoint.ReadOffsets(vfs.OS, path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = checkpoint.ReadEpochs(vfs.OS, path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = checkpoint.ReadMeta(vfs.OS, path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = checkpoint.ReadPartitionMeta(vfs.OS, path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.False(t, errors.Is(err, checkpoint.ErrCorrupt))
}
