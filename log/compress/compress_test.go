package compress_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/compress"
)

var codecs = []compress.Codec{compress.None, compress.Gzip, compress.Snappy, compress.LZ4, compress.Zstd}

// text is n bytes that compress about fourfold.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"alpha", "beta", "gamma", "delta", "7", "42", " ", " ", "\n", "event=", "level=info "}
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.Bytes()[:n]
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func deflate(t testing.TB, c compress.Codec, data []byte) []byte {
	t.Helper()
	out, err := compress.Deflate(nil, c, data, compress.DefaultLevel)
	require.NoError(t, err)
	return out
}

func TestNames(t *testing.T) {
	for _, c := range codecs {
		got, err := compress.ParseCodec(c.String())
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
	got, err := compress.ParseCodec("uncompressed")
	require.NoError(t, err)
	require.Equal(t, compress.None, got)
	_, err = compress.ParseCodec("brotli")
	require.ErrorIs(t, err, compress.ErrUnknownCodec)
	require.Equal(t, "codec(7)", compress.Codec(7).String())
}

func TestUnknownCodec(t *testing.T) {
	for _, c := range []compress.Codec{-1, 5, 6, 7} {
		out, err := compress.Inflate([]byte("kept"), c, []byte("x"), compress.Limits{Max: 10})
		require.ErrorIs(t, err, compress.ErrUnknownCodec)
		require.Equal(t, "kept", string(out))
		_, err = compress.Deflate(nil, c, []byte("x"), compress.DefaultLevel)
		require.ErrorIs(t, err, compress.ErrUnknownCodec)
	}
}

func TestRoundTrip(t *testing.T) {
	levels := []int{compress.DefaultLevel, math.MinInt32 + 1, -131072, -1, 0, 1, 2, 3, 6, 8, 9, 10, 17, 22, 100}
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			for size, levels := range map[int][]int{
				0: levels, 1: levels, 15: levels, 1000: levels, 32 << 10: {3, 9, 17}, 64<<10 + 1: {1, 9}, 300000: {compress.DefaultLevel},
			} {
				for _, data := range [][]byte{text(size), noise(size), make([]byte, size)} {
					for _, level := range levels {
						packed, err := compress.Deflate([]byte("head"), c, data, level)
						require.NoError(t, err)
						require.Equal(t, "head", string(packed[:4]))
						out, err := compress.Inflate([]byte("before"), c, packed[4:], compress.Limits{Max: size})
						require.NoError(t, err)
						require.Equal(t, "before", string(out[:6]))
						require.True(t, bytes.Equal(data, out[6:]), "size %d level %d", size, level)
					}
				}
			}
		})
	}
}

func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(codecs).Draw(t, "codec")
		part := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "part")
		data := bytes.Repeat(part, rapid.IntRange(0, 500).Draw(t, "times"))
		spare := rapid.IntRange(0, 3*len(data)+1).Draw(t, "spare")
		packed, err := compress.Deflate(nil, c, data, compress.DefaultLevel)
		if err != nil {
			t.Fatal(err)
		}
		out, err := compress.Inflate(make([]byte, 0, spare), c, packed, compress.Limits{Max: len(data)})
		if err != nil || !bytes.Equal(out, data) {
			t.Fatalf("%d bytes of %s came back as %d: %v", len(data), c, len(out), err)
		}
	})
}

func TestHigherLevelsCompressMore(t *testing.T) {
	data := text(200000)
	size := func(c compress.Codec, level int) int {
		out, err := compress.Deflate(nil, c, data, level)
		require.NoError(t, err)
		return len(out)
	}
	require.Less(t, size(compress.Gzip, 9), size(compress.Gzip, 1))
	require.Less(t, size(compress.Zstd, 19), size(compress.Zstd, 1))
	require.Less(t, size(compress.LZ4, 17), size(compress.LZ4, 9), "9 is the fast compressor, as in Kafka")
	require.Equal(t, size(compress.LZ4, compress.DefaultLevel), size(compress.LZ4, 9))
	require.Equal(t, size(compress.Gzip, compress.DefaultLevel), size(compress.Gzip, -1))
	require.Equal(t, size(compress.Zstd, compress.DefaultLevel), size(compress.Zstd, 3))
}

// TestBound inflates to exactly the bound, and to one byte more than it.
func TestBound(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			for _, data := range [][]byte{text(1), text(1000), noise(70000), text(300000), make([]byte, 200000)} {
				packed := deflate(t, c, data)
				for _, spare := range []int{0, 1, 100, 1 << 20} {
					dst := append(make([]byte, 0, spare+3), "abc"...)
					out, err := compress.Inflate(dst, c, packed, compress.Limits{Max: len(data)})
					require.NoError(t, err)
					require.Len(t, out, 3+len(data))
					out, err = compress.Inflate(dst, c, packed, compress.Limits{Max: len(data) - 1})
					require.ErrorIs(t, err, compress.ErrTooLarge)
					require.Equal(t, "abc", string(out))
				}
			}
		})
	}
}

// TestBombs feeds data that would become 16 MiB, or claims to, and watches the memory.
func TestBombs(t *testing.T) {
	const huge, allowed = 16 << 20, 1 << 20
	zeros := make([]byte, huge)
	bombs := map[string]struct {
		codec compress.Codec
		data  []byte
	}{
		"gzip":                 {compress.Gzip, deflate(t, compress.Gzip, zeros)},
		"snappy xerial":        {compress.Snappy, deflate(t, compress.Snappy, zeros)},
		"lz4":                  {compress.LZ4, deflate(t, compress.LZ4, zeros)},
		"zstd":                 {compress.Zstd, deflate(t, compress.Zstd, zeros)},
		"snappy claims 4 GiB":  {compress.Snappy, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0}},
		"snappy claims 200 MB": {compress.Snappy, []byte{0x80, 0x84, 0xaf, 0x5f, 0, 0}},
		"zstd claims 200 MB":   {compress.Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0xc2, 0xeb, 0x0b, 1, 0, 0}},
		"zstd window 2 GiB":    {compress.Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0}},
	}
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			_, _ = compress.Inflate(nil, bomb.codec, bomb.data, compress.Limits{Max: 10}) // fills the pools
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := compress.Inflate(nil, bomb.codec, bomb.data, compress.Limits{Max: allowed})
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(5*allowed))
		})
	}
}

func TestClaimsAreNotBelieved(t *testing.T) {
	claims := map[string]struct {
		codec compress.Codec
		data  []byte
	}{
		"snappy claims 200 MB":      {compress.Snappy, []byte{0x80, 0x84, 0xaf, 0x5f, 0, 0}},
		"zstd claims 200 MB":        {compress.Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0xc2, 0xeb, 0x0b, 1, 0, 0}},
		"lz4 content size 200 MB":   {compress.LZ4, lz4Frame(0x68, 0x40, []byte{0, 0xc2, 0xeb, 0x0b, 0, 0, 0, 0}, 0, 0, 0, 0)},
		"xerial block longer":       {compress.Snappy, append([]byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"), 0, 0xff, 0, 0, 1)},
		"xerial block of length -1": {compress.Snappy, append([]byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"), 0xff, 0xff, 0xff, 0xff)},
	}
	for name, c := range claims {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := compress.Inflate(nil, c.codec, c.data, compress.Limits{Max: 1 << 30})
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, compress.ErrCorrupt)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
		})
	}
}

// TestCutShort cuts what each codec wrote at every byte.
func TestCutShort(t *testing.T) {
	data := text(3000)
	for _, c := range codecs[1:] {
		t.Run(c.String(), func(t *testing.T) {
			packed := deflate(t, c, data)
			for n := 1; n < len(packed); n++ {
				out, err := compress.Inflate([]byte("kept"), c, packed[:n:n], compress.Limits{Max: 1 << 20})
				if c == compress.Snappy && n == 16 {
					require.NoError(t, err, "a xerial header alone holds nothing")
					continue
				}
				require.ErrorIs(t, err, compress.ErrCorrupt, "cut at %d of %d", n, len(packed))
				require.Equal(t, "kept", string(out))
			}
		})
	}
}
