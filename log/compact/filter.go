package compact

import (
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
)

// filter decides what of each batch stays, in the order of the log.
type filter struct {
	keys        *offsetMap
	txns        *txns
	last        map[int64]producer.State // the producers that are still known
	now         int64                    // ms
	retention   int64                    // delete.retention.ms
	maxInflated int
	// keepOldTombstones is for old messages, which have no delete horizon: whether
	// those of this segment stay.
	keepOldTombstones bool
	scratch           record.Scratch
}

func newFilter(l *log.Log, keys *offsetMap, now int64) *filter {
	c := l.Config()
	f := &filter{
		keys: keys, txns: newTxns(), last: make(map[int64]producer.State), now: now,
		retention: c.DeleteRetentionMs, maxInflated: c.MaxInflatedBytes,
	}
	for _, s := range l.Producers() {
		f.last[s.ProducerID] = s
	}
	return f
}

// apply appends to dst what stays of b.
func (f *filter) apply(dst []byte, b record.Batch) ([]byte, error) {
	gone, idle, err := f.discard(b)
	if err != nil {
		return dst, err
	}
	lastOfProducer := f.lastOfProducer(b)
	if gone && !lastOfProducer {
		return dst, nil
	}
	horizon, bounded := b.DeleteHorizon()
	tombstones := !bounded || f.now < horizon
	if b.Legacy() {
		tombstones = f.keepOldTombstones
	}
	dst, _, err = f.scratch.Filter(dst, b, record.Filter{
		Keep: func(r *record.Record) bool {
			return !gone && (b.Control() || f.keep(r, tombstones))
		},
		KeepEmpty:   lastOfProducer,
		Horizon:     f.now + f.retention,
		Mark:        idle,
		MaxInflated: f.maxInflated,
	})
	return dst, err
}

// discard tells whether all records of a batch go: it was aborted, or is a marker whose
// transaction is gone and whose horizon has passed. idle is a marker that only waits for
// the latter.
func (f *filter) discard(b record.Batch) (gone, idle bool, err error) {
	if !b.Control() {
		return f.txns.data(b), false, nil
	}
	idle, err = f.txns.marker(b)
	horizon, bounded := b.DeleteHorizon()
	return idle && bounded && horizon <= f.now, idle, err
}

// lastOfProducer tells whether a batch holds what is known of a producer: its last
// sequence, or, when only a marker is known, its epoch.
func (f *filter) lastOfProducer(b record.Batch) bool {
	if !b.HasProducer() {
		return false
	}
	s, known := f.last[b.ProducerID()]
	switch {
	case !known:
		return false
	case s.LastOffset >= 0:
		return b.LastOffset() == s.LastOffset
	default:
		return b.Control() && b.ProducerEpoch() == s.Epoch
	}
}

// keep tells whether a record is still the last of its key, or not judged yet.
func (f *filter) keep(r *record.Record, tombstones bool) bool {
	switch {
	case r.Offset > f.keys.latest:
		return true
	case r.Key == nil || r.Offset < f.keys.get(r.Key):
		return false
	}
	return r.Value != nil || tombstones
}
