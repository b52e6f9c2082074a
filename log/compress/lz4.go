package compress

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// An LZ4 frame, little-endian, as Kafka's clients write it:
//
//	magic 0x184D2204 | FLG u8 | BD u8 | [content size u64] | HC u8
//	block: size u32, top bit set when stored as is | data | [XXH32 of data]
//	...
//	end: u32 0 | [XXH32 of all content]
//
//	FLG: version 01 (bits 7-6), blocks independent (5), block checksums (4),
//	     content size (3), content checksum (2), reserved (1), dictionary (0)
//	BD:  largest block, bits 6-4: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
//	HC:  second byte of XXH32(FLG..content size); for magic 0 of XXH32(magic..content size)
//
// The frame is taken apart here and each block decoded straight into the caller's buffer,
// which is several times faster than a Reader. Java's consumers read neither linked blocks
// nor a second frame, so neither is accepted. The content checksum is not looked at, as in
// Kafka: the CRC-32C of the batch covers the same bytes and costs a tenth.
const (
	lz4Magic       = 0x184D2204
	lz4StoredBlock = 1 << 31
	lz4Ratio       = 255 // the most that a byte of a block can become
	lz4Guess       = 4   // what a byte of a block is first thought to become

	flgVersionMask     = 0xC0
	flgVersion         = 0x40
	flgIndependent     = 0x20
	flgBlockChecksum   = 0x10
	flgContentSize     = 0x08
	flgContentChecksum = 0x04
	flgReserved        = 0x02
	flgDictionary      = 0x01
	bdReserved         = 0x8F
	bdBlock64K         = 4

	lz4WriteBlock    = 64 << 10 // what leat writes, as Java's producers do
	lz4DefaultLevel  = 9        // stands for the fast compressor, as in Kafka
	lz4MaxLevel      = 17
	lz4HighestEffort = 9 // the most that the library knows
)

// lz4Frame is what a frame's header says.
type lz4Frame struct {
	largest         int  // bytes of a block when inflated
	size            int  // content size, -1 when not told
	blockChecksum   bool // each block is followed by four bytes
	contentChecksum bool // the end mark is followed by four bytes
}

func inflateLZ4(dst, src []byte, l Limits) ([]byte, error) {
	f, src, err := parseLZ4(src, l.LegacyLZ4)
	if err != nil {
		return dst, err
	}
	if f.size > l.Max {
		return dst, ErrTooLarge
	}
	start, end := len(dst), len(dst)+l.Max
	for {
		if len(src) < 4 {
			return dst, lz4Corrupt("frame without an end mark")
		}
		head := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if head == 0 {
			break
		}
		block, rest, err := f.next(head, src)
		if err != nil {
			return dst, err
		}
		if dst, err = f.inflate(dst, block, head&lz4StoredBlock != 0, end); err != nil {
			return dst, err
		}
		src = rest
	}
	return dst, f.close(src, len(dst)-start)
}

// parseLZ4 reads the header of the frame and returns what follows it.
func parseLZ4(src []byte, legacy bool) (f lz4Frame, rest []byte, err error) {
	if len(src) < 7 || binary.LittleEndian.Uint32(src) != lz4Magic {
		return f, nil, lz4Corrupt("no frame")
	}
	flg, bd, end := src[4], src[5], 6
	switch {
	case flg&flgVersionMask != flgVersion || flg&flgReserved != 0 || bd&bdReserved != 0 || bd>>4 < bdBlock64K:
		return f, nil, lz4Corrupt("frame header of an unknown form")
	case flg&flgIndependent == 0:
		return f, nil, lz4Corrupt("blocks of the frame are linked, which Kafka's readers refuse")
	case flg&flgDictionary != 0:
		return f, nil, lz4Corrupt("frame needs a dictionary")
	}
	f = lz4Frame{
		largest:         1 << (8 + 2*(bd>>4)),
		size:            -1,
		blockChecksum:   flg&flgBlockChecksum != 0,
		contentChecksum: flg&flgContentChecksum != 0,
	}
	if flg&flgContentSize != 0 {
		if len(src) < 15 {
			return f, nil, lz4Corrupt("frame header cut short")
		}
		size := binary.LittleEndian.Uint64(src[6:])
		if size > lz4Ratio*uint64(len(src)) {
			return f, nil, lz4Corrupt("content size beyond what the frame can hold")
		}
		f.size, end = int(size), 14
	}
	if !legacy && src[end] != byte(xxh32(src[4:end])>>8) {
		return f, nil, lz4Corrupt("header checksum is wrong")
	}
	return f, src[end+1:], nil
}

// next takes one block and its checksum off src.
func (f *lz4Frame) next(head uint32, src []byte) (block, rest []byte, err error) {
	n := int(head &^ lz4StoredBlock)
	if n > f.largest || n > len(src) {
		return nil, nil, lz4Corrupt("block longer than the frame")
	}
	block, rest = src[:n], src[n:]
	if !f.blockChecksum {
		return block, rest, nil
	}
	if len(rest) < 4 || binary.LittleEndian.Uint32(rest) != xxh32(block) {
		return nil, nil, lz4Corrupt("block checksum is wrong")
	}
	return block, rest[4:], nil
}

// inflate appends one block; dst may not grow beyond end. The library does not tell a block
// that is corrupt from one that needs more room, so room grows until no block could need more.
func (f *lz4Frame) inflate(dst, block []byte, stored bool, end int) ([]byte, error) {
	if stored {
		if len(block) > end-len(dst) {
			return dst, ErrTooLarge
		}
		return append(dst, block...), nil
	}
	possible := min(f.largest, lz4Ratio*len(block))
	most := min(possible, end-len(dst))
	size := min(max(lz4Guess*len(block), cap(dst)-len(dst)), most)
	for {
		dst = room(dst, size)
		at := len(dst)
		n, err := lz4.UncompressBlock(block, dst[at:at+size])
		switch {
		case err == nil:
			return dst[:at+n], nil
		case size == possible:
			return dst, lz4Corrupt("block does not decode")
		case size == most:
			return dst, ErrTooLarge
		}
		size = min(lz4Guess*size, most)
	}
}

// close checks what follows the end mark.
func (f *lz4Frame) close(rest []byte, inflated int) error {
	trailer := 0
	if f.contentChecksum {
		trailer = 4
	}
	if len(rest) != trailer {
		return lz4Corrupt("frame does not end where the data does")
	}
	if f.size >= 0 && f.size != inflated {
		return lz4Corrupt("content size is wrong")
	}
	return nil
}

func lz4Corrupt(what string) error { return fmt.Errorf("%w: lz4 %s", ErrCorrupt, what) }

var (
	lz4Fast = sync.Pool{New: func() any { return new(lz4.Compressor) }}
	lz4High = sync.Pool{New: func() any { return new(lz4.CompressorHC) }}
)

// deflateLZ4 writes one frame of 64 KiB blocks without checksums.
func deflateLZ4(dst, src []byte, level int, legacy bool) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, lz4Magic)
	dst = append(dst, flgVersion|flgIndependent, bdBlock64K<<4)
	covered := dst[at+4:]
	if legacy {
		covered = dst[at:]
	}
	dst = append(dst, byte(xxh32(covered)>>8))
	for len(src) > 0 {
		part := src[:min(len(src), lz4WriteBlock)]
		src = src[len(part):]
		dst = appendLZ4Block(dst, part, level)
	}
	return append(dst, 0, 0, 0, 0)
}

func appendLZ4Block(dst, part []byte, level int) []byte {
	at := len(dst)
	dst = room(dst, 4+lz4.CompressBlockBound(len(part)))
	n := compressLZ4(part, dst[at+4:cap(dst)], level)
	head := uint32(n)
	if n == 0 || n >= len(part) {
		n = copy(dst[at+4:cap(dst)], part)
		head = uint32(n) | lz4StoredBlock
	}
	dst = dst[:at+4+n]
	binary.LittleEndian.PutUint32(dst[at:], head)
	return dst
}

// compressLZ4 compresses one block; 0 means that it cannot be made smaller. Kafka's level 9,
// its default, is the fast compressor and every other one the high compressor.
func compressLZ4(part, dst []byte, level int) int {
	var n int
	var err error
	if level == DefaultLevel || level == lz4DefaultLevel {
		c := lz4Fast.Get().(*lz4.Compressor)
		n, err = c.CompressBlock(part, dst)
		lz4Fast.Put(c)
	} else {
		c := lz4High.Get().(*lz4.CompressorHC)
		c.Level = lz4Effort(level)
		n, err = c.CompressBlock(part, dst)
		lz4High.Put(c)
	}
	if err != nil {
		return 0
	}
	return n
}

// lz4Effort gives the library's search depth for Kafka's level.
func lz4Effort(level int) lz4.CompressionLevel {
	level = min(max(level, 1), lz4MaxLevel, lz4HighestEffort)
	return lz4.Level1 << (level - 1)
}
