package producer

import (
	"errors"
	"fmt"
)

// Kinds of the errors of Check and CheckMarker.
var (
	// ErrInvalidEpoch is INVALID_PRODUCER_EPOCH: a newer incarnation of the
	// producer has taken over.
	ErrInvalidEpoch = errors.New("producer epoch is older than the current one")
	// ErrOutOfOrder is OUT_OF_ORDER_SEQUENCE_NUMBER: batches are missing before
	// this one, or it is an old one no longer remembered.
	ErrOutOfOrder = errors.New("out of order sequence number")
	// ErrInvalidTxnState is INVALID_TXN_STATE: the batch does not fit the state
	// of the producer's transaction.
	ErrInvalidTxnState = errors.New("invalid transaction state")
	// ErrCoordinatorFenced is TRANSACTION_COORDINATOR_FENCED: a newer
	// transaction coordinator has written a marker.
	ErrCoordinatorFenced = errors.New("transaction coordinator is fenced")
)

// Verdict is Check's answer for batches that are in order.
type Verdict struct {
	// Duplicate: the batch was written before, where the offsets say, and must
	// not be written again; answer as if it just had been.
	Duplicate             bool
	FirstOffset           int64
	LastOffset, Timestamp int64
}

// view is a producer as it will be after the batches checked so far.
type view struct {
	known        bool // the table knows an epoch of the producer
	epoch        int16
	lastSequence int32 // NoSequence: nothing written in this epoch
	txnOpen      bool
}

// Check decides about the batches of one append, in order, each against the
// table and the batches before it. It changes nothing and does not allocate
// unless it returns an error. Batches without a producer id always pass.
func (t *Table) Check(batches []BatchInfo, from Origin) (Verdict, error) {
	if from == Replication {
		return Verdict{}, nil
	}
	var v view
	for i := range batches {
		b := &batches[i]
		if b.ProducerID < 0 {
			continue
		}
		if i == 0 || batches[i-1].ProducerID != b.ProducerID {
			v = t.viewOf(b.ProducerID, batches[:i])
		}
		if d, ok := t.duplicate(b, from); ok {
			return d, nil
		}
		if err := t.checkBatch(v, b, from); err != nil {
			return Verdict{}, err
		}
		v = v.after(b)
	}
	return Verdict{}, nil
}

// viewOf is what the table knows of a producer, and what batches before add.
func (t *Table) viewOf(id int64, before []BatchInfo) view {
	v := view{epoch: NoEpoch, lastSequence: NoSequence}
	if e, ok := t.producers[id]; ok {
		v = view{known: e.epoch != NoEpoch, epoch: e.epoch, lastSequence: e.lastSequence(), txnOpen: e.txnFirst >= 0}
	}
	for i := range before {
		if before[i].ProducerID == id {
			v = v.after(&before[i])
		}
	}
	return v
}

func (v view) after(b *BatchInfo) view {
	return view{known: true, epoch: b.Epoch, lastSequence: b.LastSequence, txnOpen: v.txnOpen || b.Transactional}
}

// duplicate looks a client's batch up among the last five of its epoch.
func (t *Table) duplicate(b *BatchInfo, from Origin) (Verdict, bool) {
	e, ok := t.producers[b.ProducerID]
	if !ok || from != Client || e.epoch != b.Epoch {
		return Verdict{}, false
	}
	old, ok := e.find(b.FirstSequence, b.LastSequence)
	if !ok {
		return Verdict{}, false
	}
	return Verdict{
		Duplicate:   true,
		FirstOffset: old.lastOffset - int64(old.offsetDelta),
		LastOffset:  old.lastOffset,
		Timestamp:   old.timestamp,
	}, true
}

func (t *Table) checkBatch(v view, b *BatchInfo, from Origin) error {
	if b.Epoch < v.epoch {
		return invalidEpoch(b.ProducerID, b.Epoch, v.epoch)
	}
	if from == Client {
		if err := t.checkSequence(v, b); err != nil {
			return err
		}
	}
	if v.txnOpen && !b.Transactional {
		return fmt.Errorf("%w: producer %d sent a batch outside of its open transaction", ErrInvalidTxnState, b.ProducerID)
	}
	if b.Transactional && !(v.txnOpen && v.epoch == b.Epoch) && from == Client && !t.verified(b) {
		return fmt.Errorf("%w: producer %d has no ongoing transaction that includes this partition", ErrInvalidTxnState, b.ProducerID)
	}
	return nil
}

func (t *Table) checkSequence(v view, b *BatchInfo) error {
	if p, ok := t.pending[b.ProducerID]; ok && b.FirstSequence > p.lowestSequence {
		return outOfOrder(b, p.lowestSequence)
	}
	switch {
	case !v.known:
		return nil // expired, deleted or new: any sequence
	case b.Epoch != v.epoch:
		if b.FirstSequence != 0 {
			return outOfOrder(b, 0)
		}
	case b.FirstSequence != nextSequence(v.lastSequence):
		return outOfOrder(b, nextSequence(v.lastSequence))
	}
	return nil
}

// CheckMarker decides about an end-of-transaction marker. It changes nothing.
func (t *Table) CheckMarker(m Marker, from Origin) error {
	e, ok := t.producers[m.ProducerID]
	if !ok || from == Replication {
		return nil
	}
	if m.Epoch < e.epoch {
		return invalidEpoch(m.ProducerID, m.Epoch, e.epoch)
	}
	if m.CoordinatorEpoch < e.coordinatorEpoch {
		return fmt.Errorf("%w: marker of producer %d has coordinator epoch %d, the last had %d",
			ErrCoordinatorFenced, m.ProducerID, m.CoordinatorEpoch, e.coordinatorEpoch)
	}
	return nil
}

func invalidEpoch(id int64, got, current int16) error {
	return fmt.Errorf("%w: producer %d has epoch %d, the current one is %d", ErrInvalidEpoch, id, got, current)
}

func outOfOrder(b *BatchInfo, want int32) error {
	return fmt.Errorf("%w: producer %d, epoch %d: got sequence %d, want %d",
		ErrOutOfOrder, b.ProducerID, b.Epoch, b.FirstSequence, want)
}
