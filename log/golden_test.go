package log_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
)

// goldenDir holds data directories that Kafka wrote, and beside each what its own
// reader found in them.
const goldenDir = "testdata/golden"

// goldenLog is a recorded partition.
type goldenLog struct {
	data    string // its data directory
	name    string // the partition
	records string // what Kafka read from it
}

func (g goldenLog) dir() string { return filepath.Join(g.data, g.name) }

// options are those that the checkpoints beside the partition ask for.
func (g goldenLog) options(t *testing.T, clean bool) log.Options {
	t.Helper()
	o := log.Options{Config: testConfig(), Clean: clean, RecoveryPoint: -1, StartOffset: -1}
	o.Config.IndexIntervalBytes = g.indexInterval()
	i := strings.LastIndexByte(g.name, '-')
	p := checkpoint.Partition{Topic: g.name[:i], Index: int32(g.name[i+1] - '0')}
	for file, at := range map[string]*int64{checkpoint.RecoveryPointFile: &o.RecoveryPoint, checkpoint.LogStartFile: &o.StartOffset} {
		offsets, err := checkpoint.ReadOffsets(vfs.OS, filepath.Join(g.data, file))
		require.NoError(t, err)
		if offset, ok := offsets[p]; ok {
			*at = offset
		}
	}
	return o
}

// indexInterval is what the topic was made with.
func (g goldenLog) indexInterval() int {
	for topic, interval := range map[string]int{"segments-": 150, "truncated-head-": 150, "u-": 150, "txn-segments-": 100} {
		if strings.HasPrefix(g.name, topic) {
			return interval
		}
	}
	return 4096
}

// goldenLogs lists the recorded partitions of the data directories named.
func goldenLogs(t *testing.T, sets ...string) []goldenLog {
	t.Helper()
	var all []goldenLog
	for _, set := range sets {
		if set == "cluster" {
			lists, err := filepath.Glob(filepath.Join(goldenDir, "cluster", "broker-0-*.jsonl"))
			require.NoError(t, err)
			for _, l := range lists {
				name := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(l), ".jsonl"), "broker-0-")
				all = append(all, goldenLog{filepath.Join(goldenDir, "cluster", "broker-0"), name, l})
			}
			continue
		}
		lists, err := filepath.Glob(filepath.Join(goldenDir, set+".records", "*.jsonl"))
		require.NoError(t, err)
		for _, l := range lists {
			all = append(all, goldenLog{filepath.Join(goldenDir, set), strings.TrimSuffix(filepath.Base(l), ".jsonl"), l})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// goldenRecord is one record, as far as it is compared here; package record compares
// the rest.
type goldenRecord struct {
	Offset, Timestamp int64
	Key, Value        string
	LeaderEpoch       int32
}

// readGolden reads the list of records from an offset on.
func readGolden(t *testing.T, path string, from int64) []goldenRecord {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var out []goldenRecord
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct {
			goldenRecord
			KeyBase64   []byte `json:"key_base64"`
			ValueBase64 []byte `json:"value_base64"`
			EmptyBatch  bool
		}
		r.LeaderEpoch = -1
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		r.Key += string(r.KeyBase64)
		r.Value += string(r.ValueBase64)
		if !r.EmptyBatch && r.Offset >= from {
			out = append(out, r.goldenRecord)
		}
	}
	require.NoError(t, lines.Err())
	return out
}

// readAll reads a log from its start with fetches of a size, as a consumer would.
func readAll(t *testing.T, l *log.Log, maxBytes int) []goldenRecord {
	t.Helper()
	var out []goldenRecord
	it := record.Iterator{MaxInflated: 1 << 20}
	next := l.StartOffset()
	for next < l.EndOffset() {
		sl, err := l.Read(log.ReadRequest{Offset: next, UpTo: l.EndOffset(), MaxBytes: maxBytes, MinOne: true})
		require.NoError(t, err)
		data, err := sl.Bytes(nil)
		require.NoError(t, err)
		sl.Release()
		if len(data) == 0 {
			return out // the rest was compacted away
		}
		for len(data) > 0 {
			b, rest, err := record.Next(data)
			require.NoError(t, err, "a read gives whole batches")
			require.GreaterOrEqual(t, b.LastOffset(), next)
			require.NoError(t, it.Reset(b))
			for it.Next() {
				r := it.Record()
				if r.Offset >= l.StartOffset() {
					out = append(out, goldenRecord{r.Offset, r.Timestamp, string(r.Key), string(r.Value), b.LeaderEpoch()})
				}
			}
			require.NoError(t, it.Err())
			next, data = b.NextOffset(), rest
		}
	}
	return out
}

// copyDir copies the files of a directory to a new temporary one of the same name.
func copyDir(t *testing.T, from string) string {
	t.Helper()
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

// readDir returns the files of a directory by name.
func readDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(data)
	}
	return files
}

func TestGoldenLogsOpenAndYieldTheirRecords(t *testing.T) {
	for _, g := range goldenLogs(t, "main", "legacy", "unclean-recovered", "cluster") {
		t.Run(filepath.Base(g.data)+"/"+g.name, func(t *testing.T) {
			l := openLog(t, copyDir(t, g.dir()), g.options(t, true))
			want := readGolden(t, g.records, l.StartOffset())
			for _, maxBytes := range []int{1, 200, 1 << 20} {
				require.Equal(t, want, readAll(t, l, maxBytes))
			}
		})
	}
}

// requireFiles compares directories file by file, so that the difference can be read.
func requireFiles(t *testing.T, want, got map[string]string) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for name, data := range want {
		require.Equal(t, hex.Dump([]byte(data)), hex.Dump([]byte(got[name])), name)
	}
}

// withoutStrays leaves out what Kafka, too, removes when it opens a log: snapshots at no
// segment's base, but for the newest.
func withoutStrays(files map[string]string) map[string]string {
	out := maps.Clone(files)
	newest := ""
	for name := range files {
		if strings.HasSuffix(name, ".snapshot") {
			newest = max(newest, name)
		}
	}
	for name := range files {
		base, is := strings.CutSuffix(name, ".snapshot")
		if _, aligned := files[base+".log"]; is && !aligned && name != newest {
			delete(out, name)
		}
	}
	return out
}

// Kafka's files need no change to be ours: after a clean start and stop each is byte
// for byte what it was. Logs of the old formats get an epoch file, which is empty.
func TestOpenAndCloseLeaveCleanKafkaFilesAsTheyAre(t *testing.T) {
	for _, g := range goldenLogs(t, "main", "legacy", "unclean-recovered", "cluster") {
		t.Run(filepath.Base(g.data)+"/"+g.name, func(t *testing.T) {
			dir := copyDir(t, g.dir())
			want := withoutStrays(readDir(t, dir))
			if _, ok := want["leader-epoch-checkpoint"]; !ok {
				want["leader-epoch-checkpoint"] = "0\n0\n"
			}
			l := openLog(t, dir, g.options(t, true))
			require.NoError(t, l.Close())
			requireFiles(t, want, readDir(t, dir))
		})
	}
}

// A scan of everything makes the very indexes and snapshots that Kafka made: but for
// compacted logs, where what they tell of is gone, and for two that have a time entry
// from a stop in the midst of a segment.
func TestScanMakesKafkasIndexesAgain(t *testing.T) {
	for _, g := range goldenLogs(t, "main", "unclean-recovered") {
		if strings.HasPrefix(g.name, "compact-") || g.name == "codec-none-0" || g.name == "epochs-0" {
			continue
		}
		t.Run(filepath.Base(g.data)+"/"+g.name, func(t *testing.T) {
			dir := copyDir(t, g.dir())
			before := readDir(t, dir)
			for name := range before {
				if strings.HasSuffix(name, "index") || strings.HasSuffix(name, "snapshot") {
					require.NoError(t, os.Remove(filepath.Join(dir, name)))
				}
			}
			o := g.options(t, false)
			o.RecoveryPoint = -1
			l := openLog(t, dir, o)
			want := readGolden(t, g.records, l.StartOffset())
			require.Equal(t, want, readAll(t, l, 1<<20))
			require.NoError(t, l.Close())
			requireFiles(t, withoutStrays(before), readDir(t, dir))
		})
	}
}

// After SIGKILL Kafka's own recovery and ours end with the same files.
func TestUncleanRecoveryIsKafkas(t *testing.T) {
	for _, g := range goldenLogs(t, "unclean") {
		t.Run(g.name, func(t *testing.T) {
			dir := copyDir(t, g.dir())
			l := openLog(t, dir, g.options(t, false))
			want := readGolden(t, strings.Replace(g.records, "unclean", "unclean-recovered", 1), l.StartOffset())
			require.Equal(t, want, readAll(t, l, 1<<20))
			require.NoError(t, l.Close())
			requireFiles(t, readDir(t, strings.Replace(g.dir(), "unclean", "unclean-recovered", 1)), readDir(t, dir))
		})
	}
}
