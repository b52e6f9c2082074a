package api

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
)

// elementsIn is how many elements the arrays may have together of a body that is
// read in place: more than any client needs, or one for each so many bytes,
// whichever is more. An element takes about a hundred bytes in memory.
func elementsIn(body []byte) int { return max(250_000, len(body)/16) }

// reader reads the primitives of a Produce or Fetch body. After the first thing
// that cannot be read everything reads as zero, and err says what was wrong.
// What it gives points into the body.
type reader struct {
	rest     []byte
	flexible bool
	elements int // that arrays may still have
	err      error
}

// fail notes the first error and ends the reading.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

// take returns the next n bytes, nil when there are not so many.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.fail(fmt.Errorf("%w: %d bytes wanted, %d left", ErrMalformed, n, len(r.rest)))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uuid() (id topic.ID) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) uvarint() int {
	n, size := readUvarint(r.rest)
	if size == 0 {
		r.fail(fmt.Errorf("%w: bad varint", ErrMalformed))
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// length reads the length of a string (wide false) or of bytes or an array;
// below 0 is null.
func (r *reader) length(wide bool) int {
	switch {
	case r.flexible:
		return r.uvarint() - 1
	case wide:
		return int(r.int32())
	}
	return int(r.int16())
}

// str reads a string that may not be null.
func (r *reader) str() []byte { return r.take(r.length(false)) }

// nullable reads a string or bytes that may be null: then it is nil.
func (r *reader) nullable(wide bool) []byte {
	n := r.length(wide)
	if n < 0 {
		return nil
	}
	return r.take(n)
}

// array reads the length of an array that may not be null.
func (r *reader) array() int {
	n := r.length(true)
	if n < 0 || n > len(r.rest) {
		r.fail(fmt.Errorf("%w: %d elements in %d bytes", ErrMalformed, n, len(r.rest)))
		return 0
	}
	if r.elements -= n; r.elements < 0 {
		r.fail(ErrTooMany)
		return 0
	}
	return n
}

// tags reads tagged fields, giving each to use, which may be nil.
func (r *reader) tags(use func(tag int, b []byte)) {
	if !r.flexible {
		return
	}
	last := -1
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		tag := r.uvarint()
		if tag <= last {
			r.fail(fmt.Errorf("%w: tagged fields out of order", ErrMalformed))
			return
		}
		last = tag
		b := r.take(r.uvarint())
		if use != nil && r.err == nil {
			use(tag, b)
		}
	}
}

// writer appends the primitives of an answer.
type writer struct {
	buf      []byte
	flexible bool
}

func (w *writer) int8(n int8)   { w.buf = append(w.buf, byte(n)) }
func (w *writer) int16(n int16) { w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(n)) }
func (w *writer) int32(n int32) { w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(n)) }
func (w *writer) int64(n int64) { w.buf = binary.BigEndian.AppendUint64(w.buf, uint64(n)) }

func (w *writer) bool(yes bool) {
	if yes {
		w.int8(1)
		return
	}
	w.int8(0)
}

func (w *writer) uuid(id topic.ID) { w.buf = append(w.buf, id[:]...) }

func (w *writer) uvarint(n int) { w.buf = binary.AppendUvarint(w.buf, uint64(n)) }

// length writes the length of a string (wide false) or of bytes or an array.
func (w *writer) length(n int, wide bool) {
	switch {
	case w.flexible:
		w.uvarint(n + 1)
	case wide:
		w.int32(int32(n))
	default:
		w.int16(int16(n))
	}
}

// null is the length of a null; see length.
func (w *writer) null(wide bool) { w.length(-1, wide) }

func (w *writer) array(n int) { w.length(n, true) }

func (w *writer) str(s string) {
	w.length(len(s), false)
	w.buf = append(w.buf, s...)
}

func (w *writer) name(s []byte) {
	w.length(len(s), false)
	w.buf = append(w.buf, s...)
}

// nullable writes a string of which nil is null.
func (w *writer) nullable(s *string) {
	if s == nil {
		w.null(false)
		return
	}
	w.str(*s)
}

// noTags writes an empty section of tagged fields, where the version has any.
func (w *writer) noTags() {
	if w.flexible {
		w.buf = append(w.buf, 0)
	}
}

// hint says who leads a partition, to a client that asked somebody else
// (KIP-951). The zero hint says nothing.
type hint struct {
	known bool
	id    int32
	epoch int32
}

// tag writes the hint as tagged field number n: tag, size, leader, epoch, and
// the struct's own empty section of tagged fields.
func (h hint) tag(w *writer, n int) {
	w.uvarint(n)
	w.uvarint(9)
	w.int32(h.id)
	w.int32(h.epoch)
	w.noTags()
}

// endpoints writes the one section of tagged fields at the end of an answer:
// where the brokers that hints name are reached.
func endpoints(w *writer, nodes []endpoint) {
	if len(nodes) == 0 {
		w.noTags()
		return
	}
	w.uvarint(1) // one tagged field
	w.uvarint(0) // its number
	size := uvarintLen(len(nodes) + 1)
	for i := range nodes {
		size += nodes[i].size()
	}
	w.uvarint(size)
	w.array(len(nodes))
	for i := range nodes {
		n := &nodes[i]
		w.int32(n.id)
		w.str(n.host)
		w.int32(n.port)
		w.nullable(n.rack)
		w.noTags()
	}
}

// endpoint is where a broker is reached by the listener that a client uses.
type endpoint struct {
	id   int32
	host string
	port int32
	rack *string
}

// size is the length of the endpoint on the wire.
func (n *endpoint) size() int {
	size := 4 + uvarintLen(len(n.host)+1) + len(n.host) + 4 + 1 + 1
	if n.rack != nil {
		size += uvarintLen(len(*n.rack)+1) + len(*n.rack) - 1
	}
	return size
}

func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// flexibleFrom is the first flexible version of the two requests with codecs
// of their own.
func flexibleFrom(key kmsg.Key) int16 {
	if key == kmsg.Produce {
		return 9
	}
	return 12
}
