package compact

import (
	"cmp"
	"slices"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
)

// txns follows the transactions of a log while its batches are read in order, and says what
// of them may go. Which transactions are aborted it is told ahead, from the indexes.
type txns struct {
	coming    []index.AbortedTxn // ascending by first offset
	aborted   map[int64]*abortedTxn
	committed map[int64]bool         // producers of whose committed transaction a batch was seen
	kept      func(index.AbortedTxn) // told of aborted transactions whose marker must stay
	it        record.Iterator
}

// abortedTxn is an aborted transaction that is being read.
type abortedTxn struct {
	index.AbortedTxn
	seen bool // a batch of it
}

func newTxns() *txns {
	return &txns{
		aborted: make(map[int64]*abortedTxn), committed: make(map[int64]bool),
		kept: func(index.AbortedTxn) {},
	}
}

// expect adds aborted transactions that lie ahead; those known already do no harm.
func (t *txns) expect(list []index.AbortedTxn) {
	t.coming = append(t.coming, list...)
	slices.SortStableFunc(t.coming, func(a, b index.AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
}

// begin takes up the transactions that have begun by an offset.
func (t *txns) begin(offset int64) {
	n := 0
	for n < len(t.coming) && t.coming[n].FirstOffset <= offset {
		if a := t.coming[n]; t.aborted[a.ProducerID] == nil {
			t.aborted[a.ProducerID] = &abortedTxn{AbortedTxn: a}
		}
		n++
	}
	t.coming = slices.Delete(t.coming, 0, n)
}

// data follows a batch that is no marker, and tells whether it was aborted.
func (t *txns) data(b record.Batch) (gone bool) {
	t.begin(b.LastOffset())
	if !b.Transactional() {
		return false
	}
	if a := t.aborted[b.ProducerID()]; a != nil {
		a.seen = true
		return true
	}
	t.committed[b.ProducerID()] = true
	return false
}

// marker follows a control batch, and tells whether it has nothing to mark any more: no
// batch of its transaction is left. Other control records stay.
func (t *txns) marker(b record.Batch) (idle bool, err error) {
	t.begin(b.LastOffset())
	t.it.MaxInflated = b.Size()
	if err := t.it.Reset(b); err != nil {
		return false, err
	}
	if !t.it.Next() {
		return true, t.it.Err() // emptied before
	}
	c, err := record.ParseControl(t.it.Record())
	if err != nil {
		return false, err
	}
	id := b.ProducerID()
	switch c.Type {
	case record.AbortMarker:
		a := t.aborted[id]
		delete(t.aborted, id)
		if a == nil || !a.seen {
			return true, nil
		}
		t.kept(a.AbortedTxn)
		return false, nil
	case record.CommitMarker:
		idle = !t.committed[id]
		delete(t.committed, id)
		return idle, nil
	}
	return false, nil
}
