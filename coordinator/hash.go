package coordinator

import "unicode/utf8"

// partitionFor is Kafka's choice: the absolute value of Java's string hash, modulo the number
// of partitions. The absolute value of the least integer, which has none, is 0.
func partitionFor(id string, partitions int32) int32 {
	if partitions <= 0 {
		return 0
	}
	h := javaHash(id)
	if h == -1<<31 {
		return 0
	}
	return max(h, -h) % partitions
}

// javaHash is String.hashCode: 31·h + c over the UTF-16 units.
func javaHash(s string) int32 {
	var h int32
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			h = 31*h + int32(c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r < 0x10000 {
			h = 31*h + r
			continue
		}
		r -= 0x10000
		h = 31*h + (0xd800 + r>>10)
		h = 31*h + (0xdc00 + r&0x3ff)
	}
	return h
}
