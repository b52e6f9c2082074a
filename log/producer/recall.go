package producer

import "slices"

// Forgotten tells, for a batch that Check found out of order, whether it may all the same
// be a retry of one of the producer's last five: a snapshot has only the last batch of
// each producer. If so, those before it are in the log, below the offset before: look
// for them, and tell Recall.
func (t *Table) Forgotten(b BatchInfo) (before int64, ok bool) {
	e, ok := t.producers[b.ProducerID]
	if !ok || !e.partial || e.epoch != b.Epoch || len(e.batches) == 0 || len(e.batches) == cachedBatches {
		return 0, false
	}
	oldest := e.batches[0]
	return oldest.lastOffset - int64(oldest.offsetDelta), true
}

// Recall tells of the batches of a producer that lie before the one that Forgotten named,
// in the order of the log; the last few will do. What does not lead up to what is known is
// left out. Forgotten does not ask for this producer again.
func (t *Table) Recall(id int64, older []BatchInfo) {
	e, ok := t.producers[id]
	if !ok || !e.partial {
		return
	}
	e.partial = false
	for _, b := range slices.Backward(older) {
		if len(e.batches) == cachedBatches || b.Epoch != e.epoch || nextSequence(b.LastSequence) != e.batches[0].firstSequence() {
			return
		}
		e.batches = slices.Insert(e.batches, 0, batchOf(b))
	}
}
