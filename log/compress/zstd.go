package compress

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindow is the largest window that Java's consumers read (2^27).
	zstdWindow = 128 << 20
	// zstdWriteWindow is what leat writes: batches are seldom larger, and an encoder
	// holds a multiple of it.
	zstdWriteWindow = 1 << 20
	// zstdBlock is the most that one block becomes, and 4 the fewest bytes of a block
	// that becomes anything (a run): together they bound what src can hold.
	zstdBlock    = 128 << 10
	zstdMinBlock = 4

	zstdLevelMin     = -131072
	zstdLevelDefault = 3
	zstdLevelMax     = 22
)

var (
	zstdReaders sync.Pool                                // of *zstd.Decoder
	zstdWriters [zstd.SpeedBestCompression + 1]sync.Pool // of *zstd.Encoder, by the library's level
)

// inflateZstd decodes into spare capacity that is exactly the bound: the decoder refuses to
// leave it. When the frames do not tell their size (Java's do not) and the guess proves too
// small, the room grows fourfold and the work begins again, so that in all at most a third
// is done twice, and nothing once the caller's buffer has grown.
func inflateZstd(dst, src []byte, most int) ([]byte, error) {
	d, err := zstdReader()
	if err != nil {
		return dst, err
	}
	defer zstdReaders.Put(d)
	possible := min(most, zstdBlock*(len(src)/zstdMinBlock+1))
	size := min(max(zstdSize(src), cap(dst)-len(dst)), possible)
	for {
		dst = room(dst, size)
		at := len(dst)
		out, err := d.DecodeAll(src, dst[at:at:at+size])
		switch {
		case err == nil:
			return append(dst, out...), nil // onto itself: out already lies there
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
		case size == most:
			return dst, ErrTooLarge
		case size == possible:
			return dst, fmt.Errorf("%w: %d bytes of zstd cannot hold what they claim", ErrCorrupt, len(src))
		}
		size = min(4*size, possible)
	}
}

// zstdSize guesses what src inflates to: what its first frame says, else four times src.
func zstdSize(src []byte) int {
	var h zstd.Header
	if err := h.Decode(src); err == nil && h.HasFCS && h.FrameContentSize <= 1<<30 {
		return int(h.FrameContentSize)
	}
	return max(4*len(src), 4096)
}

func zstdReader() (*zstd.Decoder, error) {
	if d, ok := zstdReaders.Get().(*zstd.Decoder); ok {
		return d, nil
	}
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(zstdWindow),
		zstd.WithDecodeAllCapLimit(true))
}

func deflateZstd(dst, src []byte, level int) ([]byte, error) {
	if level == DefaultLevel {
		level = zstdLevelDefault
	}
	speed := zstd.EncoderLevelFromZstd(min(max(level, zstdLevelMin), zstdLevelMax))
	pool := &zstdWriters[speed]
	e, ok := pool.Get().(*zstd.Encoder)
	if !ok {
		var err error
		e, err = zstd.NewWriter(nil,
			zstd.WithEncoderLevel(speed),
			zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdWriteWindow),
			zstd.WithLowerEncoderMem(true))
		if err != nil {
			return dst, err
		}
	}
	defer pool.Put(e)
	return e.EncodeAll(src, dst), nil
}
