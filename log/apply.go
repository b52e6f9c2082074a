package log

import (
	"sync"

	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
)

// work is the memory of one append, used by one after the other.
type work struct {
	scratch record.Scratch
	batches []producer.BatchInfo
	markers []producer.Marker
	it      record.Iterator
}

var works = sync.Pool{New: func() any { return new(work) }}

// describe tells the producer table what the set is about.
func (w *work) describe(set []byte) error {
	w.batches, w.markers = w.batches[:0], w.markers[:0]
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err != nil {
			return err
		}
		set = rest
		if !b.Control() {
			w.batches = append(w.batches, batchInfo(b))
			continue
		}
		m, ok, err := markerOf(b, &w.it)
		if err != nil {
			return err
		}
		if ok {
			w.markers = append(w.markers, m)
		}
	}
	return nil
}

// apply takes note of batches that were written.
func (l *Log) apply(set []byte, w *work) error {
	l.state.Lock()
	newEpoch := false
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err == nil {
			err = l.note(b, &w.it)
		}
		if err != nil {
			l.state.Unlock()
			return l.fail("append", err) // it was written, and cannot be understood
		}
		newEpoch = l.noteEpoch(b) || newEpoch
		set = rest
	}
	l.noteUnstable()
	l.state.Unlock()
	if !newEpoch {
		return nil
	}
	// The set is in the log by now, so a failure that passes must not make its offsets free again.
	l.epochPending = true
	if err := l.writeEpochs(); !passes(err) {
		return err
	}
	return nil
}

// note lets the producer table follow a batch of the active segment, and its
// transaction index an abort. The caller holds state.
func (l *Log) note(b record.Batch, it *record.Iterator) error {
	c, done, err := follow(l.producers, b, it)
	if err == nil && done && c.Aborted {
		l.active().AppendAborted(abortedTxn(c))
		l.sync.namesChanged() // the first makes a file
	}
	return err
}

// noteEpoch lets the epoch cache follow a batch. The caller holds state.
func (l *Log) noteEpoch(b record.Batch) (changed bool) {
	if b.Legacy() {
		return l.epochs.Clear()
	}
	return l.epochs.Assign(epoch.Entry{Epoch: b.LeaderEpoch(), Start: b.BaseOffset()})
}

// follow lets a producer table follow a batch. done is true for the marker that
// ended a transaction.
func follow(t *producer.Table, b record.Batch, it *record.Iterator) (c producer.Completed, done bool, err error) {
	if !b.HasProducer() {
		return c, false, nil
	}
	if !b.Control() {
		t.Apply(batchInfo(b))
		return c, false, nil
	}
	m, ok, err := markerOf(b, it)
	if err != nil || !ok {
		return c, false, err
	}
	c, done = t.ApplyMarker(m)
	return c, done, nil
}

func batchInfo(b record.Batch) producer.BatchInfo {
	return producer.BatchInfo{
		ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(),
		FirstSequence: b.BaseSequence(), LastSequence: b.LastSequence(),
		FirstOffset: b.BaseOffset(), LastOffset: b.LastOffset(),
		Timestamp: b.MaxTimestamp(), Transactional: b.Transactional(),
	}
}

// markerOf reads the marker of a control batch; ok is false for a control record
// of another kind, and for a batch whose marker compaction has removed.
func markerOf(b record.Batch, it *record.Iterator) (m producer.Marker, ok bool, err error) {
	it.MaxInflated = b.Size()
	if err := it.Reset(b); err != nil {
		return m, false, err
	}
	if !it.Next() {
		return m, false, it.Err()
	}
	c, err := record.ParseControl(it.Record())
	if err != nil {
		return m, false, err
	}
	if c.Type != record.AbortMarker && c.Type != record.CommitMarker {
		return m, false, nil
	}
	return producer.Marker{
		ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(), CoordinatorEpoch: c.CoordinatorEpoch,
		Offset: b.LastOffset(), Timestamp: it.Record().Timestamp, Commit: c.Type == record.CommitMarker,
	}, true, nil
}

func abortedTxn(c producer.Completed) index.AbortedTxn {
	return index.AbortedTxn{ProducerID: c.ProducerID, FirstOffset: c.First, LastOffset: c.Last, LastStable: c.LastStable}
}
