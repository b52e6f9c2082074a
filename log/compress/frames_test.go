package compress_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compress"
)

var wide = compress.Limits{Max: 64 << 20}

func inflate(t testing.TB, c compress.Codec, data []byte) []byte {
	t.Helper()
	out, err := compress.Inflate(nil, c, data, wide)
	require.NoError(t, err)
	return out
}

func TestOthersReadWhatWeWrite(t *testing.T) {
	data := text(200000)
	read := map[compress.Codec]func([]byte) ([]byte, error){
		compress.Gzip: func(b []byte) ([]byte, error) {
			r, err := stdgzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil, err
			}
			return io.ReadAll(r)
		},
		compress.Snappy: xerial.Decode,
		compress.LZ4:    func(b []byte) ([]byte, error) { return io.ReadAll(lz4.NewReader(bytes.NewReader(b))) },
		compress.Zstd: func(b []byte) ([]byte, error) {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			defer d.Close()
			return d.DecodeAll(b, nil)
		},
	}
	for c, read := range read {
		t.Run(c.String(), func(t *testing.T) {
			got, err := read(deflate(t, c, data))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
		})
	}
}

func TestGzipMembers(t *testing.T) {
	two := append(deflate(t, compress.Gzip, []byte("one ")), deflate(t, compress.Gzip, []byte("two"))...)
	require.Equal(t, "one two", string(inflate(t, compress.Gzip, two)))
	_, err := compress.Inflate(nil, compress.Gzip, append(two, "junk"...), wide)
	require.ErrorIs(t, err, compress.ErrCorrupt)
}

func TestZstdFrames(t *testing.T) {
	two := append(deflate(t, compress.Zstd, []byte("one ")), deflate(t, compress.Zstd, []byte("two"))...)
	require.Equal(t, "one two", string(inflate(t, compress.Zstd, two)))

	// Java writes streams whose frames do not tell their size.
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	data := text(3 << 20)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	var h zstd.Header
	require.NoError(t, h.Decode(b.Bytes()))
	require.False(t, h.HasFCS)
	require.True(t, bytes.Equal(data, inflate(t, compress.Zstd, b.Bytes())))
	out, err := compress.Inflate(nil, compress.Zstd, b.Bytes(), compress.Limits{Max: len(data)})
	require.NoError(t, err)
	require.Len(t, out, len(data))
	_, err = compress.Inflate(nil, compress.Zstd, b.Bytes(), compress.Limits{Max: len(data) - 1})
	require.ErrorIs(t, err, compress.ErrTooLarge)

	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'}, two...)
	require.Equal(t, "one two", string(inflate(t, compress.Zstd, skippable)))
}

func TestSnappyForms(t *testing.T) {
	data := text(100000)
	require.Equal(t, data, inflate(t, compress.Snappy, s2.EncodeSnappy(nil, data)), "one raw block")
	joined := append(deflate(t, compress.Snappy, []byte("one ")), deflate(t, compress.Snappy, []byte("two"))...)
	require.Equal(t, "one two", string(inflate(t, compress.Snappy, joined)), "xerial streams joined")

	// Two literals, a copy of 4 from 2 back, and one of 4 whose offset 0 means "as before".
	extended := []byte{10, 1 << 2, 'a', 'b', 0<<2 | 1, 2, 0<<2 | 1, 0}
	read, err := s2.Decode(nil, extended)
	require.NoError(t, err)
	require.Equal(t, "ababababab", string(read))
	_, err = compress.Inflate(nil, compress.Snappy, extended, wide)
	require.ErrorIs(t, err, compress.ErrCorrupt, "readers of snappy know no repeated offsets")
}

// lz4Frame puts a frame together with the right header checksum.
func lz4Frame(flg, bd byte, size []byte, rest ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2204)
	b = append(b, flg, bd)
	b = append(b, size...)
	b = append(b, compress.HeaderChecksum(b[4:]))
	return append(b, rest...)
}

func TestLZ4FramesOfOthers(t *testing.T) {
	data := text(500000)
	options := map[string][]lz4.Option{
		"plain":           {lz4.ChecksumOption(false)},
		"checksum":        {lz4.ChecksumOption(true)},
		"block checksums": {lz4.BlockChecksumOption(true)},
		"content size":    {lz4.SizeOption(uint64(len(data)))},
		"256 KiB blocks":  {lz4.BlockSizeOption(lz4.Block256Kb)},
		"4 MiB blocks":    {lz4.BlockSizeOption(lz4.Block4Mb), lz4.BlockChecksumOption(true)},
	}
	for name, o := range options {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := lz4.NewWriter(&b)
			require.NoError(t, w.Apply(append(o, lz4.ConcurrencyOption(1))...))
			_, err := w.Write(data)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.True(t, bytes.Equal(data, inflate(t, compress.LZ4, b.Bytes())))
		})
	}
}

func TestLZ4Refusals(t *testing.T) {
	end := []byte{0, 0, 0, 0}
	stored := []byte{2, 0, 0, 0x80, 'h', 'i'}
	good := lz4Frame(0x60, 0x40, nil, append(stored, end...)...)
	require.Equal(t, "hi", string(inflate(t, compress.LZ4, good)))
	bad := map[string][]byte{
		"empty":                  nil,
		"not a frame":            append([]byte{1}, good[1:]...),
		"version 0":              lz4Frame(0x20, 0x40, nil, end...),
		"reserved flag":          lz4Frame(0x62, 0x40, nil, end...),
		"reserved block bits":    lz4Frame(0x60, 0x41, nil, end...),
		"block size 3":           lz4Frame(0x60, 0x30, nil, end...),
		"linked blocks":          lz4Frame(0x40, 0x40, nil, append(stored, end...)...),
		"dictionary":             lz4Frame(0x61, 0x40, []byte{1, 0, 0, 0}, end...),
		"header checksum":        append(append(bytes.Clone(good[:6]), good[6]+1), good[7:]...),
		"no end mark":            lz4Frame(0x60, 0x40, nil, stored...),
		"block beyond the data":  lz4Frame(0x60, 0x40, nil, 9, 0, 0, 0x80, 'h', 'i'),
		"block beyond its limit": lz4Frame(0x60, 0x40, nil, append(append([]byte{1, 0, 1, 0x80}, make([]byte, 65537)...), end...)...),
		"block checksum":         lz4Frame(0x70, 0x40, nil, append(append(bytes.Clone(stored), 1, 2, 3, 4), end...)...),
		"content checksum cut":   lz4Frame(0x64, 0x40, nil, append(append(bytes.Clone(stored), end...), 1, 2)...),
		"content size wrong":     lz4Frame(0x68, 0x40, []byte{3, 0, 0, 0, 0, 0, 0, 0}, append(stored, end...)...),
		"second frame":           append(bytes.Clone(good), good...),
		"block that is no block": lz4Frame(0x60, 0x40, nil, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0),
	}
	for name, frame := range bad {
		t.Run(name, func(t *testing.T) {
			_, err := compress.Inflate(nil, compress.LZ4, frame, wide)
			require.ErrorIs(t, err, compress.ErrCorrupt)
		})
	}
}

// TestLZ4OfMagic0 compares the header with one that Kafka wrote, checksum bug and all.
func TestLZ4OfMagic0(t *testing.T) {
	log, err := os.ReadFile("../testdata/golden/legacy/magic0-lz4-0/00000000000000000000.log")
	require.NoError(t, err)
	at := bytes.Index(log, []byte{0x04, 0x22, 0x4d, 0x18})
	require.Positive(t, at)
	kafka := log[at : at+7]

	data := text(70000)
	legacy := compress.DeflateLegacyLZ4(nil, data, compress.DefaultLevel)
	require.Equal(t, kafka, legacy[:7])
	right := deflate(t, compress.LZ4, data)
	require.Equal(t, right[:6], legacy[:6])
	require.NotEqual(t, right[6], legacy[6])

	_, err = compress.Inflate(nil, compress.LZ4, legacy, wide)
	require.ErrorIs(t, err, compress.ErrCorrupt)
	for _, frame := range [][]byte{legacy, right} {
		got, err := compress.Inflate(nil, compress.LZ4, frame, compress.Limits{Max: 1 << 20, LegacyLZ4: true})
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	}
}
