package compress

import (
	"encoding/binary"
	"math/bits"
)

// The primes of the XXH32 specification.
const (
	xxhPrime1 uint32 = 2654435761
	xxhPrime2 uint32 = 2246822519
	xxhPrime3 uint32 = 3266489917
	xxhPrime4 uint32 = 668265263
	xxhPrime5 uint32 = 374761393
)

// xxh32 is the 32-bit xxHash of b with seed 0, the checksum of LZ4 frames.
func xxh32(b []byte) uint32 {
	h := xxhPrime5
	n := uint32(len(b))
	if len(b) >= 16 {
		h, b = xxh32Stripes(b)
	}
	h += n
	for ; len(b) >= 4; b = b[4:] {
		h += binary.LittleEndian.Uint32(b) * xxhPrime3
		h = bits.RotateLeft32(h, 17) * xxhPrime4
	}
	for _, c := range b {
		h += uint32(c) * xxhPrime5
		h = bits.RotateLeft32(h, 11) * xxhPrime1
	}
	h = (h ^ h>>15) * xxhPrime2
	h = (h ^ h>>13) * xxhPrime3
	return h ^ h>>16
}

// xxh32Stripes folds the whole 16-byte stripes of b and returns what is left of it.
func xxh32Stripes(b []byte) (uint32, []byte) {
	var seed uint32 // a variable, so that the sums below wrap
	v1, v2, v3, v4 := seed+xxhPrime1+xxhPrime2, seed+xxhPrime2, seed, seed-xxhPrime1
	for ; len(b) >= 16; b = b[16:] {
		v1 = xxhRound(v1, binary.LittleEndian.Uint32(b))
		v2 = xxhRound(v2, binary.LittleEndian.Uint32(b[4:]))
		v3 = xxhRound(v3, binary.LittleEndian.Uint32(b[8:]))
		v4 = xxhRound(v4, binary.LittleEndian.Uint32(b[12:]))
	}
	h := bits.RotateLeft32(v1, 1) + bits.RotateLeft32(v2, 7) + bits.RotateLeft32(v3, 12) + bits.RotateLeft32(v4, 18)
	return h, b
}

func xxhRound(v, input uint32) uint32 {
	return bits.RotateLeft32(v+input*xxhPrime2, 13) * xxhPrime1
}
