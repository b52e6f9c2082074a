package verify_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/verify"
)

const goldenDir = "../testdata/golden"

// What Kafka left after a clean stop, or after a recovery, is as it should be.
func TestNothingIsWrongWithKafkasFiles(t *testing.T) {
	for _, set := range []string{"main", "legacy", "unclean-recovered", "cluster/broker-0", "cluster/broker-1", "cluster/broker-2"} {
		n := 0
		// The mark was not recorded for all of them; they were all stopped cleanly.
		for _, dir := range partitions(t, filepath.Join(goldenDir, set)) {
			r, err := verify.Partition(dir, verify.Options{Clean: true})
			require.NoError(t, err)
			require.Empty(t, r.Problems, dir)
			require.Positive(t, r.Segments)
			n++
		}
		require.Positive(t, n)
	}
}

func partitions(t *testing.T, data string) []string {
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		if _, ok := verify.ParseName(e.Name()); ok && e.IsDir() {
			out = append(out, filepath.Join(data, e.Name()))
		}
	}
	return out
}

// A killed Kafka leaves what recovery will see to, and nothing else.
func TestAnUncleanDirectoryHasExpectedProblems(t *testing.T) {
	var seen []string
	_, err := verify.Dir(filepath.Join(goldenDir, "unclean"), verify.Options{}, func(r *verify.Report) error {
		require.NotEmpty(t, r.Problems)
		require.True(t, r.OK(), "%v", r.Problems)
		seen = append(seen, filepath.Base(r.Path))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"__transaction_state-0", "u-plain-0", "u-txn-0"}, seen)
	dir := filepath.Join(goldenDir, "unclean", "u-plain-0")
	r, err := verify.Partition(dir, verify.Options{Clean: true})
	require.NoError(t, err)
	require.False(t, r.OK(), "a clean stop would not have left this")
}

// Every kind of damage is found in the very file.
func TestDamageIsFound(t *testing.T) {
	const first = "00000000000000000000"
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(len(b)+at)%len(b)] ^= 1; return b }
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	for name, each := range map[string]struct {
		partition, file string
		spoil           func([]byte) []byte
		in, what        string // what is reported
	}{
		"flipped bit":          {"segments-0", first + ".log", flip(100), first + ".log", "CRC"},
		"length":               {"segments-0", first + ".log", flip(8), first + ".log", "of no use"},
		"cut":                  {"segments-0", first + ".log", cut(5), first + ".log", "of no use"},
		"offset too low":       {"segments-0", "00000000000000000020.log", flip(7 + 184), "00000000000000000020.log", "was due"},
		"base":                 {"segments-0", "00000000000000000020.log", func(b []byte) []byte { b[7] = 1; return b }, "00000000000000000020.log", "below"},
		"leader epoch":         {"epochs-0", first + ".log", func(b []byte) []byte { b[15] = 9; return b }, first + ".log", "leader epoch 0 after 9"},
		"index position":       {"segments-0", first + ".index", flip(-1), first + ".index", "no batch begins"},
		"index offset":         {"segments-0", first + ".index", flip(3), first + ".index", "ends with"},
		"index order":          {"segments-0", first + ".index", func(b []byte) []byte { copy(b, b[8:16]); return b }, first + ".index", "does not rise"},
		"index padding":        {"segments-0", first + ".index", func(b []byte) []byte { return append(b, make([]byte, 80)...) }, first + ".index", "zeros"},
		"time index":           {"segments-0", first + ".timeindex", flip(7), first + ".timeindex", "latest record"},
		"time index cut":       {"segments-0", first + ".timeindex", cut(12), first + ".timeindex", "lacks the latest"},
		"half a time entry":    {"segments-0", first + ".timeindex", cut(5), first + ".timeindex", "corrupt"},
		"no txn index":         {"txn-segments-0", "00000000000000000009.txnindex", cut(34), "00000000000000000009.txnindex", "lacks the aborted"},
		"txn index":            {"txn-segments-0", "00000000000000000009.txnindex", flip(17), "00000000000000000009.txnindex", "the log says"},
		"txn index version":    {"txn-segments-0", "00000000000000000009.txnindex", flip(0), "00000000000000000009.txnindex", "version"},
		"snapshot":             {"txn-segments-0", "00000000000000000020.snapshot", flip(-1), "00000000000000000020.snapshot", "CRC"},
		"epochs":               {"segments-0", "leader-epoch-checkpoint", func([]byte) []byte { return []byte("0\n1\n7 0\n") }, "leader-epoch-checkpoint", "epoch 7, the batch says 0"},
		"epochs behind end":    {"segments-0", "leader-epoch-checkpoint", func([]byte) []byte { return []byte("0\n2\n0 0\n1 900\n") }, "leader-epoch-checkpoint", "behind the end"},
		"epochs nonsense":      {"segments-0", "leader-epoch-checkpoint", func([]byte) []byte { return []byte("x") }, "leader-epoch-checkpoint", "corrupt"},
		"topic id":             {"segments-0", "partition.metadata", cut(10), "partition.metadata", "corrupt"},
		"another's snapshot":   {"txn-segments-0", "00000000000000000020.snapshot", func([]byte) []byte { return readFile(t, "main/txn-segments-0/00000000000000000031.snapshot") }, "00000000000000000020.snapshot", "the log says"},
		"missing index":        {"segments-0", first + ".index", nil, first + ".index", "missing"},
		"index without a log":  {"segments-0", "00000000000000000080.log", nil, "00000000000000000080.index", "without a log"},
		"segments overlapping": {"segments-0", "00000000000000000010.log", func([]byte) []byte { return nil }, "00000000000000000010.log", "before the end"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, filepath.Join(goldenDir, "main", each.partition))
			path := filepath.Join(dir, each.file)
			if each.spoil == nil {
				require.NoError(t, os.Remove(path))
			} else {
				data, err := os.ReadFile(path)
				require.True(t, err == nil || errors.Is(err, fs.ErrNotExist))
				require.NoError(t, os.WriteFile(path, each.spoil(data), 0o644))
			}
			before := dirNames(t, dir)
			r, err := verify.Partition(dir, verify.Options{Clean: true})
			require.NoError(t, err)
			require.False(t, r.OK())
			require.True(t, slices.ContainsFunc(r.Problems, func(p verify.Problem) bool {
				return p.File == each.in && strings.Contains(p.What, each.what)
			}), "%v", r.Problems)
			require.Equal(t, before, dirNames(t, dir), "nothing is changed")
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	data, err := os.ReadFile(filepath.Join(goldenDir, name))
	require.NoError(t, err)
	return data
}

func dirNames(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func copyDir(t *testing.T, from string) string {
	to := filepath.Join(t.TempDir(), filepath.Base(from))
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	require.NoError(t, filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() {
			return errors.Join(err, os.Chmod(path, 0o755))
		}
		return errors.Join(err, os.Chmod(path, 0o644))
	}))
	return to
}
