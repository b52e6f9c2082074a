package log

import (
	"errors"
	"slices"

	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
)

// A producer may have five requests under way and, after a restart, send any of them
// again. Snapshots are Kafka's and have only its last batch, so when a batch seems out of
// order the log is asked for those before it; once for each producer.

// recallBytes is how much of the log is read for that: what one partition takes while a
// producer waits for five answers is much less.
const recallBytes = 64 << 20

// checkAgain asks the producer table once more, if batches that it has forgotten could
// change what it said; the caller holds mu.
func (l *Log) checkAgain(p *pending, before error) (producer.Verdict, error) {
	again := false
	for _, b := range p.work.batches {
		l.state.Lock()
		offset, ok := l.producers.Forgotten(b)
		l.state.Unlock()
		if !ok {
			continue
		}
		older, err := l.batchesBefore(b, offset)
		if err != nil {
			return producer.Verdict{}, err
		}
		l.state.Lock()
		l.producers.Recall(b.ProducerID, older)
		l.state.Unlock()
		again = true
	}
	if !again {
		return producer.Verdict{}, before
	}
	return l.check(p)
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// batchesBefore finds batches of the same producer and epoch that lie before an offset, in
// the order of the log. Damage ends the search.
func (l *Log) batchesBefore(like producer.BatchInfo, offset int64) ([]producer.BatchInfo, error) {
	list := *l.segments.Load()
	budget := int64(recallBytes)
	var all []producer.BatchInfo
	for i := floor(list, offset-1); i >= 0 && budget > 0 && len(all) < 5; i-- {
		from, bytes, err := list[i].Back(offset, budget)
		var found []producer.BatchInfo
		if err == nil {
			err = list[i].Scan(from, func(b record.Batch) error {
				if b.BaseOffset() >= offset {
					return errEnough
				}
				if b.ProducerID() == like.ProducerID && b.ProducerEpoch() == like.Epoch && !b.Control() && !b.Legacy() {
					found = append(found, batchInfo(b))
				}
				return nil
			})
		}
		if errors.Is(err, record.ErrCorrupt) {
			return nil, nil
		}
		if err != nil && !errors.Is(err, errEnough) {
			return nil, l.failRead("look for batches", err)
		}
		found = found[max(len(found)-5, 0):]
		all = slices.Concat(found, all)
		budget -= bytes
	}
	return all, nil
}
