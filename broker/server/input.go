package server

import (
	"encoding/binary"
	"fmt"
)

// input is the reading side of a connection: a piece of its stream, cut into frames
//
//	length i32, header and body of that length
//
// It holds a buffer only while a request is there in part or being handled. The
// buffer grows with what has come, fourfold at most, never by what a length
// field claims: a claim of 100 MiB without bytes costs 4 KiB.
type input struct {
	buf        *buffer // nil: nothing is held
	start, end int     // the unread bytes are buf.b[start:end]; 0, 0 without a buffer
	claimed    int64   // from the budget, for buf
	overdraws  bool    // has the budget's right to overdraw
	pace       pace
}

const lengthField = 4

// frame returns the next whole frame, without its length field, or nil. An error
// says that the length is out of bounds; the frame is then as much as has come.
func (in *input) frame(longest int) ([]byte, error) {
	if in.end-in.start < lengthField {
		return nil, nil
	}
	length := int(int32(binary.BigEndian.Uint32(in.buf.b[in.start:])))
	body := in.start + lengthField
	if length < 0 || length > longest {
		return in.buf.b[body:in.end], fmt.Errorf("length field says %d bytes where at most %d are allowed", length, longest)
	}
	if in.end-body < length {
		return nil, nil
	}
	in.start = body + length
	in.pace.framed(lengthField + length)
	return in.buf.b[body : body+length : body+length], nil
}

// partial reports whether part of a frame is there.
func (in *input) partial() bool { return in.start < in.end }

// missing returns how many bytes the first frame still needs; 0 if nothing is there.
func (in *input) missing() int {
	have := in.end - in.start
	switch {
	case have == 0:
		return 0
	case have < lengthField:
		return lengthField - have
	}
	return lengthField + int(binary.BigEndian.Uint32(in.buf.b[in.start:])) - have
}

// prepare makes room to read into behind what is there. It waits for the budget
// where the buffer must grow, until gone; then it reports false.
func (in *input) prepare(b *budget, gone <-chan struct{}) bool {
	have := in.end - in.start
	if have == 0 {
		in.start, in.end = 0, 0
		if in.buf != nil {
			// A buffer of another size is wanted: readable bytes decide which.
			if _, size := classOf(in.pace.size()); size != cap(in.buf.b) {
				in.drop(b)
			}
		}
		return true
	}
	whole := have + in.missing()
	if in.start+whole <= len(in.buf.b) {
		return true
	}
	if whole <= len(in.buf.b) || have < len(in.buf.b)/2 {
		copy(in.buf.b, in.buf.b[in.start:in.end])
		in.start, in.end = 0, have
		return true
	}
	return in.grow(min(whole, 4*len(in.buf.b)), b, gone)
}

// grow moves what is there into a buffer of at least n bytes.
func (in *input) grow(n int, b *budget, gone <-chan struct{}) bool {
	_, size := classOf(n)
	claim := int64(size)
	if in.overdraws {
		b.force(claim)
	} else {
		ok, overdraws := b.wait(claim, gone)
		if !ok {
			return false
		}
		in.overdraws = overdraws
	}
	next := takeBuffer(n)
	have := copy(next.b, in.buf.b[in.start:in.end])
	in.buf.give()
	b.give(in.claimed)
	in.buf, in.claimed = next, claim
	in.start, in.end = 0, have
	return true
}

// take gets a buffer for an empty input. It never waits: while memory is short it
// takes the smallest, which is not counted, so that small requests go on.
func (in *input) take(b *budget) {
	n := in.pace.size()
	if _, size := classOf(n); size > classSmall {
		if b.try(int64(size)) {
			in.claimed = int64(size)
		} else {
			n = classSmall
		}
	}
	in.buf = takeBuffer(n)
}

// drop gives the buffer back, with what is in it.
func (in *input) drop(b *budget) {
	if in.buf == nil {
		return
	}
	in.buf.give()
	if in.claimed > 0 {
		b.give(in.claimed)
	}
	if in.overdraws {
		b.settle()
	}
	in.buf, in.start, in.end, in.claimed, in.overdraws = nil, 0, 0, 0, false
}

// room returns where to read to next.
func (in *input) room() []byte {
	room := in.buf.b[in.end:]
	if limit := in.pace.limit(in.missing()); limit < len(room) {
		room = room[:limit]
	}
	return room
}

// filled notes that n bytes have come into the room of the given size.
func (in *input) filled(n, room int) {
	in.end += n
	in.pace.read(n, room)
}
