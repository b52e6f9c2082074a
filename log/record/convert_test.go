package record_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

func oldRules(v int16) record.Rules {
	r := plainRules()
	r.ProduceVersion = v
	return r
}

// TestUpConversion makes batches of what producers of the old formats send.
func TestUpConversion(t *testing.T) {
	k, v := []byte("k"), []byte("v")
	for _, magic := range []int8{0, 1} {
		ts := func(t int64) int64 {
			if magic == 0 {
				return -1
			}
			return t
		}
		first := oldMessage(magic, 0, record.Record{Offset: 0, Timestamp: 11, Key: k})
		second := oldMessage(magic, 0, record.Record{Offset: 1, Timestamp: 12, Value: v})
		want := []record.Record{{Timestamp: ts(11), Key: k}, {Offset: 1, Timestamp: ts(12), Value: v}}
		sets := map[string]struct {
			set   []byte
			codec compress.Codec
		}{
			"plain":  {append(bytes.Clone(first), second...), compress.None},
			"gzip":   {wrap(t, magic, compress.Gzip, 1, first, second), compress.Gzip},
			"snappy": {wrap(t, magic, compress.Snappy, 0, first, second), compress.Snappy},
			"lz4":    {wrap(t, magic, compress.LZ4, 1, first, second), compress.LZ4},
		}
		for name, c := range sets {
			t.Run(name, func(t *testing.T) {
				p := prepare(t, c.set, oldRules(2))
				require.True(t, p.Rebuilt)
				require.Equal(t, int64(2), p.Offsets)
				require.Equal(t, ts(12), p.MaxTimestamp)
				b := take(t, p.Set)
				require.Equal(t, c.codec, b.Codec())
				require.True(t, b.CheckCRC())
				require.Equal(t, want, read(t, b))

				r := oldRules(2)
				r.LogAppendTime, r.Recompress, r.Codec = true, true, compress.Zstd
				p = prepare(t, c.set, r)
				require.Equal(t, r.NowMs, p.LogAppendTime)
				require.Equal(t, compress.Zstd, take(t, p.Set).Codec())
				require.Equal(t, r.NowMs, read(t, take(t, p.Set))[1].Timestamp)
			})
		}
	}
}

func TestUpConversionRefuses(t *testing.T) {
	one := oldMessage(1, 0, record.Record{Key: []byte("k"), Timestamp: 5})
	bad := bytes.Clone(one)
	bad[len(bad)-1] ^= 1
	packed := wrap(t, 1, compress.Gzip, 0, one)
	marked := oldMessage(1, 8, record.Record{Timestamp: 5})
	for _, c := range []struct {
		name string
		set  []byte
		edit func(*record.Rules)
		kind error
	}{
		{"CRC", bad, nil, record.ErrCorrupt},
		{"CRC within", wrap(t, 1, compress.Gzip, 0, one, bad), nil, record.ErrCorrupt},
		{"garbage within", oldMessage(1, 1, record.Record{Value: []byte("garbage")}), nil, record.ErrCorrupt},
		{"two wrappers", append(bytes.Clone(packed), packed...), nil, record.ErrInvalidRecord},
		{"message and wrapper", append(bytes.Clone(one), packed...), nil, record.ErrInvalidRecord},
		{"magics mixed", append(bytes.Clone(one), oldMessage(0, 0, record.Record{})...), nil, record.ErrInvalidRecord},
		{"wrapper in wrapper", wrap(t, 1, compress.Gzip, 0, packed), nil, record.ErrInvalidRecord},
		{"codec 5", oldMessage(1, 5, record.Record{Value: []byte("x")}), nil, record.ErrUnsupportedCompression},
		{"no key", oldMessage(1, 0, record.Record{}), func(r *record.Rules) { r.Compacted = true }, record.ErrInvalidRecord},
		{"timestamp", one, func(r *record.Rules) { r.TimestampBeforeMaxMs = 1 }, record.ErrInvalidTimestamp},
		{"append time bit", marked, func(r *record.Rules) { r.LogAppendTime = true }, record.ErrInvalidTimestamp},
		{"grows beyond the limit", one, func(r *record.Rules) { r.MaxBatchBytes = len(one) + 10 }, record.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := oldRules(2)
			if c.edit != nil {
				c.edit(&r)
			}
			require.Equal(t, c.kind, refused(t, c.set, r).Kind)
		})
	}
}

func downconvert(t testing.TB, set []byte, d record.Down) []byte {
	t.Helper()
	var s record.Scratch
	d.MaxInflated = inflateBound
	out, err := record.Downconvert([]byte("before"), set, d, &s)
	require.NoError(t, err)
	require.Equal(t, "before", string(out[:6]))
	return out[6:]
}

// TestDownconversion converts a set of every codec for both old formats.
func TestDownconversion(t *testing.T) {
	for _, c := range codecs[:4] {
		for _, magic := range []int8{0, 1} {
			t.Run(c.String(), func(t *testing.T) {
				first := build(t, record.Spec{BaseOffset: 100, Codec: c}, some(5)...)
				second := build(t, record.Spec{BaseOffset: 105, Codec: c}, some(3)...)
				want := append(read(t, first), read(t, second)...)
				out := downconvert(t, append(bytes.Clone(first), second...), record.Down{Magic: magic})
				for rest := out; len(rest) > 0; {
					var b record.Batch
					var err error
					b, rest, err = record.Next(rest)
					require.NoError(t, err)
					require.Equal(t, magic, b.Magic())
					require.Equal(t, c, b.Codec())
					require.True(t, b.CheckCRC())
				}
				got := readSet(t, out)
				for i := range want {
					want[i].Headers = nil
					if magic == 0 {
						want[i].Timestamp = -1
					}
				}
				require.Equal(t, want, got)
			})
		}
	}
}

func TestDownconversionKeepsAppendTime(t *testing.T) {
	for _, c := range []compress.Codec{compress.None, compress.Gzip} {
		set := build(t, record.Spec{Codec: c, Attributes: record.AppendTime, AppendTimestamp: 42}, some(2)...)
		b, _, err := record.Next(downconvert(t, set, record.Down{Magic: 1}))
		require.NoError(t, err)
		require.True(t, b.AppendTime())
		require.Equal(t, int64(42), b.MaxTimestamp())
	}
}

// TestDownconversionForTheOldestLZ4 writes the header checksum that readers of magic 0 want.
func TestDownconversionForTheOldestLZ4(t *testing.T) {
	set := build(t, record.Spec{Codec: compress.LZ4}, some(5)...)
	frame := []byte{0x04, 0x22, 0x4d, 0x18, 0x60, 0x40}
	_, oldest, found := bytes.Cut(downconvert(t, set, record.Down{Magic: 0}), frame)
	require.True(t, found)
	_, newer, found := bytes.Cut(downconvert(t, set, record.Down{Magic: 1}), frame)
	require.True(t, found)
	_, kafka, found := bytes.Cut(goldenBatches(t, "legacy/magic0-lz4-0")[0], frame)
	require.True(t, found)
	require.Equal(t, kafka[0], oldest[0])
	require.NotEqual(t, newer[0], oldest[0])
}

func TestDownconversionLeavesOut(t *testing.T) {
	plain := build(t, record.Spec{BaseOffset: 10}, some(5)...)
	packed := build(t, record.Spec{BaseOffset: 10, Codec: compress.Gzip}, some(5)...)
	marker, err := record.AppendMarker(nil, record.Marker{})
	require.NoError(t, err)
	from := record.Down{Magic: 1, From: 13}
	require.Len(t, readSet(t, downconvert(t, plain, from)), 2, "plain records before the offset asked for")
	require.Len(t, readSet(t, downconvert(t, packed, from)), 5, "but not packed ones")
	require.Empty(t, downconvert(t, marker, from), "control batches")
	require.Empty(t, downconvert(t, plain[:70], from), "what is cut short")
	old := wrap(t, 0, compress.Gzip, 9, oldMessage(0, 0, record.Record{}))
	require.Equal(t, old, downconvert(t, old, from), "old ones stay as they are")
}

func TestDownconversionRefuses(t *testing.T) {
	zstd := build(t, record.Spec{Codec: compress.Zstd}, some(2)...)
	var s record.Scratch
	_, err := record.Downconvert(nil, zstd, record.Down{Magic: 1}, &s)
	require.ErrorIs(t, err, record.ErrUnsupportedCompression)
	gzip := build(t, record.Spec{Codec: compress.Gzip}, some(2)...)
	_, err = record.Downconvert(nil, gzip, record.Down{Magic: 1, MaxInflated: 3}, &s)
	require.ErrorIs(t, err, record.ErrTooLarge)
	_, err = record.Downconvert(nil, make([]byte, 30), record.Down{Magic: 1}, &s)
	require.ErrorIs(t, err, record.ErrCorrupt)
}

// TestDownAndUpProperty sends any records down to an old consumer's form and up again.
func TestDownAndUpProperty(t *testing.T) {
	var s, s2 record.Scratch
	rapid.Check(t, func(t *rapid.T) {
		records := anyRecords(t, 0, false)
		magic := int8(rapid.IntRange(0, 1).Draw(t, "magic"))
		set, err := record.Build(record.Spec{Codec: rapid.SampledFrom(codecs[:4]).Draw(t, "codec")}, records...)
		if err != nil {
			t.Fatal(err)
		}
		old, err := record.Downconvert(nil, set, record.Down{Magic: magic, MaxInflated: inflateBound}, &s)
		if err != nil {
			t.Fatal(err)
		}
		p, err := record.Prepare(old, oldRules(2), &s2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range records {
			records[i].Headers = nil
			if magic == 0 {
				records[i].Timestamp = -1
			}
		}
		b, _, err := record.Next(p.Set)
		if err != nil {
			t.Fatal(err)
		}
		checkRecords(t, b, records)
	})
}
