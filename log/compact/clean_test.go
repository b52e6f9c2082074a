package compact_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

func TestTheLastRecordOfEachKeyStays(t *testing.T) {
	for _, c := range []compress.Codec{compress.None, compress.LZ4, compress.Zstd} {
		t.Run(c.String(), func(t *testing.T) {
			w := newWorld(t)
			w.put(record.Spec{Codec: c}, kv("a", "1"), kv("b", "1"), kv("c", "1"))
			w.put(record.Spec{Codec: c}, kv("a", "2"), kv("a", "3"))
			w.put(record.Spec{Codec: c}, kv("b", "2"))
			w.roll()
			w.put(record.Spec{}, kv("c", "2"))
			require.True(t, w.clean())
			require.Equal(t, "2:c=1 4:a=3 5:b=2 6:c=2", w.text(), "the active segment is not looked at")
			require.Equal(t, int64(6), w.firstDirty)
			require.False(t, w.clean(), "nothing is dirty now")
			w.roll()
			require.True(t, w.clean())
			require.Equal(t, "4:a=3 5:b=2 6:c=2", w.text())
			w.reopen()
			require.Equal(t, "4:a=3 5:b=2 6:c=2", w.text())
			require.Equal(t, int64(7), w.l.EndOffset())
		})
	}
}

func TestRecordsWithoutKeyGo(t *testing.T) {
	w := newWorld(t)
	w.config.Compact = false
	w.l.Configure(w.config)
	w.put(record.Spec{}, record.Record{Timestamp: t0, Value: []byte("no key")}, kv("", "empty key"))
	w.roll()
	w.config.Compact = true
	w.l.Configure(w.config)
	require.True(t, w.clean())
	require.Equal(t, "1:=empty key", w.text())
}

func TestTombstones(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"), kv("b", "1"))
	w.put(record.Spec{}, kv("a", ""), kv("b", "2"))
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "2:a=<1000 3:b=2<1000", w.text(), "the first pass sets the horizon")
	w.put(record.Spec{}, kv("x", "1"))
	w.roll()
	w.now += 999
	require.True(t, w.clean())
	require.Equal(t, "2:a=<1000 3:b=2<1000 4:x=1", w.text(), "and no later one moves it")
	w.put(record.Spec{}, kv("x", "2"))
	w.roll()
	w.now++
	require.True(t, w.clean())
	require.Equal(t, "3:b=2<1000 5:x=2", w.text())
	require.Equal(t, int64(t0), timestampOf(t, w, 3), "timestamps do not change")
}

func timestampOf(t *testing.T, w *world, offset int64) int64 {
	it := record.Iterator{MaxInflated: 1 << 20}
	for _, b := range w.batches() {
		require.NoError(t, it.Reset(b))
		for it.Next() {
			if it.Record().Offset == offset {
				return it.Record().Timestamp
			}
		}
	}
	t.Fatalf("no record at %d", offset)
	return 0
}

func TestTransactions(t *testing.T) {
	w := newWorld(t)
	w.put(txn(1, 0), kv("a", "aborted"), kv("b", "aborted")) // 0, 1
	w.put(txn(2, 0), kv("a", "committed"))                   // 2
	w.end(2, true)                                           // 3
	w.put(record.Spec{}, kv("b", "plain"))                   // 4
	w.put(txn(1, 2), kv("b", "aborted too"))                 // 5
	w.end(1, false)                                          // 6
	w.put(record.Spec{}, kv("c", "1"))                       // 7
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "2:a=committed 3:COMMIT 4:b=plain 5:empty 6:ABORT 7:c=1", w.text(),
		"an aborted record replaces no other; producer 1's last sequence is kept")
	found, err := w.l.Aborted(nil, 0, 8)
	require.NoError(t, err)
	require.Equal(t, []log.AbortedTxn{{ProducerID: 1, FirstOffset: 0}}, found)

	// Producer 1 goes on, and its empty batch is not needed any more.
	w.put(txn(1, 3), kv("d", "1")) // 8
	w.end(1, true)                 // 9
	w.put(record.Spec{}, kv("a", "2"))
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "2:empty 3:COMMIT 4:b=plain 6:ABORT 7:c=1 8:d=1 9:COMMIT 10:a=2", w.text(),
		"a batch was there when the marker was met")
	w.cleanAgain()
	require.Equal(t, "2:empty 3:COMMIT 4:b=plain 6:ABORT<1000 7:c=1 8:d=1 9:COMMIT 10:a=2 11:e=1", w.text(),
		"nothing is left of the aborted transaction, so its marker gets a horizon")
	found, err = w.l.Aborted(nil, 0, 12)
	require.NoError(t, err)
	require.Empty(t, found)
	w.now += 1000
	w.cleanAgain()
	require.Equal(t, "2:empty 3:COMMIT 4:b=plain 7:c=1 8:d=1 9:COMMIT 10:a=2 12:e=1", w.text())
	w.reopen()
	require.Equal(t, "2:empty 3:COMMIT 4:b=plain 7:c=1 8:d=1 9:COMMIT 10:a=2 12:e=1", w.text())
}

// cleanAgain appends one record, so that there is something to clean, and cleans.
func (w *world) cleanAgain() {
	w.t.Helper()
	w.put(record.Spec{}, kv("e", "1"))
	w.roll()
	require.True(w.t, w.clean())
}

func TestAnUndecidedTransactionHoldsCleaningUp(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"))
	w.put(record.Spec{}, kv("a", "2"))
	w.roll()
	w.put(txn(1, 0), kv("a", "3"))
	w.roll()
	w.put(record.Spec{}, kv("a", "4"))
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "1:a=2 2:a=3 3:a=4", w.text())
	require.Equal(t, int64(2), w.firstDirty)
	w.end(1, false)
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "2:empty 3:a=4 4:ABORT", w.text())
}

// TestAnAbortedTransactionOverSegments has its marker in a segment that is not cleaned.
func TestAnAbortedTransactionOverSegments(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"))
	w.put(txn(1, 0), kv("a", "aborted"))
	w.roll()
	w.put(txn(1, 1), kv("a", "aborted too"))
	w.roll()
	w.put(txn(1, 2), kv("b", "aborted as well"))
	w.end(1, false)
	require.True(t, w.clean())
	require.Equal(t, "0:a=1 3:b=aborted as well 4:ABORT", w.text())
	found, err := w.l.Aborted(nil, 3, 5)
	require.NoError(t, err)
	require.Equal(t, []log.AbortedTxn{{ProducerID: 1, FirstOffset: 1}}, found)
}

func TestProducersAreKnownAfterCompaction(t *testing.T) {
	w := newWorld(t)
	w.put(idempotent(7, 0), kv("a", "1"), kv("a", "2"))
	w.put(idempotent(7, 2), kv("a", "3"), kv("b", "1"))
	w.put(record.Spec{}, kv("a", "4"), kv("b", "2"))
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "2:empty 4:a=4 5:b=2", w.text())
	require.NoError(t, w.l.Close())
	for _, name := range w.files(".snapshot") {
		require.NoError(t, w.disk.Remove(w.dir+"/"+name))
	}
	w.open() // reads the producers from the log, for there is no clean mark
	states := w.l.Producers()
	require.Len(t, states, 1)
	require.Equal(t, int32(3), states[0].LastSequence)
}

func TestYoungRecordsStay(t *testing.T) {
	w := newWorld(t)
	w.config.MinCompactionLag = 500
	w.l.Configure(w.config)
	w.put(record.Spec{}, kv("a", "1"))
	w.put(record.Spec{}, kv("a", "2"))
	w.roll()
	w.now += 499
	require.False(t, w.clean())
	w.now++
	require.True(t, w.clean())
	require.Equal(t, "1:a=2", w.text())
}

func TestOverdueRecordsAreCleanedBelowTheRatio(t *testing.T) {
	w := newWorld(t)
	w.config.MinDirtyRatio, w.config.MaxCompactionLag = 0.99, 500
	w.l.Configure(w.config)
	w.put(record.Spec{}, kv("a", strings.Repeat("x", 400)))
	w.roll()
	require.True(t, w.clean(), "all is dirty")
	w.put(record.Spec{}, kv("a", "2"))
	w.roll()
	w.now += 500
	require.False(t, w.clean())
	w.now++
	require.True(t, w.clean())
	require.Equal(t, "1:a=2", w.text())
}

// TestSmallMap cleans with room for very few keys, which takes several rounds.
func TestSmallMap(t *testing.T) {
	w := newWorld(t)
	w.limits.MapBytes = 24 * 4
	for i := range 60 {
		w.put(record.Spec{}, kv(fmt.Sprint("k", i%10), fmt.Sprint(i)), kv(fmt.Sprint("l", i%7), fmt.Sprint(i)))
	}
	w.roll()
	rounds := 0
	for w.clean() {
		rounds++
		require.Less(t, rounds, 120, "each round gets on")
	}
	require.Greater(t, rounds, 3)
	require.Equal(t, w.l.EndOffset(), w.firstDirty)
	words := strings.Fields(w.text())
	require.Len(t, words, 17)
	for i := 50; i < 60; i++ {
		require.Contains(t, words, fmt.Sprintf("%d:k%d=%d", 2*i, i%10, i))
	}
}

func TestSmallSegmentsAreJoined(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.put(record.Spec{}, kv(fmt.Sprint("k", i%15), fmt.Sprint(i)))
		w.roll()
	}
	require.Len(t, w.files(".log"), 21)
	require.True(t, w.clean())
	logs := w.files(".log")
	require.Less(t, len(logs), 5)
	for _, name := range logs {
		info, err := w.disk.Stat(w.dir + "/" + name)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(w.config.SegmentBytes))
	}
	require.Len(t, strings.Fields(w.text()), 15)
	require.NoError(t, w.l.RemoveExpiredFiles(w.clock()))
	require.Empty(t, w.files(".deleted"))
	require.Empty(t, w.files(".cleaned"))
	require.Empty(t, w.files(".swap"))
	for _, name := range w.files(".snapshot") {
		require.Contains(t, logs, strings.TrimSuffix(name, ".snapshot")+".log", "a snapshot of a base that is gone")
	}
}

func TestASegmentOfWhichNothingStays(t *testing.T) {
	w := newWorld(t)
	for i := range 12 {
		w.put(record.Spec{}, kv("k", strings.Repeat("x", 200)))
		if i%3 == 2 {
			w.roll()
		}
	}
	require.True(t, w.clean())
	require.Len(t, w.batches(), 1)
	require.Zero(t, w.l.StartOffset())
	w.put(record.Spec{}, kv("k", "last"))
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, "12:k=last", w.text())
	w.reopen()
	require.Equal(t, "12:k=last", w.text())
	require.Zero(t, w.l.StartOffset(), "reading may begin where it always did")
}

func TestTimesAreFoundAfterCompaction(t *testing.T) {
	w := newWorld(t)
	for i := range int64(30) {
		w.put(record.Spec{}, record.Record{Timestamp: t0 + i, Key: fmt.Append(nil, i%20), Value: []byte("v")})
	}
	w.roll()
	require.True(t, w.clean())
	for _, reopen := range []bool{false, true} {
		if reopen {
			w.reopen()
		}
		found, ok, err := w.l.OffsetForTimestamp(t0+3, math.MaxInt64)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, log.Found{Offset: 10, Timestamp: t0 + 10, Epoch: 0}, found)
	}
}

// TestBehindTheMap has records that the map did not reach: not even those that could not
// stay otherwise are touched.
func TestBehindTheMap(t *testing.T) {
	w := newWorld(t)
	w.config.Compact, w.limits.MapBytes = false, 24*2
	w.l.Configure(w.config)
	w.put(record.Spec{}, kv("a", "1"), kv("a", "2"), kv("b", "1"), record.Record{Timestamp: t0, Value: []byte("no key")})
	w.roll()
	w.config.Compact = true
	w.l.Configure(w.config)
	require.True(t, w.clean())
	require.Equal(t, "1:a=2 2:b=1 3:=no key", w.text())
	require.Equal(t, int64(2), w.firstDirty)
	require.True(t, w.clean())
	require.Equal(t, "1:a=2 2:b=1", w.text())
	require.False(t, w.clean())
}

// TestTheLastMarkerOfAnEpochStays: the coordinator has ended a transaction with a new
// epoch, and the producer has written nothing since.
func TestTheLastMarkerOfAnEpochStays(t *testing.T) {
	w := newWorld(t)
	w.put(txn(1, 0), kv("a", "aborted"))
	set, err := record.AppendMarker(nil, record.Marker{ProducerID: 1, ProducerEpoch: 1, Timestamp: t0})
	require.NoError(t, err)
	w.append(set)
	w.roll()
	for range 3 {
		w.now += 5000
		w.cleanAgain()
	}
	require.Equal(t, "1:empty 4:e=1", w.text())
	require.Equal(t, int16(1), w.batches()[0].ProducerEpoch())
}

// TestMissingOffsetsAreClean cleans a segment anew whose last offsets are gone.
func TestMissingOffsetsAreClean(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", strings.Repeat("x", 500)), kv("b", "1"))
	w.roll()
	w.put(record.Spec{}, kv("b", strings.Repeat("y", 500)))
	w.roll()
	require.True(t, w.clean())
	require.Equal(t, int64(3), w.firstDirty)
	w.config.MinCompactionLag, w.firstDirty = 1, 0
	w.l.Configure(w.config)
	w.now++
	w.put(record.Spec{}, record.Record{Timestamp: w.now, Key: []byte("c"), Value: []byte("1")})
	w.roll()
	before := w.text()
	require.True(t, w.clean())
	require.Equal(t, before, w.text())
	require.Equal(t, int64(3), w.firstDirty)
	require.False(t, w.clean())
}
