package broker_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/broker"
)

// kept is one record that Kafka recorded of a partition of its data directory.
type kept struct {
	Offset, Timestamp int64
	Key, Value        string
	ProducerID        int64
	Transactional     bool
	Control           bool
	KeyBase64         []byte `json:"key_base64"`
	ValueBase64       []byte `json:"value_base64"`
	EmptyBatch        bool
}

// told is what a client sees of a record.
type told struct {
	Offset, Timestamp int64
	Key, Value        string
}

// recordedFile reads the list of a partition's records.
func recordedFile(t *testing.T, path string) (all []kept) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r kept
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		if !r.EmptyBatch {
			r.Key += string(r.KeyBase64)
			r.Value += string(r.ValueBase64)
			all = append(all, r)
		}
	}
	require.NoError(t, lines.Err())
	return all
}

// visible are the records from start on that a consumer is to see. Committed
// ones end before the first transaction without an end, and have no record of an
// aborted transaction.
func visible(all []kept, start int64, committed bool) (out []told) {
	aborted := make(map[int64]bool) // by offset
	open := make(map[int64][]int64) // offsets of the transaction under way, by producer
	for _, r := range all {
		switch {
		case r.Control && r.Transactional:
			if strings.HasPrefix(r.Key, "\x00\x00\x00\x00") { // version 0, type 0: ABORT
				for _, o := range open[r.ProducerID] {
					aborted[o] = true
				}
			}
			delete(open, r.ProducerID)
		case r.Transactional:
			open[r.ProducerID] = append(open[r.ProducerID], r.Offset)
		}
	}
	stable := int64(1) << 62
	for _, offsets := range open {
		stable = min(stable, offsets[0])
	}
	for _, r := range all {
		if r.Control || r.Offset < start || committed && (aborted[r.Offset] || r.Offset >= stable) {
			continue
		}
		out = append(out, told{r.Offset, r.Timestamp, r.Key, r.Value})
	}
	return out
}

// consumed reads a partition from its start up to an offset.
func consumed(t *testing.T, b *broker.Broker, p kadm.ListedOffset, end int64, level kgo.IsolationLevel) (out []told) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.FetchIsolationLevel(level),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.Topic: {p.Partition: kgo.NewOffset().AtStart()}}))
	require.NoError(t, err)
	defer cl.Close()
	deadline := time.Now().Add(time.Minute)
	for next := p.Offset; next < end; {
		fetches := cl.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		require.True(t, time.Now().Before(deadline), "%s-%d: at %d of %d", p.Topic, p.Partition, next, end)
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				stamp := r.Timestamp.UnixMilli()
				if r.Timestamp.IsZero() {
					stamp = -1 // the oldest format has none
				}
				out = append(out, told{r.Offset, stamp, string(r.Key), string(r.Value)})
			}
		})
	}
	return out
}

// adopt starts a broker on a copy of a data directory that Kafka wrote.
func adopt(t *testing.T, from string) *broker.Broker {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Chmod(path, 0o755)
	}))
	return startIn(t, dir)
}

// clientCannot is a partition whose lz4 frames have the wrong checksum of the
// oldest producers, as stored. The client of this test refuses them; package log
// reads them in its own tests.
const clientCannot = "magic0-lz4-0"

// A data directory that was copied from Kafka is served: every client reads from
// it what Kafka recorded of it, at both isolation levels.
func TestADirectoryOfKafkasIsServed(t *testing.T) {
	golden := filepath.Join("..", "log", "testdata", "golden")
	for dir, records := range map[string]string{
		"main":             filepath.Join("main.records", "*.jsonl"),
		"legacy":           filepath.Join("legacy.records", "*.jsonl"),
		"unclean":          filepath.Join("unclean-recovered.records", "*.jsonl"),
		"cluster/broker-0": filepath.Join("cluster", "broker-0-*.jsonl"),
	} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			b := adopt(t, filepath.Join(golden, dir))
			a := admin(t, b)
			lists, err := filepath.Glob(filepath.Join(golden, records))
			require.NoError(t, err)
			require.NotEmpty(t, lists)
			topics, err := a.ListTopicsWithInternal(t.Context())
			require.NoError(t, err)
			starts, err := a.ListStartOffsets(t.Context(), topics.Names()...)
			require.NoError(t, err)
			require.NoError(t, starts.Error())
			for _, list := range lists {
				name := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(list), ".jsonl"), "broker-0-")
				at := strings.LastIndexByte(name, '-')
				start, ok := starts.Lookup(name[:at], int32(name[at+1]-'0'))
				require.True(t, ok, "%s is not there", name)
				all := recordedFile(t, list)
				for _, committed := range []bool{false, true} {
					want := visible(all, start.Offset, committed)
					if len(want) == 0 || name == clientCannot {
						continue
					}
					level := kgo.ReadUncommitted()
					if committed {
						level = kgo.ReadCommitted()
					}
					got := consumed(t, b, start, want[len(want)-1].Offset+1, level)
					require.Equal(t, want, got[:min(len(want), len(got))], "%s, committed only: %v", name, committed)
				}
			}
		})
	}
}
