package record_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

const inflateBound = 8 << 20

var codecs = []compress.Codec{compress.None, compress.Gzip, compress.Snappy, compress.LZ4, compress.Zstd}

// build makes a batch or fails the test.
func build(t testing.TB, s record.Spec, records ...record.Record) record.Batch {
	t.Helper()
	b, err := record.Build(s, records...)
	require.NoError(t, err)
	return take(t, b)
}

// take gives the one entry that set holds.
func take(t testing.TB, set []byte) record.Batch {
	t.Helper()
	b, rest, err := record.Next(set)
	require.NoError(t, err)
	require.Empty(t, rest)
	return b
}

// read gives copies of all records of one entry.
func read(t testing.TB, b record.Batch) []record.Record {
	t.Helper()
	it := record.Iterator{MaxInflated: inflateBound}
	require.NoError(t, it.Reset(b))
	list := []record.Record{}
	for it.Next() {
		list = append(list, clone(it.Record()))
	}
	require.NoError(t, it.Err())
	return list
}

// readSet gives copies of all records of a set.
func readSet(t testing.TB, set []byte) []record.Record {
	t.Helper()
	list := []record.Record{}
	for len(set) > 0 {
		var b record.Batch
		var err error
		b, set, err = record.Next(set)
		require.NoError(t, err)
		list = append(list, read(t, b)...)
	}
	return list
}

func clone(r *record.Record) record.Record {
	c := record.Record{Offset: r.Offset, Timestamp: r.Timestamp, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, record.Header{Key: bytes.Clone(h.Key), Value: bytes.Clone(h.Value)})
	}
	return c
}

// some gives n records a second apart, a few with null keys, null values and headers.
func some(n int) []record.Record {
	list := make([]record.Record, n)
	for i := range list {
		r := record.Record{Offset: int64(i), Timestamp: 1700000000000 + int64(i)*1000}
		if i%4 != 3 {
			r.Key = fmt.Appendf(nil, "key-%d", i)
		}
		if i%5 != 4 {
			r.Value = bytes.Repeat([]byte{'v'}, i)
		}
		if i%3 == 0 {
			r.Headers = []record.Header{{Key: []byte("a"), Value: []byte{1}}, {Key: []byte{}, Value: nil}}
		}
		list[i] = r
	}
	return list
}

// anyBytes draws null, empty and other byte strings.
func anyBytes(t *rapid.T, name string) []byte {
	if rapid.Bool().Draw(t, name+" null") {
		return nil
	}
	return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, name)...)
}

// anyRecords draws records at rising offsets from base on, with gaps when asked for.
func anyRecords(t *rapid.T, base int64, gaps bool) []record.Record {
	n := rapid.IntRange(1, 30).Draw(t, "records")
	list := make([]record.Record, n)
	for i := range list {
		if i > 0 && gaps {
			base += rapid.Int64Range(0, 1000).Draw(t, "gap")
		}
		list[i] = record.Record{
			Offset:    base,
			Timestamp: rapid.Int64Range(0, 1<<45).Draw(t, "timestamp"),
			Key:       anyBytes(t, "key"),
			Value:     anyBytes(t, "value"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			h := record.Header{Key: append([]byte{}, anyBytes(t, "name")...), Value: anyBytes(t, "header value")}
			list[i].Headers = append(list[i].Headers, h)
		}
		base++
	}
	return list
}
