package compact_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/compact"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// t0 is when the tests begin, in milliseconds.
const t0 = 1_700_000_000_000

// world is a compacted log on a disk in memory, with a clock that stands still.
type world struct {
	t          testing.TB
	disk       vfs.FS
	mem        *crashfs.FS // disk, when it is in memory
	now        int64
	config     log.Config
	limits     compact.Limits
	dir        string
	l          *log.Log
	firstDirty int64
	recovery   int64 // from where on open checks what is on disk, -1 all
	trusted    bool  // open checks nothing, as behind a clean shutdown
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: t0, dir: "data/t-0", recovery: -1, limits: compact.DefaultLimits(), config: smallSegments()}
	w.mem = crashfs.New(crashfs.Options{Seed: 1, Now: w.clock})
	w.disk = w.mem
	require.NoError(t, w.disk.MkdirAll("data", 0o755))
	require.NoError(t, w.disk.SyncDir("."))
	w.open()
	return w
}

// smallSegments is a compacted topic whose segments hold a handful of batches.
func smallSegments() log.Config {
	c := log.DefaultConfig()
	c.Compact, c.Delete, c.SegmentBytes, c.IndexIntervalBytes = true, false, 700, 100
	c.MinDirtyRatio, c.DeleteRetentionMs, c.FileDeleteDelayMs = 0, 1000, 0
	return c
}

func (w *world) clock() time.Time { return time.UnixMilli(w.now) }

func (w *world) options() log.Options {
	return log.Options{
		FS: w.disk, Now: w.clock, Config: w.config, TopicID: [16]byte{1},
		Clean: w.trusted, RecoveryPoint: w.recovery, StartOffset: -1, Logger: slog.New(slog.DiscardHandler),
	}
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.l, err = log.Open(w.dir, w.options())
	require.NoError(w.t, err)
}

func (w *world) reopen() {
	w.t.Helper()
	require.NoError(w.t, w.l.Close())
	w.open()
}

func (w *world) cleaner() *compact.Cleaner {
	return compact.New(compact.Options{
		Now: w.clock, Limits: func() compact.Limits { return w.limits }, Logger: slog.New(slog.DiscardHandler),
	})
}

// clean cleans once, everything up to the active segment, and tells whether it was due.
func (w *world) clean() bool {
	w.t.Helper()
	worked, err := w.tryClean(context.Background())
	require.NoError(w.t, err)
	return worked
}

func (w *world) tryClean(ctx context.Context) (bool, error) {
	to, worked, err := w.cleaner().CleanLog(ctx, compact.Target{
		Log: w.l, FirstDirty: w.firstDirty, HighWatermark: w.l.EndOffset(),
	})
	if err == nil && worked {
		w.firstDirty = to
	}
	return worked, err
}

// kv is a record for put; an empty value makes a tombstone.
func kv(key, value string) record.Record {
	r := record.Record{Timestamp: t0, Key: []byte(key), Value: []byte(value)}
	if value == "" {
		r.Value = nil
	}
	return r
}

// put appends one batch.
func (w *world) put(s record.Spec, records ...record.Record) {
	w.t.Helper()
	set, err := record.Build(s, records...)
	require.NoError(w.t, err)
	w.append(set)
}

func (w *world) append(set []byte) {
	w.t.Helper()
	_, err := w.l.Append(set, log.AppendOptions{ProduceVersion: 9, Origin: log.Coordinator})
	require.NoError(w.t, err)
}

// end appends the marker of a transaction.
func (w *world) end(producer int64, commit bool) {
	w.t.Helper()
	set, err := record.AppendMarker(nil, record.Marker{ProducerID: producer, Commit: commit, Timestamp: t0})
	require.NoError(w.t, err)
	w.append(set)
}

func txn(producer int64, sequence int32) record.Spec {
	s := idempotent(producer, sequence)
	s.Attributes = record.Transactional
	return s
}

func idempotent(producer int64, sequence int32) record.Spec {
	return record.Spec{Producer: &record.Producer{ID: producer, BaseSequence: sequence}}
}

// roll makes everything so far cleanable.
func (w *world) roll() {
	w.t.Helper()
	require.NoError(w.t, w.l.Roll())
}

// bytes are all batches of the log.
func (w *world) bytes() []byte {
	w.t.Helper()
	var all []byte
	for at := w.l.StartOffset(); at < w.l.EndOffset(); {
		sl, err := w.l.Read(log.ReadRequest{Offset: at, UpTo: math.MaxInt64, MaxBytes: 1 << 20, MinOne: true})
		require.NoError(w.t, err)
		if sl.Len() == 0 {
			break // the rest was compacted away
		}
		n := len(all)
		all, err = sl.Bytes(all)
		require.NoError(w.t, err)
		sl.Release()
		for rest := all[n:]; len(rest) > 0; {
			var b record.Batch
			b, rest, err = record.Next(rest)
			require.NoError(w.t, err)
			require.True(w.t, b.CheckCRC())
			at = b.NextOffset()
		}
	}
	return all
}

// batches are the batches of the log, one by one.
func (w *world) batches() []record.Batch {
	w.t.Helper()
	var list []record.Batch
	for rest := w.bytes(); len(rest) > 0; {
		var b record.Batch
		var err error
		b, rest, err = record.Next(rest)
		require.NoError(w.t, err)
		list = append(list, b)
	}
	return list
}

// text shows what is in the log: a word for each record, batches in brackets where they
// are marked, markers in capitals, "empty" for a batch without records.
func (w *world) text() string {
	w.t.Helper()
	var words []string
	for _, b := range w.batches() {
		words = append(words, describe(w.t, b)...)
	}
	return strings.Join(words, " ")
}

func describe(t testing.TB, b record.Batch) (words []string) {
	it := record.Iterator{MaxInflated: 1 << 20}
	require.NoError(t, it.Reset(b))
	for it.Next() {
		r := it.Record()
		word := fmt.Sprintf("%d:%s=%s", r.Offset, r.Key, r.Value)
		if b.Control() {
			c, err := record.ParseControl(r)
			require.NoError(t, err)
			word = fmt.Sprintf("%d:%s", r.Offset, map[record.ControlType]string{0: "ABORT", 1: "COMMIT"}[c.Type])
		}
		if h, ok := b.DeleteHorizon(); ok {
			word += fmt.Sprintf("<%d", h-t0)
		}
		words = append(words, word)
	}
	require.NoError(t, it.Err())
	if len(words) == 0 {
		words = []string{fmt.Sprintf("%d:empty", b.BaseOffset())}
	}
	return words
}

// files are the names in the log's directory that end so.
func (w *world) files(suffix string) (names []string) {
	w.t.Helper()
	entries, err := w.disk.ReadDir(w.dir)
	require.NoError(w.t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names
}
