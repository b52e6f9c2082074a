package compress

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindow is the largest window that Java's consumers read (2^27).
	zstdWindow = 128 << 20
	// zstdWriteWindow is what leat writes with: batches are seldom larger, and an encoder
	// holds a multiple of it.
	zstdWriteWindow = 1 << 20

	zstdLevelMin     = -131072
	zstdLevelDefault = 3
	zstdLevelMax     = 22
)

var (
	zstdReaders sync.Pool                                // of *zstd.Decoder
	zstdWriters [zstd.SpeedBestCompression + 1]sync.Pool // of *zstd.Encoder, by the library's level
)

// inflateZstd decodes into spare capacity, which the decoder refuses to leave. How much that
// is follows from the blocks that are really there, since Java's frames do not tell their
// size and no frame that does is believed.
func inflateZstd(dst, src []byte, most int) ([]byte, error) {
	possible, err := zstdPossible(src)
	if err != nil {
		return dst, err
	}
	d, err := zstdReader()
	if err != nil {
		return dst, err
	}
	defer zstdReaders.Put(d)
	size := min(possible, most)
	dst = room(dst, size)
	at := len(dst)
	out, err := d.DecodeAll(src, dst[at:at:at+size])
	switch {
	case err == nil:
		return append(dst, out...), nil // onto itself: out lies there already
	case possible > most:
		return dst, ErrTooLarge // or corrupt: the decoder cannot tell when room is short
	default:
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
}

// zstdPossible walks over the frames and their blocks and tells the most bytes that they can
// become. A block is a header of three little-endian bytes (last, two bits of type, 21 bits
// of size) and its data:
//
//	type  becomes          takes
//	0     size, as it is   size
//	1     size, a run      1
//	2     at most 128 KiB  size
func zstdPossible(src []byte) (int, error) {
	total := 0
	for len(src) > 0 {
		var h zstd.Header
		if err := h.Decode(src); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		src = src[h.HeaderSize:]
		if h.Skippable {
			if uint64(h.SkippableSize) > uint64(len(src)) {
				return 0, zstdCut()
			}
			src = src[h.SkippableSize:]
			continue
		}
		possible, rest, err := zstdBlocks(src, &h)
		if err != nil {
			return 0, err
		}
		if h.HasFCS && h.FrameContentSize > uint64(possible) {
			return 0, fmt.Errorf("%w: zstd frame claims more than its blocks hold", ErrCorrupt)
		}
		if h.HasFCS {
			possible = int(h.FrameContentSize)
		}
		total += possible
		src = rest
	}
	return total, nil
}

// zstdBlocks walks over the blocks of one frame and returns what follows them.
func zstdBlocks(src []byte, h *zstd.Header) (possible int, rest []byte, err error) {
	const blockHeader, checksum, largest = 3, 4, 128 << 10
	for last := false; !last; {
		if len(src) < blockHeader {
			return 0, nil, zstdCut()
		}
		head := int(src[0]) | int(src[1])<<8 | int(src[2])<<16
		src = src[blockHeader:]
		last = head&1 != 0
		becomes, takes := head>>3, head>>3
		switch head >> 1 & 3 {
		case 1:
			takes = 1
		case 2:
			becomes = largest
		}
		if takes > len(src) {
			return 0, nil, zstdCut()
		}
		possible += min(becomes, largest)
		src = src[takes:]
	}
	if h.HasCheckSum {
		if len(src) < checksum {
			return 0, nil, zstdCut()
		}
		src = src[checksum:]
	}
	return possible, src, nil
}

func zstdCut() error { return fmt.Errorf("%w: zstd frame cut short", ErrCorrupt) }

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
			zstd.WithZeroFrames(true),
			zstd.WithLowerEncoderMem(true))
		if err != nil {
			return dst, err
		}
	}
	defer pool.Put(e)
	return e.EncodeAll(src, dst), nil
}
