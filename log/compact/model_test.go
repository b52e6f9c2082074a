package compact_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

// model is what was appended, and what a consumer of committed records must end up with.
type model struct {
	w        *world
	all      map[int64]record.Record
	latest   map[string]string            // committed, tombstones applied
	open     map[int64]map[string]*string // by producer: what its transaction would change; nil deletes
	openAt   map[int64]int64              // by producer: where its transaction begins
	aborted  map[int64]bool               // offsets
	sequence map[int64]int32
}

func newModel(w *world) *model {
	return &model{
		w: w, all: make(map[int64]record.Record), latest: make(map[string]string),
		open: make(map[int64]map[string]*string), openAt: make(map[int64]int64), aborted: make(map[int64]bool), sequence: make(map[int64]int32),
	}
}

// put appends a batch: plain for producer 0, idempotent below 3, else in a transaction.
func (m *model) put(producer int64, records []record.Record) {
	at := m.w.l.EndOffset()
	spec := record.Spec{}
	switch {
	case producer >= 3:
		spec = txn(producer, m.sequence[producer])
	case producer > 0:
		spec = idempotent(producer, m.sequence[producer])
	}
	m.sequence[producer] += int32(len(records))
	m.w.put(spec, records...)
	for i, r := range records {
		r.Offset = at + int64(i)
		m.all[r.Offset] = r
		if producer >= 3 {
			if m.open[producer] == nil {
				m.open[producer], m.openAt[producer] = make(map[string]*string), at
			}
			m.open[producer][string(r.Key)] = valueOf(r)
			continue
		}
		m.commit(string(r.Key), valueOf(r))
	}
}

func valueOf(r record.Record) *string {
	if r.Value == nil {
		return nil
	}
	s := string(r.Value)
	return &s
}

func (m *model) commit(key string, value *string) {
	if value == nil {
		delete(m.latest, key)
	} else {
		m.latest[key] = *value
	}
}

// end ends a producer's transaction, if it is in one.
func (m *model) end(producer int64, commit bool) {
	if m.open[producer] == nil {
		return
	}
	m.w.end(producer, commit)
	if commit {
		for key, value := range m.open[producer] {
			m.commit(key, value)
		}
	}
	for o, r := range m.all {
		if !commit && o >= m.openAt[producer] && strings.HasPrefix(string(r.Key), fmt.Sprint("p", producer)) {
			m.aborted[o] = true
		}
	}
	delete(m.open, producer)
	delete(m.openAt, producer)
}

// check makes sure that nothing is lost or altered, that what is dirty is untouched, and
// that what is clean has each key once.
func (m *model) check(t require.TestingT) {
	seen := m.checkView(t)
	for o := m.w.firstDirty; o < m.w.l.EndOffset(); o++ {
		if _, ok := m.all[o]; ok && !m.aborted[o] {
			require.Contains(t, seen, o, "dirty, and has gone")
		}
	}
	once := make(map[string]int64)
	for o, key := range seen {
		if other, twice := once[key]; twice && o < m.w.firstDirty {
			require.Failf(t, "a key is there twice", "%s at %d and %d", key, o, other)
		}
		if o < m.w.firstDirty {
			once[key] = o
		}
	}
}

// checkView reads the log as a consumer of committed records does, and returns the keys
// that it found, by offset.
func (m *model) checkView(t require.TestingT) (seen map[int64]string) {
	l := m.w.l
	aborted, err := l.Aborted(nil, l.StartOffset(), l.EndOffset())
	require.NoError(t, err)
	slices.SortFunc(aborted, func(a, b log.AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	got, seen := make(map[string]string), make(map[int64]string)
	gone := make(map[int64]bool) // producers within an aborted transaction
	it := record.Iterator{MaxInflated: 1 << 20}
	for _, b := range m.w.batches() {
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
			gone[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		if b.Control() {
			delete(gone, b.ProducerID())
			continue
		}
		require.NoError(t, it.Reset(b))
		for it.Next() {
			r := it.Record()
			m.checkRecord(t, r)
			seen[r.Offset] = string(r.Key)
			if !b.Transactional() || !gone[b.ProducerID()] && !m.undecided(b) {
				apply(got, r)
			}
		}
		require.NoError(t, it.Err())
	}
	require.Equal(t, m.latest, got)
	return seen
}

// undecided tells whether a consumer of committed records does not get so far.
func (m *model) undecided(b record.Batch) bool {
	first, open := m.openAt[b.ProducerID()]
	return open && b.BaseOffset() >= first
}

// checkRecord makes sure that a record is as it was written.
func (m *model) checkRecord(t require.TestingT, r *record.Record) {
	was, ok := m.all[r.Offset]
	require.True(t, ok, "no record was written at %d", r.Offset)
	require.Equal(t, was.Key, r.Key)
	require.Equal(t, was.Value, r.Value)
	require.Equal(t, was.Timestamp, r.Timestamp)
}

func apply(got map[string]string, r *record.Record) {
	if r.Value == nil {
		delete(got, string(r.Key))
	} else {
		got[string(r.Key)] = string(r.Value)
	}
}

// drawRecords draws records; transactions of different producers share no keys, so that it
// does not matter which is decided first.
func drawRecords(t *rapid.T, producer int64) []record.Record {
	list := make([]record.Record, rapid.IntRange(1, 4).Draw(t, "records"))
	for i := range list {
		key := fmt.Sprint("k", rapid.IntRange(0, 4).Draw(t, "key"))
		if producer >= 3 {
			key = fmt.Sprint("p", producer, key)
		}
		value := rapid.SampledFrom([]string{"", "1", "2", "a longer value than those"}).Draw(t, "value")
		list[i] = kv(key, value)
		list[i].Timestamp += rapid.Int64Range(0, 100).Draw(t, "timestamp")
	}
	return list
}

// reopen closes and opens the log. What it knows of its producers comes back from the
// snapshot of the close; or, after a scan of all, from what cleaning left: the last
// timestamps are of records that are left, and the epoch of a coordinator goes with its
// last marker.
func (m *model) reopen(t require.TestingT, scan bool) {
	before := m.w.l.Producers()
	m.w.trusted = !scan
	m.w.reopen()
	after := m.w.l.Producers()
	if scan {
		require.Len(t, after, len(before))
		for i := range after {
			before[i].LastTimestamp = after[i].LastTimestamp
			if after[i].CoordinatorEpoch < 0 {
				before[i].CoordinatorEpoch = after[i].CoordinatorEpoch
			}
		}
	}
	require.Equal(t, before, after)
}

func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		defer func() { require.NoError(rt, w.l.Close()) }()
		m := newModel(w)
		roomy := rapid.Bool().Draw(rt, "roomy map")
		if !roomy {
			w.limits.MapBytes = 24 * 5
		}
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1, 2, 3:
				id := rapid.Int64Range(0, 4).Draw(rt, "producer")
				m.put(id, drawRecords(rt, id))
			case 4, 5:
				m.end(rapid.Int64Range(3, 4).Draw(rt, "producer"), rapid.Bool().Draw(rt, "commit"))
			case 6:
				w.roll()
			case 7, 8:
				w.clean()
				m.check(rt)
			case 9:
				w.now += rapid.Int64Range(0, 1500).Draw(rt, "later")
				m.reopen(rt, rapid.Bool().Draw(rt, "scan"))
			}
		}
		w.roll()
		for w.clean() {
			m.check(rt)
		}
		m.check(rt)
	})
}
