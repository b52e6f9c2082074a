package compress_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/pierrec/lz4/v4"

	"github.com/leatmq/leat/log/compress"
)

// FuzzInflate gives every codec any bytes: the bound and what stood in the buffer must hold,
// and what inflates must survive being deflated again.
func FuzzInflate(f *testing.F) {
	for _, c := range codecs {
		for _, data := range [][]byte{nil, text(100), text(5000), make([]byte, 70000)} {
			f.Add(int8(c), deflate(f, c, data), uint16(20000))
		}
	}
	f.Add(int8(compress.LZ4), compress.DeflateLegacyLZ4(nil, text(300), 1), uint16(300))
	f.Add(int8(compress.Snappy), []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0}, uint16(9))
	f.Fuzz(func(t *testing.T, codec int8, data []byte, most uint16) {
		l := compress.Limits{Max: int(most), LegacyLZ4: most%2 == 0}
		out, err := compress.Inflate([]byte("kept"), compress.Codec(codec), data, l)
		if string(out[:4]) != "kept" {
			t.Fatalf("what stood before became %q", out[:4])
		}
		if err != nil {
			if len(out) != 4 {
				t.Fatalf("%d bytes came with error %v", len(out)-4, err)
			}
			return
		}
		plain := out[4:]
		if len(plain) > int(most) {
			t.Fatalf("%d bytes where %d are allowed", len(plain), most)
		}
		again, err := compress.Deflate(nil, compress.Codec(codec), plain, compress.DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		back, err := compress.Inflate(nil, compress.Codec(codec), again, l)
		if err != nil || !bytes.Equal(back, plain) {
			t.Fatalf("%d bytes came back as %d: %v", len(plain), len(back), err)
		}
	})
}

// FuzzLZ4AgainstReader holds the frame parser against the library's own: what ours takes,
// the library takes too and reads the same, but for the content checksum.
func FuzzLZ4AgainstReader(f *testing.F) {
	f.Add(deflate(f, compress.LZ4, text(1000)))
	f.Add(lz4Frame(0x68, 0x40, []byte{2, 0, 0, 0, 0, 0, 0, 0}, 2, 0, 0, 0x80, 'h', 'i', 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		const flagsAt, contentChecksum = 4, 0x04
		out, err := compress.Inflate(nil, compress.LZ4, data, compress.Limits{Max: 1 << 20})
		if err != nil || data[flagsAt]&contentChecksum != 0 {
			return
		}
		want, err := io.ReadAll(lz4.NewReader(bytes.NewReader(data)))
		if err != nil || !bytes.Equal(want, out) {
			t.Fatalf("ours gives %d bytes, the library %d: %v", len(out), len(want), err)
		}
	})
}
