package record

import (
	"encoding/binary"

	"github.com/leatmq/leat/log/compress"
)

// pass prepares batches of magic 2. They go through as they are, but for their headers where
// the timestamps ask for it; or all into the scratch, when one has to change its codec.
func pass(set []byte, s *Scratch) (Prepared, error) {
	r := &s.rules
	p := Prepared{Set: set, MaxTimestamp: -1, MaxTimestampOffset: -1, LogAppendTime: -1}
	if r.LogAppendTime {
		p.LogAppendTime = r.NowMs
	}
	p.Rebuilt = anyRecompressed(set, r)
	s.out = s.out[:0]
	for rest := set; len(rest) > 0; p.Batches++ {
		var b Batch
		var err error
		if b, rest, err = Next(rest); err != nil {
			return Prepared{}, err
		}
		records, maxTime, err := s.judgeBatch(b)
		if err != nil {
			return Prepared{}, err
		}
		if p.Rebuilt {
			if b, err = s.recompress(b, records); err != nil {
				return Prepared{}, err
			}
		}
		stamp(b, maxTime, r)
		b.SetBaseOffset(p.Offsets)
		p.Offsets = b.NextOffset()
		if ts := b.MaxTimestamp(); ts > p.MaxTimestamp {
			p.MaxTimestamp, p.MaxTimestampOffset = ts, b.LastOffset()
		}
	}
	if p.Rebuilt {
		p.Set = s.out
	}
	return p, nil
}

// anyRecompressed tells whether a batch of the set is to be stored with another codec.
func anyRecompressed(set []byte, r *Rules) bool {
	for rest := set; len(rest) > 0; {
		var b Batch
		if b, rest, _ = Next(rest); b == nil {
			return false
		}
		if r.codecFor(b) != b.Codec() {
			return true
		}
	}
	return false
}

// codecFor is the codec that a batch is stored with; markers stay as they are.
func (r *Rules) codecFor(b Batch) compress.Codec {
	if !r.Recompress || b.Control() {
		return b.Codec()
	}
	return r.Codec
}

// judgeBatch checks a batch's header and every record in it. It returns the records without
// compression, and their largest timestamp.
func (s *Scratch) judgeBatch(b Batch) (records []byte, maxTime int64, err error) {
	if err := checkHeader(b, &s.rules); err != nil {
		return nil, -1, err
	}
	if err := s.it.Reset(b); err != nil {
		return nil, -1, err
	}
	records = s.it.data
	j := judge{rules: &s.rules, batch: b, maxTime: -1}
	base, top, appendTime := b.BaseTimestamp(), b.MaxTimestamp(), b.AppendTime()
	rest := records
	for i := range b.Count() {
		var w wire
		if rest, err = w.read(rest); err != nil {
			return nil, -1, err
		}
		if w.offsetDelta != i {
			return nil, -1, invalid("record %d has offset delta %d", i, w.offsetDelta)
		}
		ts := base + w.timestampDelta
		if appendTime {
			ts = top
		}
		j.record(&Record{Offset: int64(i), Timestamp: ts, Key: w.key, Value: w.value}, int(i))
	}
	if len(rest) > 0 {
		return nil, -1, invalid("batch has %d bytes behind its last record", len(rest))
	}
	return records, j.maxTime, j.verdict()
}

// checkHeader checks what a batch's header says of its records and its producer.
func checkHeader(b Batch, r *Rules) error {
	count, last := b.Count(), b.LastOffsetDelta()
	switch {
	case last < 0:
		return invalid("last offset delta %d", last)
	case count <= 0:
		return invalid("count %d", count)
	case int64(count) != int64(last)+1:
		return invalid("count %d with last offset delta %d", count, last)
	case r.Internal:
		return nil
	case b.Control():
		return invalid("clients may not write control records")
	case b.HasProducer() && b.BaseSequence() < 0:
		return invalid("producer id %d without a sequence number", b.ProducerID())
	}
	return nil
}

// recompress appends b to the scratch with its records in the rules' codec.
func (s *Scratch) recompress(b Batch, records []byte) (Batch, error) {
	r := &s.rules
	at := len(s.out)
	codec := r.codecFor(b)
	s.out = append(s.out, b[:HeaderSize]...)
	var err error
	if s.out, err = compress.Deflate(s.out, codec, records, r.level()); err != nil {
		return nil, err
	}
	out := Batch(s.out[at:])
	if len(out) > r.MaxBatchBytes {
		return nil, tooLarge(len(out), r)
	}
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-Overhead))
	out.SetAttributes(out.Attributes()&^CodecMask | Attributes(codec))
	out.UpdateCRC()
	return out, nil
}

func (r *Rules) level() int {
	if r.Level == 0 {
		return compress.DefaultLevel
	}
	return r.Level
}

// stamp makes the header say whose timestamps the records have and which is the largest.
func stamp(b Batch, maxTime int64, r *Rules) {
	attributes := b.Attributes() &^ AppendTime
	if r.LogAppendTime {
		attributes |= AppendTime
		maxTime = r.NowMs
	}
	if attributes == b.Attributes() && maxTime == b.MaxTimestamp() {
		return
	}
	b.SetAttributes(attributes)
	b.SetMaxTimestamp(maxTime)
	b.UpdateCRC()
}
