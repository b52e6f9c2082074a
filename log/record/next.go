package record

import (
	"encoding/binary"
	"fmt"
	"io"
)

// minSize is the least that the length field may say: what an old message without key, value
// and timestamp takes.
const minSize = 14

// Next takes one entry off buf. The error is io.ErrUnexpectedEOF when buf ends before the
// entry does (Need tells how much it takes), and of kind ErrCorrupt when no entry can begin so.
// The CRC is not checked.
func Next(buf []byte) (b Batch, rest []byte, err error) {
	n, err := Need(buf)
	if err != nil {
		return nil, buf, err
	}
	if n > len(buf) {
		return nil, buf, io.ErrUnexpectedEOF
	}
	b = Batch(buf[:n:n])
	if err := b.checkSize(); err != nil {
		return nil, buf, err
	}
	return b, buf[n:], nil
}

// Need tells the size of the entry that begins at buf, of which PrefixSize bytes must be
// there; with fewer the error is io.ErrUnexpectedEOF.
func Need(buf []byte) (int, error) {
	if len(buf) < Overhead {
		return 0, io.ErrUnexpectedEOF
	}
	size := int32(binary.BigEndian.Uint32(buf[atLength:]))
	if size < minSize {
		return 0, &Error{
			Kind:    ErrCorrupt,
			Message: fmt.Sprintf("Record size %d is less than the minimum record overhead (%d)", size, minSize),
		}
	}
	if len(buf) < PrefixSize {
		return 0, io.ErrUnexpectedEOF
	}
	if m := int8(buf[atMagic]); m < 0 || m > 2 {
		return 0, &Error{Kind: ErrCorrupt, Message: fmt.Sprintf("Invalid magic found in record: %d", m)}
	}
	return Overhead + int(size), nil
}

// checkSize tells whether a header of the entry's magic fits.
func (b Batch) checkSize() error {
	least := HeaderSize
	switch b.Magic() {
	case 0:
		least = Overhead + minSize
	case 1:
		least = Overhead + minSize + 8
	}
	if len(b) < least {
		return corrupt("entry of magic %d has %d bytes, its header takes %d", b.Magic(), len(b), least)
	}
	return nil
}
