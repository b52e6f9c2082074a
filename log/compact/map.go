package compact

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// slotSize is what a key takes in memory, as in Kafka: 16 bytes of hash and an offset.
const slotSize = 24

// slot is one key. The hash is of SHA-256, so that nobody can make two keys that collide
// and have one of them removed.
type slot struct {
	hash [16]byte
	next int64 // the key's last offset plus 1; 0 when the slot is free
}

// offsetMap holds the last offset of each key of the dirty part, as far as they fit: open
// addressing with linear probing, nothing is ever removed.
type offsetMap struct {
	slots []slot
	used  int // slots taken
	most  int // slots that may be
	// latest is the last offset that the map knows about: records behind it are not
	// judged by it.
	latest int64
}

// newOffsetMap returns a map for the given number of keys, or for fewer when those do not
// fit; at least one always does. Nothing below first is known to it.
func newOffsetMap(l Limits, keys, first int64) *offsetMap {
	load := min(max(l.LoadFactor, 0.01), 0.99)
	n := max(int64(l.MapBytes/slotSize), 2)
	if need := float64(keys)/load + 2; need < float64(n) {
		n = int64(need)
	}
	return &offsetMap{slots: make([]slot, n), most: max(int(float64(n)*load), 1), latest: first - 1}
}

// put notes that a key has an offset, higher than any before. It returns false when the key
// is new and the map is full.
func (m *offsetMap) put(key []byte, offset int64) bool {
	s := m.find(key)
	if s.next == 0 {
		if m.used >= m.most {
			return false
		}
		m.used++
		sum := sha256.Sum256(key)
		copy(s.hash[:], sum[:])
	}
	s.next = offset + 1
	m.latest = offset
	return true
}

// get returns the last offset of a key, -1 when the map has none.
func (m *offsetMap) get(key []byte) int64 { return m.find(key).next - 1 }

// find returns the slot of a key, or the free one where it belongs: there always is one.
func (m *offsetMap) find(key []byte) *slot {
	sum := sha256.Sum256(key)
	hash := [16]byte(sum[:16])
	at, _ := bits.Mul64(binary.BigEndian.Uint64(hash[:]), uint64(len(m.slots)))
	for ; ; at++ {
		s := &m.slots[at%uint64(len(m.slots))]
		if s.next == 0 || s.hash == hash {
			return s
		}
	}
}
