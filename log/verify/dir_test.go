package verify_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/verify"
	"github.com/leatmq/leat/log/vfs"
)

// findings checks a directory and returns problems and what is only expected.
func findings(t *testing.T, path string) (state verify.State, problems, notes []string) {
	state, err := verify.Check(path, verify.Options{}, func(r *verify.Report) error {
		for _, p := range r.Problems {
			if p.Expected {
				notes = append(notes, p.String())
			} else {
				problems = append(problems, p.String())
			}
		}
		return nil
	})
	require.NoError(t, err)
	return state, problems, notes
}

// The files of the data directory itself are looked at as well.
func TestDamagedFilesOfADataDirectoryAreFound(t *testing.T) {
	for file, each := range map[string]struct{ content, want string }{
		"meta.properties":                  {"version=x\n", "meta.properties"},
		"log-start-offset-checkpoint":      {"0\n7\n", "corrupt"},
		"recovery-point-offset-checkpoint": {"0\n1\nsegments 0 900\n", "ends before it, at 86"},
		"replication-offset-checkpoint":    {"0\n1\nsegments 0 900\n", "ends before it, at 86"},
	} {
		t.Run(file, func(t *testing.T) {
			dir := copyDir(t, filepath.Join(goldenDir, "main"))
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(each.content), 0o644))
			state, problems, _ := findings(t, dir)
			require.True(t, state.Clean)
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], each.want)
		})
	}
}

// A torn tail after a crash is for recovery to see to; damage before the end is a loss.
func TestACrashTearsOnlyTheEnd(t *testing.T) {
	dir := copyDir(t, filepath.Join(goldenDir, "unclean"))
	file := filepath.Join(dir, "u-plain-0", "00000000000000000044.log")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data[:len(data)-3], 0o644))
	_, problems, notes := findings(t, dir)
	require.Empty(t, problems)
	require.Contains(t, strings.Join(notes, "\n"), "of no use")

	spoiled := append([]byte(nil), data...)
	spoiled[70] ^= 1
	require.NoError(t, os.WriteFile(file, spoiled, 0o644))
	_, problems, _ = findings(t, dir)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "bytes follow")
}

// A broker at work is noticed, and does not hinder.
func TestARunningBrokerIsNoticed(t *testing.T) {
	dir := copyDir(t, filepath.Join(goldenDir, "main"))
	lock, err := vfs.OS.Lock(filepath.Join(dir, ".lock"))
	require.NoError(t, err)
	state, problems, _ := findings(t, dir)
	require.True(t, state.Running)
	require.False(t, state.Clean)
	require.Empty(t, problems)
	require.NoError(t, lock.Close())
	state, _, _ = findings(t, filepath.Join(dir, "txn-0"))
	require.Equal(t, verify.State{Clean: true}, state)
}

func TestOtherDirectoriesAreRefused(t *testing.T) {
	_, err := verify.Check(t.TempDir(), verify.Options{}, nil)
	require.ErrorIs(t, err, verify.ErrNotALog)
}

// Whatever the files hold, there is an answer.
func FuzzPartition(f *testing.F) {
	golden := filepath.Join(goldenDir, "main", "txn-segments-0")
	exts := []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot"}
	for i, ext := range exts {
		data, err := os.ReadFile(filepath.Join(golden, "00000000000000000009"+ext))
		require.NoError(f, err)
		f.Add(uint8(i), data)
	}
	f.Add(uint8(1), binary.BigEndian.AppendUint64(nil, 1<<63))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		dir := copyDir(t, golden)
		name := "00000000000000000009" + exts[int(which)%len(exts)]
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
		_, err := verify.Partition(dir, verify.Options{MaxInflated: 1 << 20})
		require.NoError(t, err)
	})
}
