package record

import "github.com/leatmq/leat/log/compress"

// convert makes one batch of magic 2 of an old message set: either any number of plain
// messages, or one wrapper. Offsets in the set mean nothing; timestamps stay, -1 for magic 0.
func convert(set []byte, s *Scratch) (Prepared, error) {
	r := &s.rules
	first, _, err := Next(set)
	if err != nil {
		return Prepared{}, err
	}
	s.b.Reset(r.spec(first))
	j := judge{rules: r, batch: first, maxTime: -1}
	for rest := set; len(rest) > 0; {
		var b Batch
		if b, rest, err = Next(rest); err != nil {
			return Prepared{}, err
		}
		if err := s.convertEntry(b, &j); err != nil {
			return Prepared{}, err
		}
	}
	if err := j.verdict(); err != nil {
		return Prepared{}, err
	}
	if s.out, err = s.b.Finish(s.out[:0]); err != nil {
		return Prepared{}, err
	}
	if len(s.out) > r.MaxBatchBytes {
		return Prepared{}, tooLarge(len(s.out), r)
	}
	return s.converted(r), nil
}

// spec is the header of the batch that an old message set becomes.
func (r *Rules) spec(first Batch) Spec {
	spec := Spec{LeaderEpoch: -1, Codec: r.codecFor(first), Level: r.Level}
	if r.LogAppendTime {
		spec.Attributes, spec.AppendTimestamp = AppendTime, r.NowMs
	}
	return spec
}

// convertEntry adds the records of one old message to the batch under way.
func (s *Scratch) convertEntry(b Batch, j *judge) error {
	j.batch = b
	if err := s.it.Reset(b); err != nil {
		return err
	}
	if s.it.old.inner {
		if err := s.it.checkInner(j); err != nil {
			return err
		}
	}
	for s.it.Next() {
		rec := s.it.Record()
		rec.Offset = int64(s.b.Count())
		j.record(rec, s.b.Count())
		s.b.Append(rec)
	}
	return s.it.Err()
}

// checkInner checks the CRC of each message in a wrapper, and that none is a wrapper again.
func (it *Iterator) checkInner(j *judge) error {
	defer it.rewind()
	index := 0
	for m := it.nextInner(); m != nil; m = it.nextInner() {
		if !m.CheckCRC() {
			return corrupt("CRC of message %d in a compressed set is wrong", index)
		}
		if m.Codec() != compress.None {
			j.fault(index, "message in a compressed set is marked compressed itself")
		}
		index++
	}
	return nil
}

func (s *Scratch) converted(r *Rules) Prepared {
	b := Batch(s.out)
	p := Prepared{
		Set:                s.out,
		Offsets:            b.NextOffset(),
		Batches:            1,
		MaxTimestamp:       b.MaxTimestamp(),
		MaxTimestampOffset: b.LastOffset(),
		LogAppendTime:      -1,
		Rebuilt:            true,
	}
	if r.LogAppendTime {
		p.LogAppendTime = r.NowMs
	}
	if p.MaxTimestamp < 0 {
		p.MaxTimestampOffset = -1
	}
	return p
}
