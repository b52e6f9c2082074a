package record_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/record"
)

// goldenDir holds data directories that Kafka wrote, and beside each what its own reader
// found in them.
const goldenDir = "../testdata/golden"

// goldenRecord is one line of a .jsonl file.
type goldenRecord struct {
	Offset          int64
	Timestamp       int64
	TimestampType   string
	Key             *string
	KeyBase64       []byte `json:"key_base64"`
	Value           *string
	ValueBase64     []byte `json:"value_base64"`
	Headers         []goldenHeader
	ProducerID      int64
	Epoch           int16
	Sequence        int32
	Transactional   bool
	Control         bool
	LeaderEpoch     int32
	Magic           int8
	Codec           string
	BatchBase       int64
	BatchLast       int64
	File            string
	DeleteHorizonMs *int64
	EmptyBatch      bool
	MaxTimestamp    int64
}

type goldenHeader struct {
	Key   string
	Value *string
}

// goldenPartition is a recorded partition: its directory and its list of records.
type goldenPartition struct{ name, dir, list string }

func goldenPartitions(t *testing.T) []goldenPartition {
	t.Helper()
	var all []goldenPartition
	for _, set := range []string{"main", "legacy", "unclean", "unclean-recovered"} {
		lists, err := filepath.Glob(filepath.Join(goldenDir, set+".records", "*.jsonl"))
		require.NoError(t, err)
		for _, list := range lists {
			name := strings.TrimSuffix(filepath.Base(list), ".jsonl")
			all = append(all, goldenPartition{set + "/" + name, filepath.Join(goldenDir, set, name), list})
		}
	}
	lists, err := filepath.Glob(filepath.Join(goldenDir, "cluster", "broker-0-*.jsonl"))
	require.NoError(t, err)
	for _, list := range lists {
		name := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(list), ".jsonl"), "broker-0-")
		all = append(all, goldenPartition{"cluster/" + name, filepath.Join(goldenDir, "cluster", "broker-0", name), list})
	}
	require.Greater(t, len(all), 50)
	return all
}

func TestGoldenLogsYieldWhatKafkaRead(t *testing.T) {
	records := 0
	for _, p := range goldenPartitions(t) {
		t.Run(p.name, func(t *testing.T) {
			want := readGoldenList(t, p.list)
			got := readGoldenLogs(t, p.dir)
			require.Equal(t, want, got)
			records += len(want)
		})
	}
	require.Greater(t, records, 1500, "the lists have gone missing")
}

func readGoldenList(t *testing.T, path string) []goldenRecord {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var list []goldenRecord
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r goldenRecord
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		r.KeyBase64 = either(r.Key, r.KeyBase64)
		r.ValueBase64 = either(r.Value, r.ValueBase64)
		r.Key, r.Value = nil, nil
		list = append(list, r)
	}
	require.NoError(t, lines.Err())
	return list
}

// either gives the bytes of a text, or those that were not text.
func either(text *string, raw []byte) []byte {
	if text != nil {
		return []byte(*text)
	}
	return raw
}

func readGoldenLogs(t *testing.T, dir string) []goldenRecord {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	slices.Sort(files)
	var list []goldenRecord
	it := record.Iterator{MaxInflated: 1 << 20}
	for _, file := range files {
		rest, err := os.ReadFile(file)
		require.NoError(t, err)
		for len(rest) > 0 {
			var b record.Batch
			b, rest, err = record.Next(rest)
			require.NoError(t, err)
			require.True(t, b.CheckCRC())
			list = append(list, describe(t, b, &it, filepath.Base(file))...)
		}
	}
	return list
}

// describe gives the lines that Kafka's reader wrote about one entry.
func describe(t *testing.T, b record.Batch, it *record.Iterator, file string) []goldenRecord {
	t.Helper()
	head := goldenRecord{
		ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(), Sequence: b.BaseSequence(),
		Transactional: b.Transactional(), Control: b.Control(), LeaderEpoch: b.LeaderEpoch(),
		Magic: b.Magic(), Codec: b.Codec().String(), BatchLast: b.LastOffset(), BatchBase: b.BaseOffset(), File: file,
	}
	if h, ok := b.DeleteHorizon(); ok {
		head.DeleteHorizonMs = &h
	}
	if b.Count() == 0 {
		head.EmptyBatch, head.MaxTimestamp = true, b.MaxTimestamp()
		return []goldenRecord{head}
	}
	var list []goldenRecord
	require.NoError(t, it.Reset(b))
	for it.Next() {
		r := it.Record()
		line := head
		if b.Legacy() && len(list) > 0 {
			line.BatchBase = list[0].Offset
		} else if b.Legacy() {
			line.BatchBase = r.Offset
		}
		line.Offset, line.Timestamp, line.TimestampType = r.Offset, r.Timestamp, timestampType(b)
		line.KeyBase64, line.ValueBase64 = bytes.Clone(r.Key), bytes.Clone(r.Value)
		line.Headers = describeHeaders(r.Headers)
		if b.BaseSequence() >= 0 {
			line.Sequence = b.BaseSequence() + int32(r.Offset-b.BaseOffset())
		}
		list = append(list, line)
	}
	require.NoError(t, it.Err())
	return list
}

func timestampType(b record.Batch) string {
	switch {
	case b.Magic() == 0:
		return "NoTimestampType"
	case b.AppendTime():
		return "LogAppendTime"
	default:
		return "CreateTime"
	}
}

func describeHeaders(headers []record.Header) []goldenHeader {
	list := []goldenHeader{}
	for _, h := range headers {
		line := goldenHeader{Key: string(h.Key)}
		if h.Value != nil {
			value := string(h.Value)
			line.Value = &value
		}
		list = append(list, line)
	}
	return list
}
