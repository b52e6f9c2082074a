package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/leatmq/leat/log/compress"
)

// The layout of an old message, in bytes.
const (
	atLegacyCRC        = 12
	atLegacyAttributes = 17
	atLegacyTimestamp  = 18 // magic 1
)

// legacyState is how far an Iterator is with an old message.
type legacyState struct {
	inner bool  // the message is a wrapper; data is the rest of its set
	done  bool  // the message is none, and was yielded
	base  int64 // what is added to an inner offset
}

func (b Batch) legacyTimestamp() int64 {
	if b.Magic() == 0 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(b[atLegacyTimestamp:]))
}

// keyValue gives key and value of an old message.
func (b Batch) keyValue() (key, value []byte, err error) {
	rest := b[atLegacyTimestamp:]
	if b.Magic() == 1 {
		rest = rest[8:]
	}
	if key, rest, err = readOldBytes(rest, "key"); err != nil {
		return nil, nil, err
	}
	if value, rest, err = readOldBytes(rest, "value"); err != nil {
		return nil, nil, err
	}
	if len(rest) != 0 {
		return nil, nil, invalid("message has %d bytes too many", len(rest))
	}
	return key, value, nil
}

func readOldBytes(b []byte, what string) (v, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, invalid("message's %s length is cut short", what)
	}
	n := int32(binary.BigEndian.Uint32(b))
	b = b[4:]
	if n < 0 {
		return nil, b, nil
	}
	if int(n) > len(b) {
		return nil, nil, invalid("message's %s of %d bytes where %d are left", what, n, len(b))
	}
	return b[:n:n], b[n:], nil
}

// resetLegacy inflates a wrapper and finds what its inner offsets count from.
func (it *Iterator) resetLegacy() error {
	it.old = legacyState{}
	if it.batch.Codec() == compress.None {
		return nil
	}
	if it.batch.Codec() == compress.Zstd {
		return invalid("magic %d has no zstd", it.batch.Magic())
	}
	_, value, err := it.batch.keyValue()
	if err != nil {
		return err
	}
	if value == nil {
		return invalid("compressed message has no value")
	}
	if it.payload, err = it.inflate(value, it.batch.Codec()); err != nil {
		return err
	}
	it.data = it.payload
	it.old.inner = true
	last, err := it.lastInner()
	if err != nil {
		return err
	}
	if it.batch.Magic() == 1 {
		it.old.base = it.batch.BaseOffset() - last
	}
	return nil
}

// lastInner checks the inner set's shape and gives its last offset field.
func (it *Iterator) lastInner() (last int64, err error) {
	n := 0
	for rest := it.data; len(rest) > 0; n++ {
		var m Batch
		m, rest, err = Next(rest)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break // a message cut short at the end is ignored, as everywhere in a set
		}
		if err != nil {
			return 0, err
		}
		if m.Magic() != it.batch.Magic() {
			return 0, invalid("message of magic %d inside one of magic %d", m.Magic(), it.batch.Magic())
		}
		last = m.BaseOffset()
	}
	if n == 0 {
		return 0, invalid("compressed message set is empty")
	}
	return last, nil
}

func (it *Iterator) nextLegacy() bool {
	m := it.batch
	if !it.old.inner {
		if it.old.done {
			return false
		}
		it.old.done = true
	} else if m = it.nextInner(); m == nil {
		return false
	}
	key, value, err := m.keyValue()
	if err != nil {
		it.err = err
		return false
	}
	it.rec = Record{Offset: it.old.base + m.BaseOffset(), Timestamp: m.legacyTimestamp(), Key: key, Value: value}
	if it.batch.AppendTime() {
		it.rec.Timestamp = it.batch.legacyTimestamp()
	}
	return true
}

// nextInner takes the next message off a wrapper's set, nil at its end: lastInner has seen
// that they are whole, and that only what is cut short follows.
func (it *Iterator) nextInner() Batch {
	if len(it.data) == 0 {
		return nil
	}
	m, rest, err := Next(it.data)
	if err != nil {
		return nil
	}
	it.data = rest
	return m
}
