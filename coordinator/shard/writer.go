package shard

import (
	"fmt"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// Writer appends a machine's records to its log, keeping its buffers. One batch at a time:
// Begin, Add for each record, Flush.
type Writer struct {
	log     Log
	builder record.Builder
	batch   []byte
	nowMs   int64
	end     int64 // where the log stood after the last append
}

// Batch says what a batch of records is like.
type Batch struct {
	NowMs int64 // the records' timestamp, in milliseconds since 1970
	Codec compress.Codec
	// Numbered gives the batch the base sequence 0 though no producer wrote it, as Kafka does
	// for committed offsets.
	Numbered bool
}

// numbered is what the header of a Numbered batch says in place of a producer.
var numbered = record.Producer{ID: -1, Epoch: -1, BaseSequence: 0}

// Begin begins a batch.
func (w *Writer) Begin(b Batch) {
	spec := record.Spec{LeaderEpoch: -1, Codec: b.Codec}
	if b.Numbered {
		spec.Producer = &numbered
	}
	w.nowMs = b.NowMs
	w.builder.Reset(spec)
}

// Add adds a record to the batch; a nil value deletes the key.
func (w *Writer) Add(key, value []byte) {
	w.builder.Append(&record.Record{Timestamp: w.nowMs, Key: key, Value: value})
}

// Flush appends the batch and returns its first record's offset. Errors: those of Log.
func (w *Writer) Flush() (base int64, err error) {
	w.batch, err = w.builder.Finish(w.batch[:0])
	if err != nil {
		return 0, fmt.Errorf("make batch: %w", err)
	}
	end, err := w.log.Append(w.batch)
	if err != nil {
		return 0, err
	}
	w.end = end
	base = end - int64(w.builder.Count())
	if cap(w.batch) > keep {
		w.batch, w.builder = nil, record.Builder{}
	}
	return base, nil
}

// keep is the largest buffer, in bytes, that a shard keeps for its next batch.
const keep = 64 << 10

// End is where the log stood after the last append here: what an answer has to wait for.
func (w *Writer) End() int64 { return w.end }
