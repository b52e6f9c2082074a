package record_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// addSets seeds a fuzzer with sets of every format and codec, whole and broken.
func addSets(f *testing.F, add func(set []byte)) {
	for _, c := range codecs {
		add(client(f, record.Spec{Codec: c, Producer: &record.Producer{ID: 1, BaseSequence: 5}}, some(5)...))
	}
	for _, c := range codecs[1:4] {
		add(wrap(f, 0, c, 1, oldMessage(0, 0, record.Record{Key: []byte("k")}), oldMessage(0, 0, record.Record{Offset: 1})))
		add(wrap(f, 1, c, 1, oldMessage(1, 0, record.Record{Key: []byte("k")}), oldMessage(1, 0, record.Record{Offset: 1})))
	}
	marker, err := record.AppendMarker(nil, record.Marker{ProducerID: 7, Commit: true})
	if err != nil {
		f.Fatal(err)
	}
	add(marker)
	add(append(bytes.Clone(marker), marker...))
	for _, payload := range malformedRecords {
		add(rawBatch(f, 1, compress.None, payload))
	}
	for _, c := range readProduceCases(f) {
		topics, _ := decodeProduce(f, c)
		for _, t := range topics {
			for _, p := range t.Partitions {
				add(p.Records)
			}
		}
	}
}

// FuzzIterator reads any bytes as a log. CRCs are made right, or little would be read.
func FuzzIterator(f *testing.F) {
	addSets(f, func(set []byte) { f.Add(set) })
	it := record.Iterator{MaxInflated: 1 << 20}
	f.Fuzz(func(t *testing.T, set []byte) {
		for len(set) > 0 {
			b, rest, err := record.Next(set)
			if err != nil {
				return
			}
			if len(rest) >= len(set) || len(b)+len(rest) != len(set) {
				t.Fatalf("%d bytes became %d and %d", len(set), len(b), len(rest))
			}
			readAll(t, &it, b)
			set = rest
		}
	})
}

// readAll touches everything that an entry has.
func readAll(t *testing.T, it *record.Iterator, b record.Batch) {
	_, _, _ = b.LastOffset(), b.LastSequence(), b.CheckCRC()
	err := it.Reset(b)
	for n := 0; it.Next(); n++ {
		r := it.Record()
		if n > 1<<20 {
			t.Fatal("more records than bytes")
		}
		if b.Control() {
			_, err = record.ParseControl(r)
		}
	}
	for _, err := range []error{err, it.Err()} {
		var e *record.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error without a kind: %v", err)
		}
	}
}

// FuzzPrepare judges any bytes under any rules. What is taken must hold together.
func FuzzPrepare(f *testing.F) {
	addSets(f, func(set []byte) {
		for _, rules := range []uint16{0x0000, 0x0009, 0x0f12, 0x1029} {
			f.Add(set, rules)
		}
	})
	var s record.Scratch
	f.Fuzz(func(t *testing.T, set []byte, bits uint16) {
		r := plainRules()
		r.ProduceVersion = int16(bits & 0xf)
		r.Compacted, r.LogAppendTime = bits&0x10 != 0, bits&0x20 != 0
		r.Recompress, r.Codec = bits&0x40 != 0, compress.Codec(bits>>8&7%5)
		r.Internal = bits&0x80 != 0
		r.MaxInflatedBytes = 1 << 20
		set = bytes.Clone(set)
		sealAll(set)
		p, err := record.Prepare(set, r, &s)
		var e *record.Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		checkPrepared(t, p, r)
	})
}

// sealAll makes the CRC of every entry right.
func sealAll(set []byte) {
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err != nil {
			return
		}
		if b.Legacy() {
			sealOld(b)
		} else {
			b.UpdateCRC()
		}
		set = rest
	}
}

func checkPrepared(t *testing.T, p record.Prepared, r record.Rules) {
	it := record.Iterator{MaxInflated: 1 << 20}
	offset, batches := int64(0), 0
	for rest := p.Set; len(rest) > 0; batches++ {
		b, after, err := record.Next(rest)
		if err != nil || !b.CheckCRC() || b.Legacy() || b.BaseOffset() != offset || len(b) > r.MaxBatchBytes {
			t.Fatalf("batch %d of %d bytes at offset %d: %v", batches, len(b), offset, err)
		}
		rest = after
		if err := it.Reset(b); err != nil {
			t.Fatal(err)
		}
		for ; it.Next(); offset++ {
			if it.Record().Offset != offset {
				t.Fatalf("offset %d where %d was due", it.Record().Offset, offset)
			}
		}
		if it.Err() != nil || offset != b.NextOffset() {
			t.Fatalf("batch ends at %d, its records at %d: %v", b.NextOffset(), offset, it.Err())
		}
	}
	if offset != p.Offsets || batches != p.Batches {
		t.Fatalf("%d offsets in %d batches, said %d in %d", offset, batches, p.Offsets, p.Batches)
	}
}

// FuzzDownconvert converts any log for an old consumer, who must be able to read it.
func FuzzDownconvert(f *testing.F) {
	addSets(f, func(set []byte) {
		f.Add(set, false, int64(0))
		f.Add(set, true, int64(3))
	})
	var s record.Scratch
	f.Fuzz(func(t *testing.T, set []byte, newer bool, from int64) {
		d := record.Down{From: from, MaxInflated: 1 << 20}
		if newer {
			d.Magic = 1
		}
		out, err := record.Downconvert(nil, set, d, &s)
		var e *record.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error without a kind: %v", err)
		}
		for len(out) > 0 {
			b, rest, err := record.Next(out)
			if err != nil || b.Magic() > d.Magic {
				t.Fatalf("magic %d: %v", b.Magic(), err)
			}
			out = rest
		}
	})
}

// FuzzFilter takes records out of any batch: what is left is a good one at the same place.
func FuzzFilter(f *testing.F) {
	addSets(f, func(set []byte) {
		f.Add(set, uint32(0xffffffff), true)
		f.Add(set, uint32(5), false)
	})
	var s record.Scratch
	f.Fuzz(func(t *testing.T, set []byte, bits uint32, empty bool) {
		b, _, err := record.Next(set)
		if err != nil {
			return
		}
		n := 0
		out, did, err := s.Filter(nil, b, record.Filter{
			Keep:      func(*record.Record) bool { n++; return bits>>(n%32)&1 != 0 },
			KeepEmpty: empty, Mark: !empty, Horizon: 77, MaxInflated: 1 << 20,
		})
		var e *record.Error
		if err != nil || !did.Changed || len(out) == 0 {
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		left, rest, err := record.Next(out)
		if err != nil || len(rest) > 0 || !left.CheckCRC() || left.Magic() != b.Magic() {
			t.Fatalf("not one good batch: %v", err)
		}
		if !left.Legacy() && (left.BaseOffset() != b.BaseOffset() || left.LastOffset() != b.LastOffset()) {
			t.Fatalf("offsets %d to %d became %d to %d", b.BaseOffset(), b.LastOffset(), left.BaseOffset(), left.LastOffset())
		}
		it := record.Iterator{MaxInflated: 2 << 20}
		if err := it.Reset(left); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for it.Next() {
			kept++
		}
		if it.Err() != nil || kept != did.Kept {
			t.Fatalf("%d records, said %d: %v", kept, did.Kept, it.Err())
		}
	})
}
