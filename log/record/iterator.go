package record

import (
	"errors"

	"github.com/leatmq/leat/log/compress"
)

// Iterator yields the records of one entry after another, in batches and old messages alike.
// Its buffers are kept from one Reset to the next, so that a long-lived Iterator allocates
// nothing. The zero Iterator allows nothing to be inflated: set MaxInflated.
//
//	it := record.Iterator{MaxInflated: 1 << 26}
//	for err := it.Reset(b); it.Next(); {
//		use(it.Record())
//	}
//	if err := it.Err(); err != nil { … }
type Iterator struct {
	// MaxInflated bounds what the records of one entry may inflate to, in bytes.
	MaxInflated int

	batch    Batch
	payload  []byte // the records, inflated; nil for an old message that is no wrapper
	data     []byte // what of payload is still to be read
	left     int32  // records still to be read, of a batch
	old      legacyState
	rec      Record
	headers  []Header
	inflated []byte
	err      error
}

// Reset begins with the records of b. Its error, which Err repeats, is of kind
// ErrUnsupportedCompression, ErrCorrupt, ErrTooLarge or ErrInvalidRecord; after one, Next
// yields nothing. What was yielded before becomes invalid.
func (it *Iterator) Reset(b Batch) error {
	it.batch, it.err, it.rec = b, nil, Record{}
	it.left, it.data, it.payload = 0, nil, nil
	if b.Legacy() {
		it.err = it.resetLegacy()
		return it.err
	}
	it.payload = b.payload()
	if b.Codec() != compress.None && (len(it.payload) > 0 || b.Count() != 0) {
		if it.payload, it.err = it.inflate(it.payload, b.Codec()); it.err != nil {
			return it.err
		}
	}
	it.rewind()
	return nil
}

// rewind goes back to the first record of an entry that was read to its end.
func (it *Iterator) rewind() {
	it.data, it.left = it.payload, 0
	it.old.done = false
	if !it.batch.Legacy() {
		it.left = it.batch.Count()
	}
}

// Next moves to the next record, and tells whether there is one.
func (it *Iterator) Next() bool {
	if it.err != nil {
		return false
	}
	if it.batch.Legacy() {
		return it.nextLegacy()
	}
	if it.left <= 0 {
		if len(it.data) > 0 {
			it.err = invalid("batch has %d bytes behind its last record", len(it.data))
		}
		return false
	}
	var w wire
	if it.data, it.err = w.read(it.data); it.err != nil {
		return false
	}
	it.left--
	it.resolve(&w)
	return true
}

// resolve makes the current record of its form in the batch.
func (it *Iterator) resolve(w *wire) {
	ts := it.batch.MaxTimestamp()
	if !it.batch.AppendTime() {
		ts = it.batch.BaseTimestamp() + w.timestampDelta
	}
	it.headers = it.headers[:0]
	if w.headerCount > 0 {
		it.err = readHeaders(w.headers, w.headerCount, &it.headers)
	}
	it.rec = Record{
		Offset:    it.batch.BaseOffset() + int64(w.offsetDelta),
		Timestamp: ts,
		Key:       w.key,
		Value:     w.value,
		Headers:   it.headers,
	}
}

// Record is the current record, valid until the next call of Next or Reset.
func (it *Iterator) Record() *Record { return &it.rec }

// Err is why Next yielded nothing, nil at the end.
func (it *Iterator) Err() error { return it.err }

func (it *Iterator) inflate(data []byte, c compress.Codec) ([]byte, error) {
	var err error
	it.inflated, err = compress.Inflate(it.inflated[:0], c, data, compress.Limits{
		Max:       it.MaxInflated,
		LegacyLZ4: it.batch.Magic() == 0,
	})
	return it.inflated, inflateError(err)
}

// inflateError gives an error of compress the kind that it has here.
func inflateError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, compress.ErrUnknownCodec):
		return &Error{Kind: ErrUnsupportedCompression, Detail: err.Error()}
	case errors.Is(err, compress.ErrTooLarge):
		return &Error{Kind: ErrTooLarge, Detail: err.Error()}
	default:
		return &Error{Kind: ErrCorrupt, Detail: err.Error()}
	}
}
