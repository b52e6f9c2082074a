package compress

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
)

// Java's producers frame snappy the way the xerial library does, others send one raw block:
//
//	82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | version i32 = 1 | compatible i32 = 1
//	block length i32 | raw snappy block
//	...
//
// Streams may be joined: the header may come again where a block length is expected.
const (
	xerialMagic      = "\x82SNAPPY\x00"
	xerialHeaderSize = len(xerialMagic) + 8
	xerialBlock      = 32 << 10 // what one block holds before compression, as Java's writer does

	// snappyRatio bounds what a raw block can become: its densest element, a copy of 64
	// bytes, takes 3. A block that claims more is lying and gets no memory.
	snappyRatio = 22
)

var xerialVersion = [8]byte{3: 1, 7: 1}

func inflateSnappy(dst, src []byte, most int) ([]byte, error) {
	end := len(dst) + most
	if !isXerial(src) {
		return inflateSnappyBlock(dst, src, end)
	}
	for len(src) > 0 {
		if isXerial(src) {
			src = src[xerialHeaderSize:]
			continue
		}
		if len(src) < 4 {
			return dst, fmt.Errorf("%w: snappy block length cut short", ErrCorrupt)
		}
		n := int(int32(binary.BigEndian.Uint32(src)))
		src = src[4:]
		if n < 0 || n > len(src) {
			return dst, fmt.Errorf("%w: snappy block of %d bytes where %d are left", ErrCorrupt, n, len(src))
		}
		var err error
		if dst, err = inflateSnappyBlock(dst, src[:n], end); err != nil {
			return dst, err
		}
		src = src[n:]
	}
	return dst, nil
}

func isXerial(src []byte) bool {
	return len(src) >= xerialHeaderSize && string(src[:len(xerialMagic)]) == xerialMagic
}

// inflateSnappyBlock appends one raw block; dst may not grow beyond end. The strict decoder
// is used because readers of the stored batch refuse the extensions that the fast one takes.
func inflateSnappyBlock(dst, src []byte, end int) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if n > snappyRatio*len(src) {
		return dst, fmt.Errorf("%w: snappy block of %d bytes claims %d", ErrCorrupt, len(src), n)
	}
	if n > end-len(dst) {
		return dst, ErrTooLarge
	}
	dst = room(dst, n)
	at := len(dst)
	if _, err := snappy.DecodeStrict(dst[at:at:at+n], src); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return dst[:at+n], nil
}

// room makes room for n bytes more, growing in steps so that many small blocks stay cheap.
func room(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	bigger := make([]byte, len(dst), max(len(dst)+n, 2*cap(dst)))
	copy(bigger, dst)
	return bigger
}

// deflateSnappy writes xerial blocks, as Java's producers do; snappy has no levels.
func deflateSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialMagic...)
	dst = append(dst, xerialVersion[:]...)
	for len(src) > 0 {
		part := src[:min(len(src), xerialBlock)]
		src = src[len(part):]
		at := len(dst)
		dst = room(dst, 4+s2.MaxEncodedLen(len(part)))
		block := s2.EncodeSnappy(dst[at+4:at+4:cap(dst)], part)
		binary.BigEndian.PutUint32(dst[at:at+4], uint32(len(block)))
		dst = dst[:at+4+len(block)]
	}
	return dst
}
