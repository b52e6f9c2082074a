package compact_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
)

const goldenDir = "../testdata/golden"

// golden gives the batches of a partition that Kafka has cleaned, and the bases of its
// segments.
func golden(t *testing.T, name string) (batches []record.Batch, bases []int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, name, "*.log"))
	require.NoError(t, err)
	slices.Sort(files)
	for _, file := range files {
		var base int64
		_, err := fmt.Sscanf(filepath.Base(file), "%d.log", &base)
		require.NoError(t, err)
		bases = append(bases, base)
		rest, err := os.ReadFile(file)
		require.NoError(t, err)
		for len(rest) > 0 {
			var b record.Batch
			b, rest, err = record.Next(rest)
			require.NoError(t, err)
			batches = append(batches, b)
		}
	}
	return batches, bases
}

// goldenBatch is a batch that Kafka's producers sent to a golden partition.
type goldenBatch struct {
	last int64
	set  []byte
}

// history is what was sent to compact-tombstones, -gone and -lz4: producers x and y write
// sixty records to six keys, some of them tombstones, flushing now and then; then y writes
// fifteen more, each in a batch of its own.
func history(t *testing.T, x, y int64, codec compress.Codec) (list []goldenBatch) {
	type sender struct {
		id       int64
		codec    compress.Codec
		sequence int32
		waiting  []record.Record
	}
	senders := []*sender{{id: x, codec: codec}, {id: y}}
	next := int64(0)
	flush := func(s *sender) {
		spec := record.Spec{Codec: s.codec, Producer: &record.Producer{ID: s.id, BaseSequence: s.sequence}}
		set, err := record.Build(spec, s.waiting...)
		require.NoError(t, err)
		next += int64(len(s.waiting))
		list = append(list, goldenBatch{next - 1, set})
		s.sequence += int32(len(s.waiting))
		s.waiting = nil
	}
	for i := range 75 {
		s := senders[1]
		if i%20 < 15 && i < 60 {
			s = senders[0]
		}
		s.waiting = append(s.waiting, goldenRecord(i))
		if i%3 == 2 || i%20 == 14 || i%20 == 19 || i >= 60 {
			flush(s)
		}
	}
	return list
}

func goldenRecord(i int) record.Record {
	r := record.Record{Timestamp: t0 + int64(i)*1000, Key: fmt.Append(nil, "k", i%6), Value: fmt.Append(nil, "v", i)}
	switch {
	case i == 60:
		r.Key, r.Value = []byte("k0"), fmt.Append(nil, "w", i)
	case i > 60:
		r.Key, r.Value = fmt.Append(nil, "m", i%4), fmt.Append(nil, "w", i)
	case i%4 == 0:
		r.Headers = []record.Header{{Key: []byte("h"), Value: fmt.Append(nil, i)}}
	}
	if i >= 60 && i%5 == 4 || i < 60 && i%13 == 12 {
		r.Value = nil
	}
	return r
}

// fill appends batches, with the segments that Kafka had.
func (w *world) fill(list []goldenBatch, bases []int64) {
	w.t.Helper()
	c := w.config
	c.SegmentBytes = 1 << 20
	w.l.Configure(c)
	for _, b := range list {
		if slices.Contains(bases, w.l.EndOffset()) {
			w.roll()
		}
		w.append(b.set)
		require.Equal(w.t, b.last+1, w.l.EndOffset())
	}
	w.l.Configure(w.config)
}

// TestGoldenHistories sends what Kafka was sent, cleans once, and compares every byte with
// what Kafka's cleaner left.
func TestGoldenHistories(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	for _, c := range []struct {
		name      string
		x, y      int64
		codec     compress.Codec
		retention int64
		cleanedAt int64 // by the delete horizons that Kafka set
	}{
		{"main/compact-tombstones-0", 5, 6, compress.None, day, 1795340019092 - day},
		{"main/compact-gone-0", 7, 8, compress.None, 0, 1795253623696},
		{"main/compact-lz4-0", 9, 10, compress.LZ4, day, 1795340023834 - day},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, bases := golden(t, c.name)
			w := newWorld(t)
			w.now, w.config.DeleteRetentionMs = c.cleanedAt, c.retention
			w.fill(history(t, c.x, c.y, c.codec), bases)
			require.True(t, w.clean())
			require.Equal(t, want, w.batches())
			require.Equal(t, bases[len(bases)-1], w.firstDirty, "as in Kafka's cleaner-offset-checkpoint")
		})
	}
}

// TestGoldenTransactions does the same with twelve transactions, every third aborted. When
// a marker was written is taken from Kafka's log, where all of them are left.
func TestGoldenTransactions(t *testing.T) {
	const name = "main/compact-txn-0"
	want, bases := golden(t, name)
	markers := make(map[int64]record.Batch)
	for _, b := range want {
		if b.Control() {
			markers[b.BaseOffset()] = b
		}
	}
	var list []goldenBatch
	for r := range 12 {
		var records []record.Record
		for i := range 4 {
			rec := record.Record{
				Timestamp: t0 + int64(r*4+i)*1000, Key: fmt.Append(nil, "k", i), Value: fmt.Appendf(nil, "r%d-%d", r, i),
			}
			if i == 3 && r > 8 {
				rec.Value = nil
			}
			records = append(records, rec)
		}
		set, err := record.Build(txn(11, int32(r*4)), records...)
		require.NoError(t, err)
		last := int64(r*5 + 4)
		list = append(list, goldenBatch{last - 1, set}, goldenBatch{last, slices.Clone(markers[last])})
	}
	w := newWorld(t)
	w.fill(list, bases)
	require.True(t, w.clean())
	require.Equal(t, want, w.batches())
	aborted, err := w.l.AbortedTxns(nil, 0, 60)
	require.NoError(t, err)
	require.Len(t, aborted, 4)
	for i, a := range aborted {
		require.Equal(t, int64(15*i+5), a.FirstOffset)
		require.Equal(t, int64(15*i+9), a.LastOffset)
		require.Equal(t, int64(15*i+10), a.LastStable)
	}
}

// goldenWorld opens a copy of a partition that Kafka wrote.
func goldenWorld(t *testing.T, name string) *world {
	t.Helper()
	w := &world{t: t, now: t0, dir: filepath.Join(t.TempDir(), filepath.Base(name)), config: smallSegments()}
	w.disk, w.limits = vfs.OS, newWorld(t).limits
	require.NoError(t, os.CopyFS(w.dir, os.DirFS(filepath.Join(goldenDir, name))))
	o := w.options()
	o.Clean, o.TopicID = true, [16]byte{}
	var err error
	w.l, err = log.Open(w.dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.l.Close()) })
	return w
}

// TestKafkasCleanLogsStay cleans once more what Kafka has cleaned: not a byte changes, as
// long as no delete horizon has passed.
func TestKafkasCleanLogsStay(t *testing.T) {
	for _, name := range []string{"compact-tombstones-0", "compact-lz4-0", "compact-txn-0"} {
		t.Run(name, func(t *testing.T) {
			want, bases := golden(t, "main/"+name)
			w := goldenWorld(t, "main/"+name)
			require.True(t, w.clean())
			got := w.batches()
			active := bases[len(bases)-1]
			for i := range got {
				if h, ok := got[i].DeleteHorizon(); ok && got[i].Control() {
					require.Equal(t, w.now+w.config.DeleteRetentionMs, h, "a marker of which nothing was left")
					got[i] = want[i]
				}
			}
			require.Equal(t, want, got)
			require.Equal(t, active, w.firstDirty)
		})
	}
}

// TestOldMessages cleans a log of magic 1, plain and gzip, and holds it against its keys.
func TestOldMessages(t *testing.T) {
	for _, name := range []string{"legacy/magic1-segments-0", "legacy/magic0-segments-0", "legacy/mixed-magic-0"} {
		t.Run(name, func(t *testing.T) {
			w := goldenWorld(t, name)
			w.roll()
			latest := make(map[string]record.Record)
			count := 0
			each(t, w, func(r *record.Record) {
				latest[string(r.Key)] = record.Record{Offset: r.Offset, Timestamp: r.Timestamp, Value: slices.Clone(r.Value)}
				count++
			})
			require.True(t, w.clean())
			left := 0
			each(t, w, func(r *record.Record) {
				want := latest[string(r.Key)]
				require.Equal(t, want.Offset, r.Offset)
				require.Equal(t, want.Timestamp, r.Timestamp)
				require.Equal(t, want.Value, r.Value)
				left++
			})
			require.Len(t, latest, left)
			require.Less(t, left, count)
		})
	}
}

func each(t *testing.T, w *world, visit func(r *record.Record)) {
	t.Helper()
	it := record.Iterator{MaxInflated: 1 << 20}
	for _, b := range w.batches() {
		require.NoError(t, it.Reset(b))
		for it.Next() {
			visit(it.Record())
		}
		require.NoError(t, it.Err())
	}
}
