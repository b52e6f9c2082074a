package record_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// rawBatch puts any payload behind a header that claims count records in a codec.
func rawBatch(t testing.TB, count int32, c compress.Codec, payload []byte) record.Batch {
	t.Helper()
	b := append(bytes.Clone(build(t, record.Spec{}, record.Record{})[:record.HeaderSize]), payload...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint16(b[21:], uint16(c))
	binary.BigEndian.PutUint32(b[23:], uint32(count-1))
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	batch := take(t, b)
	batch.UpdateCRC()
	return batch
}

// rawRecord puts a length before a body.
func rawRecord(body ...byte) []byte {
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

// good is the body of a record with key k and value v.
var good = []byte{0, 0, 0, 2, 'k', 2, 'v', 0}

// malformedRecords are payloads that hold no record, all INVALID_RECORD.
var malformedRecords = map[string][]byte{
	"nothing":                       {},
	"length too long":               {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	"length cut":                    {0x80},
	"length negative":               {1},
	"length beyond the batch":       {200, 1, 0},
	"length too small":              append([]byte{6}, good...),
	"empty body":                    {0},
	"no timestamp delta":            rawRecord(0),
	"timestamp delta too long":      rawRecord(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
	"no offset delta":               rawRecord(0, 0),
	"no key length":                 rawRecord(0, 0, 0),
	"key beyond the record":         rawRecord(0, 0, 0, 100, 'k'),
	"no value length":               rawRecord(0, 0, 0, 1),
	"value beyond the record":       rawRecord(0, 0, 0, 1, 100),
	"no header count":               rawRecord(0, 0, 0, 1, 1),
	"header count negative":         rawRecord(0, 0, 0, 1, 1, 1),
	"header count beyond":           rawRecord(0, 0, 0, 1, 1, 20),
	"header without key":            rawRecord(0, 0, 0, 1, 1, 2, 1, 1),
	"header key beyond":             rawRecord(0, 0, 0, 1, 1, 2, 8, 'h'),
	"header value beyond":           rawRecord(0, 0, 0, 1, 1, 2, 2, 'h', 8, 'v'),
	"bytes behind the headers":      rawRecord(append(bytes.Clone(good), 'z')...),
	"bytes behind the record":       append(rawRecord(good...), 'z'),
	"another record behind":         append(rawRecord(good...), rawRecord(good...)...),
	"a count of a thousand million": rawRecord(0, 0, 0, 1, 1, 0x80, 0xa8, 0xd6, 0xb9, 7),
}

func TestIteratorRefusesMalformedRecords(t *testing.T) {
	for name, payload := range malformedRecords {
		for _, c := range []compress.Codec{compress.None, compress.Gzip, compress.LZ4} {
			t.Run(c.String()+" "+name, func(t *testing.T) {
				packed, err := compress.Deflate(nil, c, payload, compress.DefaultLevel)
				require.NoError(t, err)
				it := record.Iterator{MaxInflated: inflateBound}
				require.NoError(t, it.Reset(rawBatch(t, 1, c, packed)))
				for it.Next() {
					require.NotNil(t, it.Record())
				}
				require.ErrorIs(t, it.Err(), record.ErrInvalidRecord)
				require.False(t, it.Next())
			})
		}
	}
}

func TestIteratorReadsNegativeLengthsAsNull(t *testing.T) {
	list := read(t, rawBatch(t, 1, compress.None, rawRecord(0, 0, 0, 3, 5, 0)))
	require.Nil(t, list[0].Key)
	require.Nil(t, list[0].Value)
}

func TestIteratorKinds(t *testing.T) {
	zeros, err := compress.Deflate(nil, compress.Gzip, make([]byte, inflateBound+1), compress.DefaultLevel)
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		b    record.Batch
		kind error
	}{
		{"garbage", rawBatch(t, 1, compress.Zstd, []byte("garbage")), record.ErrCorrupt},
		{"codec 6", rawBatch(t, 1, 6, rawRecord(good...)), record.ErrUnsupportedCompression},
		{"bomb", rawBatch(t, 1, compress.Gzip, zeros), record.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			it := record.Iterator{MaxInflated: inflateBound}
			require.ErrorIs(t, it.Reset(c.b), c.kind)
			require.False(t, it.Next())
			require.ErrorIs(t, it.Err(), c.kind)
			require.NoError(t, it.Reset(build(t, record.Spec{}, some(1)...)), "an Iterator outlives an error")
			require.True(t, it.Next())
		})
	}
}

// oldMessage encodes a message of magic 0 or 1 at an offset.
func oldMessage(magic int8, attributes byte, r record.Record) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.Offset))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(magic), attributes)
	if magic == 1 {
		b = binary.BigEndian.AppendUint64(b, uint64(r.Timestamp))
	}
	for _, part := range [][]byte{r.Key, r.Value} {
		if part == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	return sealOld(b)
}

// sealOld makes size and CRC of an old message right.
func sealOld(b []byte) []byte {
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
	return b
}

// wrap makes a compressed message of a set, at an offset.
func wrap(t testing.TB, magic int8, c compress.Codec, offset int64, inner ...[]byte) []byte {
	t.Helper()
	packed, err := compress.Deflate(nil, c, bytes.Join(inner, nil), compress.DefaultLevel)
	require.NoError(t, err)
	return oldMessage(magic, byte(c), record.Record{Offset: offset, Timestamp: 77, Value: packed})
}

func TestOldMessages(t *testing.T) {
	a := record.Record{Offset: 0, Timestamp: 5, Key: []byte("a"), Value: []byte{}}
	b := record.Record{Offset: 1, Timestamp: 6, Value: []byte("b")}
	for _, c := range []struct {
		name string
		set  []byte
		want []record.Record
	}{
		{"magic 0", oldMessage(0, 0, record.Record{Offset: 9, Key: a.Key}), []record.Record{{Offset: 9, Timestamp: -1, Key: a.Key}}},
		{"magic 1", oldMessage(1, 0, b), []record.Record{b}},
		{"magic 1 append time", oldMessage(1, 8, b), []record.Record{b}},
		{
			"magic 0 wrapper: offsets are absolute", wrap(t, 0, compress.Gzip, 31,
				oldMessage(0, 0, record.Record{Offset: 30, Value: b.Value}), oldMessage(0, 0, record.Record{Offset: 31})),
			[]record.Record{{Offset: 30, Timestamp: -1, Value: b.Value}, {Offset: 31, Timestamp: -1}},
		},
		{
			"magic 1 wrapper: offsets count to the wrapper's", wrap(t, 1, compress.Snappy, 31, oldMessage(1, 0, a), oldMessage(1, 0, b)),
			[]record.Record{{Offset: 30, Timestamp: 5, Key: a.Key, Value: a.Value}, {Offset: 31, Timestamp: 6, Value: b.Value}},
		},
		{
			"a message cut short at the end of a wrapper", wrap(t, 1, compress.LZ4, 31, oldMessage(1, 0, a), oldMessage(1, 0, b)[:20]),
			[]record.Record{{Offset: 31, Timestamp: 5, Key: a.Key, Value: a.Value}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			entry := take(t, c.set)
			require.True(t, entry.CheckCRC())
			require.Equal(t, c.want, read(t, entry))
			require.Equal(t, int64(-1), entry.ProducerID())
			require.Equal(t, int16(-1), entry.ProducerEpoch())
			require.Equal(t, int32(-1), entry.LastSequence())
			require.Equal(t, int32(-1), entry.LeaderEpoch())
			require.False(t, entry.Control())
			require.False(t, entry.Transactional())
			require.Equal(t, c.want[len(c.want)-1].Offset, entry.LastOffset())
		})
	}
}

func TestOldWrapperWithAppendTime(t *testing.T) {
	inner := oldMessage(1, 0, record.Record{Timestamp: 5})
	packed, err := compress.Deflate(nil, compress.Gzip, inner, compress.DefaultLevel)
	require.NoError(t, err)
	entry := take(t, oldMessage(1, 1|8, record.Record{Offset: 3, Timestamp: 1000, Value: packed}))
	require.True(t, entry.AppendTime())
	require.Equal(t, int64(1000), read(t, entry)[0].Timestamp)
}

func TestOldMessagesRefused(t *testing.T) {
	cut := oldMessage(1, 0, record.Record{Key: []byte("kk"), Value: []byte("vv")})
	keyBeyond, valueBeyond, tail := bytes.Clone(cut), bytes.Clone(cut), append(bytes.Clone(cut), 'z')
	keyBeyond[29], valueBeyond[35] = 100, 100
	for name, set := range map[string][]byte{
		"key beyond the message":    sealOld(keyBeyond),
		"value beyond the message":  sealOld(valueBeyond),
		"no value length":           sealOld(bytes.Clone(cut[:34])),
		"bytes behind the value":    sealOld(tail),
		"wrapper without value":     oldMessage(1, 1, record.Record{}),
		"wrapper of nothing":        wrap(t, 1, compress.Gzip, 0),
		"wrapper of another magic":  wrap(t, 1, compress.Gzip, 0, oldMessage(0, 0, record.Record{})),
		"zstd did not exist":        oldMessage(1, 4, record.Record{Value: []byte("x")}),
		"broken message in wrapper": wrap(t, 1, compress.Gzip, 0, sealOld(bytes.Clone(keyBeyond))),
	} {
		t.Run(name, func(t *testing.T) {
			it := record.Iterator{MaxInflated: inflateBound}
			if it.Reset(take(t, set)) == nil {
				require.False(t, it.Next())
			}
			require.ErrorIs(t, it.Err(), record.ErrInvalidRecord)
		})
	}
}
