package fetcher

import "encoding/binary"

// reader reads the primitives of an answer. After the first thing that cannot be
// read everything reads as zero, and bad is set.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) fail() {
	r.bad, r.rest = true, nil
}

// take returns the next n bytes; nil when there are not so many.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// uvarint reads a number of at most 32 bits.
func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > 1<<32-1 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// bytes reads a string or bytes; null is nil.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	return r.take(n - 1)
}

// array reads the length of an array whose elements take at least so many bytes;
// null is 0.
func (r *reader) array(least uint64) uint64 {
	n := r.uvarint()
	if n == 0 {
		return 0
	}
	if (n-1)*least > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return n - 1
}

// tags reads tagged fields. Of a row the first is where the logs diverge.
func (r *reader) tags(w *row) {
	n := r.uvarint()
	if 2*n > uint64(len(r.rest)) {
		r.fail()
	}
	for ; n > 0 && !r.bad; n-- {
		tag := r.uvarint()
		b := r.take(r.uvarint())
		if tag == 0 && w != nil && !r.bad && !w.diverge(b) {
			r.fail()
		}
	}
}
