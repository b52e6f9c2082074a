package producer

import "math"

// cachedBatches is how many of a producer's last batches are remembered, so
// that a retry of any of them is recognised. Clients have at most five in flight.
const cachedBatches = 5

// entry is one producer's state.
type entry struct {
	epoch            int16
	coordinatorEpoch int32
	timestamp        int64   // of the last batch or marker, ms
	txnFirst         int64   // first offset of the open transaction; NoOffset: none
	batches          []batch // of this epoch, oldest first; at most cachedBatches
	// partial says that the entry is of a snapshot, which has only the last batch: those
	// before it are in the log, and not among batches.
	partial bool
}

// batch is what is remembered of one appended batch.
type batch struct {
	lastSequence int32
	offsetDelta  int32 // last offset - first offset
	lastOffset   int64
	timestamp    int64
}

func (b batch) firstSequence() int32 { return backSequence(b.lastSequence, b.offsetDelta) }

// nextSequence is the sequence after s: 0 follows math.MaxInt32.
func nextSequence(s int32) int32 {
	if s == math.MaxInt32 {
		return 0
	}
	return s + 1
}

// backSequence is the sequence n before s.
func backSequence(s, n int32) int32 {
	if s < n {
		return math.MaxInt32 - (n - s) + 1
	}
	return s - n
}

// LastSequence is the sequence of the last of the records that begin at first:
// delta is their number less one.
func LastSequence(first, delta int32) int32 {
	if first > math.MaxInt32-delta {
		return delta - (math.MaxInt32 - first) - 1
	}
	return first + delta
}

func newEntry() *entry {
	return &entry{epoch: NoEpoch, coordinatorEpoch: NoCoordinatorEpoch, timestamp: NoTimestamp, txnFirst: NoOffset}
}

// setEpoch takes a producer epoch; a new one clears the cached batches.
func (e *entry) setEpoch(epoch int16) {
	if e.epoch != epoch {
		e.epoch = epoch
		e.batches, e.partial = e.batches[:0], false
	}
}

// add remembers a batch and forgets the oldest beyond five.
func (e *entry) add(b batch) {
	if len(e.batches) == cachedBatches {
		copy(e.batches, e.batches[1:])
		e.batches[cachedBatches-1] = b
		return
	}
	e.batches = append(e.batches, b)
}

// lastSequence is the last sequence written in this epoch, or NoSequence.
func (e *entry) lastSequence() int32 {
	if len(e.batches) == 0 {
		return NoSequence
	}
	return e.batches[len(e.batches)-1].lastSequence
}

// find returns the cached batch with exactly these sequences.
func (e *entry) find(first, last int32) (batch, bool) {
	for _, b := range e.batches {
		if b.lastSequence == last && b.firstSequence() == first {
			return b, true
		}
	}
	return batch{}, false
}

func (e *entry) state(id int64) State {
	s := State{
		ProducerID: id, Epoch: e.epoch, LastSequence: NoSequence, LastOffset: NoOffset,
		LastTimestamp: e.timestamp, CoordinatorEpoch: e.coordinatorEpoch, TxnFirstOffset: e.txnFirst,
	}
	if n := len(e.batches); n > 0 {
		b := e.batches[n-1]
		s.LastSequence, s.LastOffset, s.OffsetDelta = b.lastSequence, b.lastOffset, b.offsetDelta
	}
	return s
}

func entryOf(s State) *entry {
	e := &entry{epoch: s.Epoch, coordinatorEpoch: s.CoordinatorEpoch, timestamp: s.LastTimestamp, txnFirst: s.TxnFirstOffset}
	if s.LastOffset >= 0 {
		e.batches = []batch{{s.LastSequence, s.OffsetDelta, s.LastOffset, s.LastTimestamp}}
		e.partial = true
	}
	return e
}
