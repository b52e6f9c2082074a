package record_test

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

func TestRoundTripProperty(t *testing.T) {
	var b record.Builder // kept, so that nothing may leak from one batch into the next
	rapid.Check(t, func(t *rapid.T) {
		spec := record.Spec{
			BaseOffset: rapid.Int64Range(0, 1<<50).Draw(t, "base"),
			Codec:      rapid.SampledFrom(codecs).Draw(t, "codec"),
		}
		if rapid.Bool().Draw(t, "horizon") {
			spec.Attributes |= record.DeleteHorizon
			spec.Horizon = rapid.Int64Range(0, 1<<45).Draw(t, "horizon")
		}
		records := anyRecords(t, spec.BaseOffset, true)
		b.Reset(spec)
		top := int64(-1)
		for i := range records {
			b.AppendAt(&records[i])
			top = max(top, records[i].Timestamp)
		}
		set, err := b.Finish([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		batch, rest, err := record.Next(set[6:])
		if err != nil || len(rest) > 0 || !batch.CheckCRC() {
			t.Fatalf("not one good batch: %v", err)
		}
		last := records[len(records)-1].Offset
		if batch.MaxTimestamp() != top || batch.LastOffset() != last || int(batch.Count()) != len(records) {
			t.Fatalf("header says max %d last %d count %d", batch.MaxTimestamp(), batch.LastOffset(), batch.Count())
		}
		if h, ok := batch.DeleteHorizon(); ok != (spec.Attributes != 0) || h != spec.Horizon {
			t.Fatalf("horizon %d %v", h, ok)
		}
		checkRecords(t, batch, records)
	})
}

// checkRecords fails t unless the records of b are want.
func checkRecords(t *rapid.T, b record.Batch, want []record.Record) {
	it := record.Iterator{MaxInflated: inflateBound}
	err := it.Reset(b)
	for i := range want {
		if !it.Next() || !same(it.Record(), &want[i]) {
			t.Fatalf("record %d is %+v, wanted %+v: %v", i, *it.Record(), want[i], err)
		}
	}
	if it.Next() || it.Err() != nil {
		t.Fatalf("one record too many, or %v", it.Err())
	}
}

func same(a, b *record.Record) bool {
	if a.Offset != b.Offset || a.Timestamp != b.Timestamp || len(a.Headers) != len(b.Headers) ||
		!sameBytes(a.Key, b.Key) || !sameBytes(a.Value, b.Value) {
		return false
	}
	for i := range a.Headers {
		if !sameBytes(a.Headers[i].Key, b.Headers[i].Key) || !sameBytes(a.Headers[i].Value, b.Headers[i].Value) {
			return false
		}
	}
	return true
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func TestAppendCountsOffsets(t *testing.T) {
	b := build(t, record.Spec{BaseOffset: 100}, record.Record{Offset: 7, Value: []byte("a")}, record.Record{Value: []byte("b")})
	list := read(t, b)
	require.Equal(t, int64(100), list[0].Offset)
	require.Equal(t, int64(101), list[1].Offset)
}

func TestAppendAtRefusesDisorder(t *testing.T) {
	for name, offsets := range map[string][]int64{
		"twice":       {100, 100},
		"backwards":   {105, 104},
		"before base": {99},
		"too far":     {100, 100 + math.MaxInt32 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			var b record.Builder
			b.Reset(record.Spec{BaseOffset: 100})
			for _, o := range offsets {
				b.AppendAt(&record.Record{Offset: o})
			}
			dst, err := b.Finish([]byte("kept"))
			require.ErrorIs(t, err, record.ErrInvalidRecord)
			require.Equal(t, "kept", string(dst))
		})
	}
}

func TestAppendTimeOverridesTimestamps(t *testing.T) {
	b := build(t, record.Spec{Attributes: record.AppendTime, AppendTimestamp: 42}, some(3)...)
	require.True(t, b.AppendTime())
	for _, r := range read(t, b) {
		require.Equal(t, int64(42), r.Timestamp)
	}
}

// TestWhatCompactionLeaves builds a batch whose first and last records are gone.
func TestWhatCompactionLeaves(t *testing.T) {
	var b record.Builder
	b.Reset(record.Spec{BaseOffset: 50, Codec: compress.LZ4})
	b.AppendAt(&record.Record{Offset: 53, Timestamp: 9, Key: []byte("k")})
	b.KeepLastOffset(57)
	require.Equal(t, 1, b.Count())
	require.Greater(t, b.Size(), record.HeaderSize)
	set, err := b.Finish(nil)
	require.NoError(t, err)
	batch := take(t, set)
	require.Equal(t, int64(50), batch.BaseOffset())
	require.Equal(t, int64(57), batch.LastOffset())
	require.Equal(t, []record.Record{{Offset: 53, Timestamp: 9, Key: []byte("k")}}, read(t, batch))
}

// TestEmptyBatch compares with an empty batch that Kafka's cleaner left behind.
func TestEmptyBatch(t *testing.T) {
	spec := full()
	spec.Codec = compress.Zstd
	source := build(t, spec, some(5)...)
	empty := take(t, record.AppendEmpty(nil, source))
	require.Len(t, empty, record.HeaderSize)
	require.True(t, empty.CheckCRC())
	require.Equal(t, compress.None, empty.Codec())
	require.Equal(t, source.BaseOffset(), empty.BaseOffset())
	require.Equal(t, source.LastOffset(), empty.LastOffset())
	require.Equal(t, source.MaxTimestamp(), empty.MaxTimestamp())
	require.Equal(t, source.LastSequence(), empty.LastSequence())
	require.Equal(t, int64(-1), empty.BaseTimestamp())
	require.Empty(t, read(t, empty))

	found := 0
	for _, b := range goldenBatches(t, "main/compact-lz4-0") {
		if b.Count() == 0 {
			found++
			require.Equal(t, b, take(t, record.AppendEmpty(nil, b)), "Kafka's own empty batch stays as it is")
		}
	}
	require.Positive(t, found)
}

// TestMarkersAreKafkas rebuilds every transaction marker of the golden logs byte for byte.
func TestMarkersAreKafkas(t *testing.T) {
	found := 0
	for _, name := range []string{"main/txn-0", "main/txn-1", "main/__consumer_offsets-0", "main/txn-segments-0"} {
		for _, b := range goldenBatches(t, name) {
			if !b.Control() {
				continue
			}
			list := read(t, b)
			require.Len(t, list, 1)
			c, err := record.ParseControl(&list[0])
			require.NoError(t, err)
			ours, err := record.AppendMarker(nil, record.Marker{
				Commit: c.Type == record.CommitMarker, ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(),
				CoordinatorEpoch: c.CoordinatorEpoch, Timestamp: list[0].Timestamp,
			})
			require.NoError(t, err)
			require.Len(t, ours, 78)
			marker := take(t, ours)
			marker.SetBaseOffset(b.BaseOffset())
			marker.SetLeaderEpoch(b.LeaderEpoch())
			require.Equal(t, b, marker)
			found++
		}
	}
	require.Greater(t, found, 5)
}

func TestParseControlRefuses(t *testing.T) {
	for name, r := range map[string]record.Record{
		"no key":           {},
		"short key":        {Key: []byte{0, 0, 0}},
		"negative version": {Key: []byte{0x80, 0, 0, 0}, Value: make([]byte, 6)},
		"no value":         {Key: []byte{0, 0, 0, 1}},
		"negative value":   {Key: []byte{0, 0, 0, 1}, Value: []byte{0xff, 0xff, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := record.ParseControl(&r)
			require.ErrorIs(t, err, record.ErrInvalidRecord)
		})
	}
	c, err := record.ParseControl(&record.Record{Key: []byte{0, 0, 0, 77}})
	require.NoError(t, err, "unknown types are passed over")
	require.Equal(t, record.ControlType(77), c.Type)
}

// goldenBatches gives all batches of a partition of the golden logs.
func goldenBatches(t testing.TB, name string) []record.Batch {
	t.Helper()
	files, err := os.ReadDir(goldenDir + "/" + name)
	require.NoError(t, err)
	var list []record.Batch
	for _, f := range files {
		if len(f.Name()) != len("00000000000000000000.log") {
			continue
		}
		rest, err := os.ReadFile(goldenDir + "/" + name + "/" + f.Name())
		require.NoError(t, err)
		for len(rest) > 0 {
			var b record.Batch
			b, rest, err = record.Next(rest)
			require.NoError(t, err)
			list = append(list, b)
		}
	}
	return list
}
