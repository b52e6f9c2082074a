package record_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// plainRules are those of a topic as it is created, for a new client.
func plainRules() record.Rules {
	return record.Rules{
		ProduceVersion: 9, MaxBatchBytes: 1 << 20, MaxInflatedBytes: inflateBound,
		TimestampBeforeMaxMs: math.MaxInt64, TimestampAfterMaxMs: math.MaxInt64,
		NowMs: 1700000100000, Partition: "t-0",
	}
}

// client is a batch as a client sends it: offset 0, no leader epoch.
func client(t testing.TB, s record.Spec, records ...record.Record) record.Batch {
	t.Helper()
	s.LeaderEpoch = -1
	return build(t, s, records...)
}

func prepare(t testing.TB, set []byte, r record.Rules) record.Prepared {
	t.Helper()
	var s record.Scratch
	p, err := record.Prepare(set, r, &s)
	require.NoError(t, err)
	return p
}

func refused(t testing.TB, set []byte, r record.Rules) *record.Error {
	t.Helper()
	var s record.Scratch
	_, err := record.Prepare(set, r, &s)
	var e *record.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestGoodBatchesPassUnchanged(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			set := client(t, record.Spec{Codec: c, Producer: &record.Producer{ID: 4, Epoch: 1, BaseSequence: 8}}, some(9)...)
			before := bytes.Clone(set)
			p := prepare(t, set, plainRules())
			require.Equal(t, record.Prepared{
				Set: before, Offsets: 9, Batches: 1,
				MaxTimestamp: 1700000008000, MaxTimestampOffset: 8, LogAppendTime: -1,
			}, p)
			require.Same(t, &set[0], &p.Set[0], "not even copied")
		})
	}
}

func TestWhatIsCutShortBehindABatchIsDropped(t *testing.T) {
	set := client(t, record.Spec{}, some(2)...)
	p := prepare(t, append(bytes.Clone(set), set[:40]...), plainRules())
	require.Equal(t, []byte(set), p.Set)
}

func TestLogAppendTime(t *testing.T) {
	r := plainRules()
	r.LogAppendTime = true
	r.TimestampBeforeMaxMs, r.TimestampAfterMaxMs = 0, 0 // does not concern the broker's own time
	p := prepare(t, client(t, record.Spec{Codec: compress.LZ4}, some(3)...), r)
	require.False(t, p.Rebuilt)
	require.Equal(t, r.NowMs, p.LogAppendTime)
	require.Equal(t, r.NowMs, p.MaxTimestamp)
	require.Equal(t, int64(2), p.MaxTimestampOffset)
	b := take(t, p.Set)
	require.True(t, b.CheckCRC())
	require.True(t, b.AppendTime())
	for _, rec := range read(t, b) {
		require.Equal(t, r.NowMs, rec.Timestamp)
	}
}

// TestHeaderIsMadeTrue sends headers that are wrong about their timestamps, which Kafka
// takes and puts right.
func TestHeaderIsMadeTrue(t *testing.T) {
	low := client(t, record.Spec{}, some(3)...)
	low.SetMaxTimestamp(1)
	low.UpdateCRC()
	p := prepare(t, low, plainRules())
	require.Equal(t, int64(1700000002000), take(t, p.Set).MaxTimestamp())
	require.True(t, take(t, p.Set).CheckCRC())

	appendTime := client(t, record.Spec{Attributes: record.AppendTime, AppendTimestamp: 7}, some(1)...)
	p = prepare(t, appendTime, plainRules())
	require.False(t, take(t, p.Set).AppendTime(), "the topic's timestamps are the producers'")
	require.Equal(t, int64(7), p.MaxTimestamp)
	require.True(t, take(t, p.Set).CheckCRC())
}

func TestRecordsWithoutTimestamp(t *testing.T) {
	r := plainRules()
	r.TimestampBeforeMaxMs = 0
	p := prepare(t, client(t, record.Spec{}, record.Record{Timestamp: -1, Key: []byte("k")}), r)
	require.Equal(t, int64(-1), p.MaxTimestamp)
	require.Equal(t, int64(-1), p.MaxTimestampOffset)
}

func TestTimestampsOutOfRange(t *testing.T) {
	r := plainRules()
	r.TimestampBeforeMaxMs, r.TimestampAfterMaxMs = 1000, 2000
	at := func(d int64) record.Record { return record.Record{Timestamp: r.NowMs + d} }
	prepare(t, client(t, record.Spec{}, at(-1000), at(0), at(2000)), r)
	e := refused(t, client(t, record.Spec{}, at(-1001), at(0), at(2001)), r)
	require.Equal(t, record.ErrInvalidTimestamp, e.Kind)
	require.Equal(t, []int{0, 2}, []int{e.Records[0].Index, e.Records[1].Index})
	require.Equal(t, "Timestamp 1700000102001 of message with offset 2 is out of range. "+
		"The timestamp should be within [1700000099000, 1700000102000]", e.Records[1].Message)

	r.TimestampBeforeMaxMs, r.TimestampAfterMaxMs = math.MaxInt64, math.MaxInt64
	prepare(t, client(t, record.Spec{}, record.Record{Timestamp: math.MinInt64}), r)
	prepare(t, client(t, record.Spec{}, record.Record{Timestamp: math.MaxInt64}), r)
}

func TestCompactedTopicsNeedKeys(t *testing.T) {
	r := plainRules()
	r.Compacted = true
	prepare(t, client(t, record.Spec{}, record.Record{Key: []byte{}}), r)
	e := refused(t, client(t, record.Spec{Codec: compress.Zstd}, make([]record.Record, 5000)...), r)
	require.Equal(t, record.ErrInvalidRecord, e.Kind)
	require.Len(t, e.Records, 1000, "the list has a bound")
	require.Contains(t, e.Message, "due to 5000 record errors in total")
	require.Equal(t, "Compacted topic cannot accept message without key in topic partition t-0", e.Records[999].Message)

	r.TimestampBeforeMaxMs = 0
	e = refused(t, client(t, record.Spec{}, record.Record{}, record.Record{Key: []byte("k")}), r)
	require.Equal(t, record.ErrInvalidTimestamp, e.Kind, "one wrong timestamp names the whole refusal")
	require.Len(t, e.Records, 2)
}

// TestRefusals are header faults; what records can have wrong is in malformedRecords.
func TestRefusals(t *testing.T) {
	idempotent := record.Spec{Producer: &record.Producer{ID: 1, BaseSequence: -1}}
	marker, err := record.AppendMarker(nil, record.Marker{ProducerID: 1})
	require.NoError(t, err)
	good := client(t, record.Spec{}, some(4)...)
	zstd := client(t, record.Spec{Codec: compress.Zstd}, some(4)...)
	old := oldMessage(1, 0, record.Record{})
	for _, c := range []struct {
		name  string
		set   []byte
		edit  func(*record.Rules)
		kind  error
		early bool
	}{
		{"no batch", nil, nil, record.ErrInvalidRecord, true},
		{"half a batch", good[:80], nil, record.ErrInvalidRecord, true},
		{"two batches", append(bytes.Clone(good), good...), nil, record.ErrInvalidRecord, true},
		{"old message", old, nil, record.ErrInvalidRecord, true},
		{"two batches to an old version", append(bytes.Clone(good), good...), version(2), record.ErrInvalidRecord, false},
		{"zstd to an old version", zstd, version(6), record.ErrUnsupportedCompression, true},
		{"base offset", build(t, record.Spec{BaseOffset: 5}, some(1)...), nil, record.ErrInvalidRecord, false},
		{"too large", good, func(r *record.Rules) { r.MaxBatchBytes = len(good) - 1 }, record.ErrTooLarge, false},
		{"inflates to too much", zstd, func(r *record.Rules) { r.MaxInflatedBytes = 50 }, record.ErrTooLarge, false},
		{"CRC", flip(good, 100), nil, record.ErrCorrupt, false},
		{"codec 5", rawBatch(t, 1, 5, rawRecord(0, 0, 0, 1, 1, 0)), nil, record.ErrUnsupportedCompression, false},
		{"count 0", rawBatch(t, 0, compress.None, nil), nil, record.ErrInvalidRecord, false},
		{"control", marker, nil, record.ErrInvalidRecord, false},
		{"no sequence", client(t, idempotent, some(1)...), nil, record.ErrInvalidRecord, false},
		{"second offset delta", rawBatch(t, 2, 0, append(rawRecord(good1...), rawRecord(good1...)...)), nil, record.ErrInvalidRecord, false},
		{"first offset delta", rawBatch(t, 1, compress.None, rawRecord(0, 0, 2, 1, 1, 0)), nil, record.ErrInvalidRecord, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := plainRules()
			if c.edit != nil {
				c.edit(&r)
			}
			e := refused(t, c.set, r)
			require.Equal(t, c.kind, e.Kind, "%v", e)
			require.Equal(t, c.early, e.Early)
			require.NotEmpty(t, e.Detail)
		})
	}
	for name, payload := range malformedRecords {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, record.ErrInvalidRecord, refused(t, rawBatch(t, 1, compress.None, payload), plainRules()).Kind)
		})
	}
}

var good1 = []byte{0, 0, 0, 1, 1, 0}

func version(v int16) func(*record.Rules) { return func(r *record.Rules) { r.ProduceVersion = v } }

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func TestTheBrokersOwnWrites(t *testing.T) {
	r := plainRules()
	r.Internal, r.Compacted, r.Recompress, r.Codec = true, true, true, compress.None
	set := build(t, record.Spec{BaseOffset: 70}, record.Record{Key: []byte("k"), Timestamp: 3})
	set, err := record.AppendMarker(set, record.Marker{ProducerID: 1, Commit: true, Timestamp: 9})
	require.NoError(t, err)
	p := prepare(t, set, r)
	require.Equal(t, 2, p.Batches)
	require.Equal(t, int64(2), p.Offsets)
	require.Equal(t, int64(9), p.MaxTimestamp)
	require.Equal(t, int64(1), p.MaxTimestampOffset)
	list := readSet(t, p.Set)
	require.Equal(t, []int64{0, 1}, []int64{list[0].Offset, list[1].Offset})
}

func TestRecompression(t *testing.T) {
	for _, from := range codecs {
		for _, to := range codecs {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				r := plainRules()
				r.Recompress, r.Codec = true, to
				source := client(t, record.Spec{
					Codec: from, Attributes: record.Transactional, Producer: &record.Producer{ID: 3, Epoch: 2, BaseSequence: 1},
				}, some(40)...)
				want := read(t, source)
				p := prepare(t, source, r)
				require.Equal(t, from != to, p.Rebuilt)
				b := take(t, p.Set)
				require.Equal(t, to, b.Codec())
				require.True(t, b.CheckCRC())
				require.True(t, b.Transactional())
				require.Equal(t, int32(40), b.LastSequence())
				require.Equal(t, want, read(t, b))
			})
		}
	}
}

func TestRecompressionIsHeldToTheSize(t *testing.T) {
	r := plainRules()
	r.Recompress, r.MaxBatchBytes = true, 2000
	set := client(t, record.Spec{Codec: compress.Gzip}, record.Record{Value: make([]byte, 5000)})
	require.Equal(t, record.ErrTooLarge, refused(t, set, r).Kind)
	r.MaxBatchBytes = 6000
	require.True(t, prepare(t, set, r).Rebuilt)
}

func TestOldVersionsMaySendNothing(t *testing.T) {
	r := plainRules()
	r.ProduceVersion = 0
	p := prepare(t, oldMessage(0, 0, record.Record{})[:20], r)
	require.Zero(t, p.Offsets)
	require.Empty(t, p.Set)
}

// TestScratchForgetsNothingItShould prepares sets of every sort with one Scratch.
func TestOneScratchForAll(t *testing.T) {
	var s record.Scratch
	rapid.Check(t, func(t *rapid.T) {
		r := plainRules()
		r.LogAppendTime = rapid.Bool().Draw(t, "append time")
		r.Recompress = rapid.Bool().Draw(t, "recompress")
		r.Codec = rapid.SampledFrom(codecs).Draw(t, "topic codec")
		records := anyRecords(t, 0, false)
		set, err := record.Build(record.Spec{LeaderEpoch: -1, Codec: rapid.SampledFrom(codecs).Draw(t, "codec")}, records...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := record.Prepare(set, r, &s)
		if err != nil {
			t.Fatal(err)
		}
		b, rest, err := record.Next(p.Set)
		if err != nil || len(rest) > 0 || !b.CheckCRC() || p.Offsets != int64(len(records)) {
			t.Fatalf("not one good batch of %d offsets: %v", p.Offsets, err)
		}
		for i := range records {
			if r.LogAppendTime {
				records[i].Timestamp = r.NowMs
			}
		}
		checkRecords(t, b, records)
	})
}
