package record

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/leatmq/leat/log/compress"
)

// Down says what an old consumer can read.
type Down struct {
	// Magic is the newest format it knows: 0 for Fetch 0 and 1, 1 for Fetch 2 and 3.
	Magic int8
	// From is the offset that it asked for; plain records before it are left out.
	// Compressed ones are not, as old consumers pass over them themselves.
	From int64
	// MaxInflated bounds what one batch may inflate to, in bytes.
	MaxInflated int
}

// Downconvert appends to dst the whole batches of set as message sets that an old consumer
// reads. Batches that are old enough stay as they are; codecs and timestamp types are kept,
// headers, producers and control batches are dropped, so that the result may be empty
// although set was not: the caller then reads on behind it, since the consumer would only
// ask for the same again. A batch cut short at the end is ignored.
//
// The error is of kind ErrUnsupportedCompression for zstd, which old consumers do not know,
// else as of Iterator.
func Downconvert(dst, set []byte, d Down, s *Scratch) ([]byte, error) {
	s.Trim()
	s.it.MaxInflated = d.MaxInflated
	for len(set) > 0 {
		b, rest, err := Next(set)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
		set = rest
		if b.Magic() <= d.Magic {
			dst = append(dst, b...)
			continue
		}
		if b.Control() {
			continue
		}
		if b.Codec() == compress.Zstd {
			return dst, &Error{Kind: ErrUnsupportedCompression, Detail: "zstd cannot be converted for an old consumer"}
		}
		if dst, err = d.convert(dst, b, s); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// convert appends one batch as messages, in a wrapper when it is compressed.
func (d Down) convert(dst []byte, b Batch, s *Scratch) ([]byte, error) {
	if err := s.it.Reset(b); err != nil {
		return dst, err
	}
	if b.Codec() != compress.None {
		return s.appendWrapper(dst, b, d.Magic, func(int) bool { return true })
	}
	m := message{magic: d.Magic, attributes: b.Attributes() & AppendTime}
	for s.it.Next() {
		if r := s.it.Record(); r.Offset >= d.From {
			dst = m.append(dst, r, r.Offset)
		}
	}
	return dst, s.it.Err()
}

// message is what old messages of one set have in common.
type message struct {
	magic      int8
	attributes Attributes // codec, and with magic 1 AppendTime
}

// append encodes r as one message with an offset field.
func (m message) append(dst []byte, r *Record, offset int64) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(offset))
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0) // size and CRC, below
	attributes := m.attributes
	if m.magic == 0 {
		attributes &= CodecMask
	}
	dst = append(dst, byte(m.magic), byte(attributes))
	if m.magic > 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.Timestamp))
	}
	dst = appendOldBytes(dst, r.Key)
	dst = appendOldBytes(dst, r.Value)
	b := dst[at:]
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-Overhead))
	binary.BigEndian.PutUint32(b[atLegacyCRC:], crc32.ChecksumIEEE(b[atMagic:]))
	return dst
}

func appendOldBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0xff, 0xff, 0xff, 0xff)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
	return append(dst, b...)
}
