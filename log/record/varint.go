package record

import "encoding/binary"

// The most bytes that zig-zag varints of 32 and 64 bits take.
const (
	maxVarint  = 5
	maxVarlong = 10
)

// varint reads a 32-bit zig-zag varint; n is how many bytes it took, 0 when it is cut short
// or longer than a 32-bit one can be. As in Java, bits beyond the 32nd are dropped.
func varint(b []byte) (v int32, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int32(b[0]>>1) ^ -int32(b[0]&1), 1
	}
	u, n := uvarint(b, maxVarint)
	return int32(uint32(u)>>1) ^ -int32(u&1), n
}

// varlong reads a 64-bit zig-zag varint, like varint.
func varlong(b []byte) (v int64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	u, n := uvarint(b, maxVarlong)
	return int64(u>>1) ^ -int64(u&1), n
}

func uvarint(b []byte, most int) (u uint64, n int) {
	for i, c := range b[:min(len(b), most)] {
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return u, i + 1
		}
	}
	return 0, 0
}

func appendVarint(dst []byte, v int) []byte    { return binary.AppendVarint(dst, int64(v)) }
func appendVarlong(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

// sizeVarint tells how many bytes appendVarint takes.
func sizeVarint(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
