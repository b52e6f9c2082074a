package record_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// kibibytes is a batch of 64 records of 1 KiB that compress about fourfold.
func kibibytes(t testing.TB, c compress.Codec) record.Batch {
	t.Helper()
	records := make([]record.Record, 64)
	for i := range records {
		var v bytes.Buffer
		for n := 0; v.Len() < 1000; n++ {
			fmt.Fprintf(&v, "level=info event=%d user=%x path=/api/v1/items/%d\n", i*n, i*77777*n, n*n)
		}
		records[i] = record.Record{Timestamp: 1700000000000 + int64(i), Key: fmt.Appendf(nil, "key-%04d", i), Value: v.Bytes()[:1000]}
	}
	return client(t, record.Spec{Codec: c}, records...)
}

// BenchmarkPrepare is what the broker does to a produced batch before it takes the lock;
// MB/s are of what came over the wire.
func BenchmarkPrepare(b *testing.B) {
	for _, c := range codecs {
		b.Run(c.String(), func(b *testing.B) {
			set := kibibytes(b, c)
			r := plainRules()
			var s record.Scratch
			b.SetBytes(int64(len(set)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := record.Prepare(set, r, &s)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkIterate(b *testing.B) {
	set := kibibytes(b, compress.None)
	var it record.Iterator
	b.SetBytes(int64(len(set)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, it.Reset(set))
		for it.Next() {
			if it.Record().Key == nil {
				b.Fatal("no key")
			}
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	records := read(b, kibibytes(b, compress.None))
	var builder record.Builder
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		builder.Reset(record.Spec{})
		for i := range records {
			builder.AppendAt(&records[i])
		}
		var err error
		out, err = builder.Finish(out[:0])
		require.NoError(b, err)
	}
	b.SetBytes(int64(len(out)))
}
