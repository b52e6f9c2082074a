package record

import (
	"math"

	"github.com/leatmq/leat/log/compress"
)

// Filter says what compaction keeps of a batch.
type Filter struct {
	// Keep is asked once about each record, in order.
	Keep func(*Record) bool
	// KeepEmpty keeps the header of a batch of which no record stays, for its
	// producer's sequence. Old messages have none.
	KeepEmpty bool
	// Horizon, in milliseconds, is when tombstones that stay may go. It is set in a
	// batch that has none yet, when a tombstone stays or Mark is true; old messages
	// cannot have one.
	Horizon int64
	Mark    bool
	// MaxInflated bounds what the batch may inflate to, in bytes.
	MaxInflated int
}

// Filtered is what became of a batch.
type Filtered struct {
	Kept    int  // records that stay
	Changed bool // it is not the same bytes any more, or gone
}

// Filter appends to dst what f keeps of b: the same bytes where possible, else a batch with
// the same offsets, sequences and codec that lacks some records. Errors are as of Iterator.
func (s *Scratch) Filter(dst []byte, b Batch, f Filter) ([]byte, Filtered, error) {
	s.Trim()
	s.it.MaxInflated = f.MaxInflated
	if err := s.it.Reset(b); err != nil {
		return dst, Filtered{}, err
	}
	s.keep = s.keep[:0]
	kept, tombstones := 0, f.Mark
	for s.it.Next() {
		r := s.it.Record()
		keep := f.Keep(r)
		s.keep = append(s.keep, keep)
		if keep {
			kept++
			tombstones = tombstones || r.Value == nil
		}
	}
	if err := s.it.Err(); err != nil {
		return dst, Filtered{}, err
	}
	_, marked := b.DeleteHorizon()
	mark := tombstones && !marked && !b.Legacy()
	switch {
	case kept == 0 && f.KeepEmpty && !b.Legacy():
		return AppendEmpty(dst, b), Filtered{Changed: len(s.keep) > 0}, nil
	case kept == 0:
		return dst, Filtered{Changed: true}, nil
	case kept == len(s.keep) && !mark:
		return append(dst, b...), Filtered{Kept: kept}, nil
	}
	s.it.rewind()
	var err error
	if b.Legacy() {
		dst, err = s.appendWrapper(dst, b, b.Magic(), s.kept)
	} else {
		dst, err = s.rebuild(dst, b, f.Horizon, mark)
	}
	return dst, Filtered{Kept: kept, Changed: true}, err
}

// kept tells whether the record at an index stays.
func (s *Scratch) kept(index int) bool { return s.keep[index] }

// rebuild appends b with the records that stay.
func (s *Scratch) rebuild(dst []byte, b Batch, horizon int64, mark bool) ([]byte, error) {
	spec := Spec{
		BaseOffset:      b.BaseOffset(),
		LeaderEpoch:     b.LeaderEpoch(),
		Codec:           b.Codec(),
		Attributes:      b.Attributes() & (AppendTime | Transactional | Control | DeleteHorizon),
		AppendTimestamp: b.MaxTimestamp(),
		Producer:        &Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch(), BaseSequence: b.BaseSequence()},
	}
	spec.Horizon, _ = b.DeleteHorizon()
	if mark {
		spec.Attributes |= DeleteHorizon
		spec.Horizon = horizon
	}
	s.b.Reset(spec)
	for i := 0; s.it.Next(); i++ {
		if s.keep[i] {
			s.b.AppendAt(s.it.Record())
		}
	}
	s.b.KeepLastOffset(b.LastOffset())
	return s.b.Finish(dst)
}

// appendWrapper appends, as one compressed message of a magic, the records under the
// iterator that keep wants: with absolute offsets inside for magic 0, and such that count
// from the first record for magic 1, at the offset of the last one.
func (s *Scratch) appendWrapper(dst []byte, b Batch, magic int8, keep func(index int) bool) ([]byte, error) {
	inner := message{magic: magic, attributes: b.Attributes() & AppendTime}
	wrapper := Record{Offset: -1, Timestamp: math.MinInt64}
	var base int64
	s.out = s.out[:0]
	for i := 0; s.it.Next(); i++ {
		if !keep(i) {
			continue
		}
		r := s.it.Record()
		if magic > 0 && len(s.out) == 0 {
			base = r.Offset
		}
		s.out = inner.append(s.out, r, r.Offset-base)
		wrapper.Offset = r.Offset
		wrapper.Timestamp = max(wrapper.Timestamp, r.Timestamp)
	}
	if err := s.it.Err(); err != nil || len(s.out) == 0 {
		return dst, err
	}
	var err error
	if wrapper.Value, err = s.deflateOld(b.Codec(), magic); err != nil {
		return dst, err
	}
	outer := message{magic: magic, attributes: inner.attributes | Attributes(b.Codec())}
	return outer.append(dst, &wrapper, wrapper.Offset), nil
}

// deflateOld compresses an inner set, which lies in the scratch.
func (s *Scratch) deflateOld(c compress.Codec, magic int8) ([]byte, error) {
	var err error
	if magic == 0 && c == compress.LZ4 {
		s.b.records = compress.DeflateLegacyLZ4(s.b.records[:0], s.out, compress.DefaultLevel)
	} else {
		s.b.records, err = compress.Deflate(s.b.records[:0], c, s.out, compress.DefaultLevel)
	}
	return s.b.records, err
}
