package record

import (
	"encoding/binary"
	"math"

	"github.com/leatmq/leat/log/compress"
)

// Spec is what the header of a new batch says, apart from what follows from its records.
type Spec struct {
	BaseOffset  int64
	LeaderEpoch int32
	Codec       compress.Codec
	Level       int // as of compress.Deflate; 0 is taken for compress.DefaultLevel
	// Attributes may have AppendTime, Transactional, Control and DeleteHorizon.
	Attributes Attributes
	// AppendTimestamp is the timestamp of all records when AppendTime is set.
	AppendTimestamp int64
	// Horizon is when tombstones may go, when DeleteHorizon is set.
	Horizon int64
	// Producer is nil for a batch that is not idempotent.
	Producer *Producer
}

// Producer is who wrote a batch, for deduplication and transactions.
type Producer struct {
	ID           int64
	Epoch        int16
	BaseSequence int32
}

// Builder makes one batch after another, keeping its buffers. The zero Builder needs a Reset.
type Builder struct {
	spec       Spec
	producer   Producer // a copy, so that Spec.Producer need not stay
	records    []byte
	count      int32
	baseTime   int64
	maxTime    int64
	lastOffset int64
	err        error
}

// Reset begins a batch.
func (b *Builder) Reset(s Spec) {
	b.producer = Producer{ID: -1, Epoch: -1, BaseSequence: -1}
	if s.Producer != nil {
		b.producer = *s.Producer
	}
	s.Producer = nil
	if s.Level == 0 {
		s.Level = compress.DefaultLevel
	}
	b.spec, b.records, b.count, b.err = s, b.records[:0], 0, nil
	b.baseTime, b.maxTime, b.lastOffset = -1, -1, s.BaseOffset-1
	if s.Attributes&DeleteHorizon != 0 {
		b.baseTime = s.Horizon
	}
}

// Append adds r at the next offset, whatever r.Offset says.
func (b *Builder) Append(r *Record) { b.add(r, b.lastOffset+1) }

// AppendAt adds r at r.Offset, which must be higher than the last one.
func (b *Builder) AppendAt(r *Record) { b.add(r, r.Offset) }

func (b *Builder) add(r *Record, offset int64) {
	delta := offset - b.spec.BaseOffset
	if offset <= b.lastOffset || delta > math.MaxInt32 {
		b.err = invalid("offset %d does not fit behind %d in a batch at %d", offset, b.lastOffset, b.spec.BaseOffset)
		return
	}
	if b.count == 0 && b.spec.Attributes&DeleteHorizon == 0 {
		b.baseTime = r.Timestamp
	}
	b.records = appendRecord(b.records, r, int32(delta), r.Timestamp-b.baseTime)
	b.count++
	b.lastOffset = offset
	b.maxTime = max(b.maxTime, r.Timestamp)
}

// KeepLastOffset makes the batch end at an offset whose record is not in it any more.
func (b *Builder) KeepLastOffset(o int64) { b.lastOffset = o }

// Count is how many records were added.
func (b *Builder) Count() int { return int(b.count) }

// Size is what the batch takes without compression, in bytes.
func (b *Builder) Size() int { return HeaderSize + len(b.records) }

// Finish appends the batch to dst. The error is of kind ErrInvalidRecord when an offset did
// not fit, else the codec's.
func (b *Builder) Finish(dst []byte) ([]byte, error) {
	if b.err != nil {
		return dst, b.err
	}
	at := len(dst)
	var head [HeaderSize]byte
	dst = append(dst, head[:]...)
	dst, err := compress.Deflate(dst, b.spec.Codec, b.records, b.spec.Level)
	if err != nil {
		return dst[:at], err
	}
	if len(dst)-at-Overhead > math.MaxInt32 {
		return dst[:at], &Error{Kind: ErrTooLarge, Detail: "batch does not fit its length field"}
	}
	b.header(Batch(dst[at:]))
	return dst, nil
}

func (b *Builder) header(h Batch) {
	maxTime := b.maxTime
	if b.spec.Attributes&AppendTime != 0 {
		maxTime = b.spec.AppendTimestamp
	}
	h.SetBaseOffset(b.spec.BaseOffset)
	binary.BigEndian.PutUint32(h[atLength:], uint32(len(h)-Overhead))
	h.SetLeaderEpoch(b.spec.LeaderEpoch)
	h[atMagic] = 2
	h.SetAttributes(b.spec.Attributes&^CodecMask | Attributes(b.spec.Codec))
	binary.BigEndian.PutUint32(h[atLastOffsetDelta:], uint32(b.lastOffset-b.spec.BaseOffset))
	binary.BigEndian.PutUint64(h[atBaseTimestamp:], uint64(b.baseTime))
	h.SetMaxTimestamp(maxTime)
	binary.BigEndian.PutUint64(h[atProducerID:], uint64(b.producer.ID))
	binary.BigEndian.PutUint16(h[atProducerEpoch:], uint16(b.producer.Epoch))
	binary.BigEndian.PutUint32(h[atBaseSequence:], uint32(b.producer.BaseSequence))
	binary.BigEndian.PutUint32(h[atCount:], uint32(b.count))
	h.UpdateCRC()
}

// Build makes a batch of records at successive offsets from s.BaseOffset on.
func Build(s Spec, records ...Record) ([]byte, error) {
	var b Builder
	b.Reset(s)
	for i := range records {
		b.Append(&records[i])
	}
	return b.Finish(nil)
}

// AppendEmpty appends what is left of a batch when compaction has removed every record but
// its producer's last sequence must stay known: the header alone.
func AppendEmpty(dst []byte, b Batch) []byte {
	at := len(dst)
	dst = append(dst, b[:HeaderSize]...)
	h := Batch(dst[at:])
	binary.BigEndian.PutUint32(h[atLength:], HeaderSize-Overhead)
	h.SetAttributes(b.Attributes() & (AppendTime | Transactional | Control))
	binary.BigEndian.PutUint64(h[atBaseTimestamp:], math.MaxUint64) // -1
	binary.BigEndian.PutUint32(h[atCount:], 0)
	h.UpdateCRC()
	return dst
}
