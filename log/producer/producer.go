// Package producer is what one partition's log knows about idempotent and
// transactional producers (KIP-98): it decides whether a batch may be appended
// (Check), takes note of what was (Apply), and is saved beside each segment
// (snapshots). It is pure: no clock, no disk; the log replays batches into it.
//
//	Check     ok, a duplicate of one of the last five batches, or an error
//	  │       (nothing changes)
//	append    the log writes the batch
//	  │
//	Apply     the table follows what was written
//
// A producer's batches carry a sequence that counts its records from 0 and wraps
// from 2147483647 to 0. A new producer epoch starts again at 0 and fences the
// old one. A transaction begins with the first transactional batch and ends with
// a marker:
//
//	        transactional batch             marker
//	none ───────────────────────▶ open ───────────────▶ complete ──▶ gone
//	                                                    until the marker is
//	                                                    below the high watermark
//
// Consumers that read committed data may not pass the first offset of a
// transaction that is open or complete but not yet replicated: FirstUnstable.
package producer

import (
	"cmp"
	"maps"
	"slices"
)

// Unknown and absent values, as on disk and on the wire.
const (
	NoProducer         int64 = -1
	NoEpoch            int16 = -1
	NoSequence         int32 = -1
	NoOffset           int64 = -1
	NoTimestamp        int64 = -1
	NoCoordinatorEpoch int32 = -1
)

// Origin says who appends, and so what is checked.
type Origin int8

const (
	// Client is a producer: epochs and sequences are checked.
	Client Origin = iota
	// Coordinator is this cluster's group or transaction coordinator: epochs only.
	Coordinator
	// Replication is a copy of what a leader already accepted: nothing.
	Replication
)

// BatchInfo is what the table needs to know of a data batch. Offsets are not
// yet known when Check is called.
type BatchInfo struct {
	ProducerID    int64 // below 0: not idempotent, always accepted and not noted
	Epoch         int16
	FirstSequence int32
	LastSequence  int32
	FirstOffset   int64 // Apply only
	LastOffset    int64 // Apply only
	Timestamp     int64 // the batch's largest, ms
	Transactional bool
	Guard         Guard // from BeginVerification; zero if the caller did not verify
}

// Marker is what the table needs to know of an end-of-transaction marker.
type Marker struct {
	ProducerID       int64
	Epoch            int16
	CoordinatorEpoch int32
	Offset           int64 // Apply only
	Timestamp        int64 // ms
	Commit           bool
}

// Table holds the producers of one partition. It is not safe for concurrent use.
type Table struct {
	producers map[int64]*entry
	// open and complete are ordered by first offset; complete are those whose
	// marker is not yet below the high watermark.
	open, complete []txn
	pending        map[int64]*verification
	lastGuard      Guard
	verify         bool
}

// New returns an empty table.
func New() *Table {
	return &Table{producers: make(map[int64]*entry)}
}

// Reset forgets everything, before a reload. Guards given out stay unique.
func (t *Table) Reset() {
	clear(t.producers)
	t.open, t.complete, t.pending = nil, nil, nil
}

// Len returns the number of producers known.
func (t *Table) Len() int { return len(t.producers) }

// States returns what is known of each producer, ordered by id: for snapshots
// and DescribeProducers.
func (t *Table) States() []State {
	out := make([]State, 0, len(t.producers))
	for id, e := range t.producers {
		out = append(out, e.state(id))
	}
	slices.SortFunc(out, func(a, b State) int { return cmp.Compare(a.ProducerID, b.ProducerID) })
	return out
}

// Load adds the producers of a snapshot, with the transactions that were open.
func (t *Table) Load(states []State) {
	for _, s := range states {
		t.producers[s.ProducerID] = entryOf(s)
		if s.TxnFirstOffset >= 0 {
			t.begin(s.ProducerID, s.TxnFirstOffset)
		}
	}
}

// Expire forgets the producers without an open transaction, and the pending
// verifications, that were last heard of maxAge or more before now (both ms),
// and returns how many producers went.
func (t *Table) Expire(now, maxAge int64) (removed int) {
	before := len(t.producers)
	maps.DeleteFunc(t.producers, func(_ int64, e *entry) bool {
		return e.txnFirst < 0 && now-e.timestamp >= maxAge
	})
	maps.DeleteFunc(t.pending, func(_ int64, v *verification) bool {
		return now-v.timestamp >= maxAge
	})
	return before - len(t.producers)
}
