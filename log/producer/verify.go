package producer

// Guard is proof that the transaction coordinator was asked, while the guard
// was valid, whether a producer's transaction includes this partition (KIP-890).
// A marker or a batch in between takes its validity, so that a late batch cannot
// open a transaction that nobody will end. The zero Guard proves nothing.
type Guard uint64

// verification is a question to the coordinator under way.
type verification struct {
	guard          Guard
	timestamp      int64 // when it began, ms
	epoch          int16
	lowestSequence int32 // of the batches waiting for the answer
}

// RequireVerification sets whether a client's batch may begin a transaction
// only with a valid guard (transaction.partition.verification.enable).
func (t *Table) RequireVerification(on bool) { t.verify = on }

// BeginVerification is called before the coordinator is asked about a batch,
// with the producer, epoch and first sequence of b, and now in ms. needed is
// false when the transaction is already open here. Batches that wait together
// share a guard.
func (t *Table) BeginVerification(b BatchInfo, now int64) (g Guard, needed bool) {
	if t.HasOpenTxn(b.ProducerID, b.Epoch) {
		return 0, false
	}
	v, ok := t.pending[b.ProducerID]
	switch {
	case !ok:
		t.lastGuard++
		v = &verification{guard: t.lastGuard, timestamp: now, epoch: b.Epoch, lowestSequence: b.FirstSequence}
		if t.pending == nil {
			t.pending = make(map[int64]*verification)
		}
		t.pending[b.ProducerID] = v
	case b.Epoch > v.epoch:
		v.epoch, v.lowestSequence = b.Epoch, b.FirstSequence
	case b.Epoch == v.epoch && b.FirstSequence < v.lowestSequence:
		v.lowestSequence = b.FirstSequence
	}
	return v.guard, true
}

// verified reports whether a batch may begin a transaction.
func (t *Table) verified(b *BatchInfo) bool {
	if !t.verify {
		return true
	}
	v, ok := t.pending[b.ProducerID]
	return ok && b.Guard != 0 && v.guard == b.Guard
}
