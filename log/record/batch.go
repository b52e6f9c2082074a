package record

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/leatmq/leat/log/compress"
)

// The layout of a batch, in bytes.
const (
	// HeaderSize is the size of a batch without records.
	HeaderSize = 61
	// Overhead is what stands before the part that the length field counts.
	Overhead = 12
	// PrefixSize is how much of an entry must be there to know its size and magic.
	PrefixSize = 17

	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atBaseTimestamp   = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57
)

// Attributes are the bits of a batch's attributes.
type Attributes int16

// The bits of Attributes above the codec's three.
const (
	CodecMask     Attributes = 0x07
	AppendTime    Attributes = 1 << 3 // timestamps are the broker's, at the append
	Transactional Attributes = 1 << 4
	Control       Attributes = 1 << 5 // the records are markers, not data
	DeleteHorizon Attributes = 1 << 6 // the base timestamp says when tombstones may go
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is exactly one entry of a log as a view over its bytes: a record batch (magic 2), or
// an old message (magic 0 or 1), which may wrap a whole compressed set. What an old message
// does not have reads as absent: no producer, not transactional, no control. Setters are for
// magic 2 only. A Batch comes from Next, so every header field is there.
type Batch []byte

// Size is the entry's size in bytes, all of it.
func (b Batch) Size() int { return len(b) }

// Magic is the format: 0, 1 or 2.
func (b Batch) Magic() int8 { return int8(b[atMagic]) }

// Legacy tells an old message from a record batch.
func (b Batch) Legacy() bool { return b.Magic() < 2 }

// BaseOffset is the offset of the first record, also when compaction has removed it. For an
// old message it is the last one's, as nothing else is known without inflating.
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b)) }

// SetBaseOffset moves the batch to an offset. The CRC stays right.
func (b Batch) SetBaseOffset(o int64) { binary.BigEndian.PutUint64(b, uint64(o)) }

// LastOffset is the offset of the last record, also when compaction has removed it.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the offset behind the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// LastOffsetDelta is LastOffset less BaseOffset.
func (b Batch) LastOffsetDelta() int32 {
	if b.Legacy() {
		return 0
	}
	return int32(binary.BigEndian.Uint32(b[atLastOffsetDelta:]))
}

// LeaderEpoch is the epoch of the leader that appended the batch, -1 when unknown.
func (b Batch) LeaderEpoch() int32 {
	if b.Legacy() {
		return -1
	}
	return int32(binary.BigEndian.Uint32(b[atLeaderEpoch:]))
}

// SetLeaderEpoch stamps the leader's epoch. The CRC stays right.
func (b Batch) SetLeaderEpoch(e int32) { binary.BigEndian.PutUint32(b[atLeaderEpoch:], uint32(e)) }

// CRC is the checksum that the batch carries.
func (b Batch) CRC() uint32 {
	if b.Legacy() {
		return binary.BigEndian.Uint32(b[atLegacyCRC:])
	}
	return binary.BigEndian.Uint32(b[atCRC:])
}

// CheckCRC tells whether the batch is as it was written.
func (b Batch) CheckCRC() bool {
	if b.Legacy() {
		return crc32.ChecksumIEEE(b[atMagic:]) == b.CRC()
	}
	return crc32.Checksum(b[atAttributes:], castagnoli) == b.CRC()
}

// UpdateCRC makes the CRC right after a change under it.
func (b Batch) UpdateCRC() {
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
}

// Attributes are all attribute bits.
func (b Batch) Attributes() Attributes {
	if b.Legacy() {
		return Attributes(b[atLegacyAttributes]) & (CodecMask | AppendTime)
	}
	return Attributes(binary.BigEndian.Uint16(b[atAttributes:]))
}

// SetAttributes changes the attribute bits; UpdateCRC must follow.
func (b Batch) SetAttributes(a Attributes) { binary.BigEndian.PutUint16(b[atAttributes:], uint16(a)) }

// Codec is what the records are compressed with; it need not be a known one.
func (b Batch) Codec() compress.Codec { return compress.Codec(b.Attributes() & CodecMask) }

// AppendTime tells that the records' timestamps are the broker's, all MaxTimestamp.
func (b Batch) AppendTime() bool { return b.Magic() > 0 && b.Attributes()&AppendTime != 0 }

// Transactional tells that the batch belongs to a transaction.
func (b Batch) Transactional() bool { return b.Attributes()&Transactional != 0 }

// Control tells that the batch holds a control record instead of data.
func (b Batch) Control() bool { return b.Attributes()&Control != 0 }

// DeleteHorizon is when compaction may remove the batch's tombstones, in milliseconds since
// 1970; false when no horizon is set.
func (b Batch) DeleteHorizon() (int64, bool) {
	if b.Attributes()&DeleteHorizon == 0 {
		return 0, false
	}
	return b.BaseTimestamp(), true
}

// BaseTimestamp is what the records' timestamp deltas count from.
func (b Batch) BaseTimestamp() int64 {
	if b.Legacy() {
		return b.legacyTimestamp()
	}
	return int64(binary.BigEndian.Uint64(b[atBaseTimestamp:]))
}

// MaxTimestamp is the largest timestamp of the batch, -1 when there is none. In an old
// wrapper it is what its writer said.
func (b Batch) MaxTimestamp() int64 {
	if b.Legacy() {
		return b.legacyTimestamp()
	}
	return int64(binary.BigEndian.Uint64(b[atMaxTimestamp:]))
}

// SetMaxTimestamp changes the largest timestamp; UpdateCRC must follow.
func (b Batch) SetMaxTimestamp(ts int64) { binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(ts)) }

// HasProducer tells that an idempotent or transactional producer wrote the batch.
func (b Batch) HasProducer() bool { return b.ProducerID() >= 0 }

// ProducerID is the producer's id, -1 when it has none.
func (b Batch) ProducerID() int64 {
	if b.Legacy() {
		return -1
	}
	return int64(binary.BigEndian.Uint64(b[atProducerID:]))
}

// ProducerEpoch is the producer's epoch, -1 when it has none.
func (b Batch) ProducerEpoch() int16 {
	if b.Legacy() {
		return -1
	}
	return int16(binary.BigEndian.Uint16(b[atProducerEpoch:]))
}

// BaseSequence is the first record's sequence number, -1 when it has none.
func (b Batch) BaseSequence() int32 {
	if b.Legacy() {
		return -1
	}
	return int32(binary.BigEndian.Uint32(b[atBaseSequence:]))
}

// LastSequence is the last record's sequence number, -1 when it has none. After 2147483647
// comes 0.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base < 0 {
		return -1
	}
	return int32((int64(base) + int64(b.LastOffsetDelta())) & 0x7fffffff)
}

// Count is how many records the batch says it holds. For an old message it is 1, whatever it
// wraps.
func (b Batch) Count() int32 {
	if b.Legacy() {
		return 1
	}
	return int32(binary.BigEndian.Uint32(b[atCount:]))
}

// payload is what the records are in: for an old message its value.
func (b Batch) payload() []byte { return b[HeaderSize:] }
