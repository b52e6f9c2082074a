package entry

import "encoding/binary"

// reader takes primitives off src. After the first error everything reads as zero.
type reader struct {
	src      []byte
	flexible bool
	err      error
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.src) {
		r.err = ErrCorrupt
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

func (r *reader) int16() int16 {
	b := r.take(2)
	if b == nil {
		return 0
	}
	return int16(binary.BigEndian.Uint16(b))
}

func (r *reader) int32() int32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(b))
}

func (r *reader) int64() int64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func (r *reader) uvarint() int {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.src)
	if n <= 0 || v > 1<<31-1 {
		r.err = ErrCorrupt
		return 0
	}
	r.src = r.src[n:]
	return int(v)
}

// text is a string that may not be null, as a view.
func (r *reader) text() []byte {
	n := r.length16()
	if n < 0 && r.err == nil {
		r.err = ErrCorrupt
	}
	return r.take(n)
}

func (r *reader) nullable() *string {
	n := r.length16()
	if n == -1 {
		return nil
	}
	s := string(r.take(n))
	return &s
}

func (r *reader) length16() int {
	if r.flexible {
		return r.uvarint() - 1
	}
	return int(r.int16())
}

func (r *reader) length32() int {
	if r.flexible {
		return r.uvarint() - 1
	}
	return int(r.int32())
}

// bytes is a byte string as a view; null reads as empty.
func (r *reader) bytes() []byte {
	n := r.length32()
	if n == -1 {
		return nil
	}
	return r.take(n)
}

// array is how many elements of at least the given size follow.
func (r *reader) array(least int) int {
	n := r.length32()
	if r.err != nil || n <= 0 {
		return 0
	}
	if n > len(r.src)/least {
		r.err = ErrCorrupt
		return 0
	}
	return n
}

// tags skips the tagged fields that end a struct of the flexible encoding.
func (r *reader) tags() {
	if !r.flexible {
		return
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		r.uvarint()
		r.take(r.uvarint())
	}
}

func appendInt16(dst []byte, v int16) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v)) }
func appendInt32(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }
func appendInt64(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

func appendText(dst []byte, s string) []byte { return append(appendInt16(dst, int16(len(s))), s...) }

func appendNullable(dst []byte, s *string) []byte {
	if s == nil {
		return appendInt16(dst, -1)
	}
	return appendText(dst, *s)
}

func appendBytes(dst, b []byte) []byte { return append(appendInt32(dst, int32(len(b))), b...) }
