package compress_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compress"
)

func BenchmarkInflate(b *testing.B) {
	data := text(64 << 10)
	for _, c := range codecs[1:] {
		b.Run(c.String(), func(b *testing.B) {
			packed := deflate(b, c, data)
			dst := make([]byte, 0, 256<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := compress.Inflate(dst, c, packed, wide)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkDeflate(b *testing.B) {
	data := text(64 << 10)
	for _, c := range codecs[1:] {
		b.Run(c.String(), func(b *testing.B) {
			dst := make([]byte, 0, 256<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := compress.Deflate(dst, c, data, compress.DefaultLevel)
				require.NoError(b, err)
			}
		})
	}
}
