package producer

import "slices"

// txn is a transaction of this partition.
type txn struct {
	producerID int64
	first      int64 // its first offset here
	last       int64 // its marker's offset; NoOffset while open
}

// Completed describes a transaction that a marker ended.
type Completed struct {
	ProducerID int64
	First      int64 // first offset of its data
	Last       int64 // the marker's offset
	// LastStable is the first offset of the oldest transaction still open, or
	// the offset after the marker: what the aborted-transaction index notes.
	LastStable int64
	Aborted    bool
}

// Apply takes note of a data batch that was appended, or replayed. It accepts
// everything that is in the log, for it may hold what no Check would let pass.
func (t *Table) Apply(b BatchInfo) {
	if b.ProducerID < 0 {
		return
	}
	e := t.producer(b.ProducerID)
	e.setEpoch(b.Epoch)
	e.add(batchOf(b))
	e.timestamp = b.Timestamp
	if !b.Transactional {
		return
	}
	delete(t.pending, b.ProducerID)
	if e.txnFirst < 0 {
		e.txnFirst = b.FirstOffset
		t.begin(b.ProducerID, b.FirstOffset)
	}
}

func batchOf(b BatchInfo) batch {
	return batch{
		lastSequence: b.LastSequence,
		offsetDelta:  int32(b.LastOffset - b.FirstOffset),
		lastOffset:   b.LastOffset,
		timestamp:    b.Timestamp,
	}
}

// ApplyMarker takes note of a marker that was appended, or replayed. ok says
// whether it ended a transaction with data here; a marker without one changes
// no index and holds nobody back.
func (t *Table) ApplyMarker(m Marker) (c Completed, ok bool) {
	e := t.producer(m.ProducerID)
	first := e.txnFirst
	e.setEpoch(m.Epoch)
	e.txnFirst = NoOffset
	e.coordinatorEpoch = m.CoordinatorEpoch
	e.timestamp = m.Timestamp
	delete(t.pending, m.ProducerID)
	if first < 0 {
		return Completed{}, false
	}
	if i := slices.IndexFunc(t.open, func(x txn) bool { return x.first == first }); i >= 0 {
		t.open = slices.Delete(t.open, i, i+1)
	}
	t.complete = insert(t.complete, txn{m.ProducerID, first, m.Offset})
	c = Completed{ProducerID: m.ProducerID, First: first, Last: m.Offset, LastStable: m.Offset + 1, Aborted: !m.Commit}
	if len(t.open) > 0 {
		c.LastStable = t.open[0].first
	}
	return c, true
}

func (t *Table) producer(id int64) *entry {
	e, ok := t.producers[id]
	if !ok {
		e = newEntry()
		t.producers[id] = e
	}
	return e
}

func (t *Table) begin(id, first int64) {
	t.open = insert(t.open, txn{id, first, NoOffset})
}

// insert keeps the order by first offset; nearly always x goes last.
func insert(list []txn, x txn) []txn {
	i := len(list)
	for i > 0 && list[i-1].first > x.first {
		i--
	}
	return slices.Insert(list, i, x)
}

// Replicated forgets completed transactions whose marker lies below offset: the
// high watermark has passed it, or the log now starts there.
func (t *Table) Replicated(offset int64) {
	if len(t.complete) > 0 {
		t.complete = slices.DeleteFunc(t.complete, func(x txn) bool { return x.last < offset })
	}
}

// FirstUnstable returns the first offset of the oldest transaction that is open
// or whose marker is not yet replicated; ok is false when there is none. The
// last stable offset is the lower of it and the high watermark.
func (t *Table) FirstUnstable() (offset int64, ok bool) {
	if len(t.open) > 0 {
		offset, ok = t.open[0].first, true
	}
	if len(t.complete) > 0 && (!ok || t.complete[0].first < offset) {
		offset, ok = t.complete[0].first, true
	}
	return offset, ok
}

// HasOpenTxn reports whether a producer has a transaction open under this epoch.
func (t *Table) HasOpenTxn(id int64, epoch int16) bool {
	e, ok := t.producers[id]
	return ok && e.txnFirst >= 0 && e.epoch == epoch
}

// OldestTxnTimestamp is when the producer of the oldest open transaction last
// wrote (ms), or NoTimestamp: a transaction far older than its limit hangs.
func (t *Table) OldestTxnTimestamp() int64 {
	if len(t.open) == 0 {
		return NoTimestamp
	}
	return t.producers[t.open[0].producerID].timestamp
}
