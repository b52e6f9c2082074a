package log_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// small are segments of a few hundred records with dense indexes.
func small() log.Config {
	c := testConfig()
	c.SegmentBytes, c.IndexIntervalBytes = 20_000, 400
	return c
}

func TestReadGivesWholeBatchesWithinBounds(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(small()))
	for i := range 100 {
		_, err := l.Append(values(t, split(50+i*7, 1+i%5)...), produce)
		require.NoError(t, err)
	}
	require.Greater(t, l.Segments(), 1)
	bases := batchBases(t, l)
	for _, maxBytes := range []int{0, 1, 150, 1000, 5000, 1 << 20} {
		for _, minOne := range []bool{true, false} {
			for offset := int64(0); offset < l.EndOffset(); offset += 7 {
				for _, upTo := range []int64{offset, offset + 1, offset + 9, bases[len(bases)/2], l.EndOffset()} {
					checkRead(t, l, log.ReadRequest{Offset: offset, UpTo: upTo, MaxBytes: maxBytes, MinOne: minOne})
				}
			}
		}
	}
}

// checkRead checks one read against what it promises.
func checkRead(t *testing.T, l *log.Log, r log.ReadRequest) {
	t.Helper()
	sl, err := l.Read(r)
	require.NoError(t, err)
	defer sl.Release()
	data, err := sl.Bytes(nil)
	require.NoError(t, err)
	require.Len(t, data, sl.Len())
	n := 0
	for rest := data; len(rest) > 0; n++ {
		b, after, err := record.Next(rest)
		require.NoError(t, err)
		require.True(t, b.CheckCRC())
		require.Less(t, b.LastOffset(), r.UpTo)
		if n == 0 {
			require.LessOrEqual(t, b.BaseOffset(), r.Offset)
			require.GreaterOrEqual(t, b.LastOffset(), r.Offset)
		}
		rest = after
	}
	if n > 1 || !r.MinOne {
		require.LessOrEqual(t, len(data), r.MaxBytes)
	}
	if n == 0 && r.MinOne {
		require.True(t, r.UpTo <= r.Offset || !endsBelow(t, l, r), "%+v: there is a batch", r)
	}
}

// endsBelow reports whether the batch that holds the offset ends below the bound.
func endsBelow(t *testing.T, l *log.Log, r log.ReadRequest) bool {
	sl, err := l.Read(log.ReadRequest{Offset: r.Offset, UpTo: l.EndOffset(), MinOne: true})
	require.NoError(t, err)
	defer sl.Release()
	b, err := sl.FirstBatch()
	require.NoError(t, err)
	return b.LastOffset() < r.UpTo
}

func batchBases(t *testing.T, l *log.Log) []int64 {
	var out []int64
	for next := l.StartOffset(); next < l.EndOffset(); {
		sl, err := l.Read(log.ReadRequest{Offset: next, UpTo: l.EndOffset(), MinOne: true})
		require.NoError(t, err)
		b, err := sl.FirstBatch()
		require.NoError(t, err)
		sl.Release()
		out = append(out, b.BaseOffset())
		next = b.NextOffset()
	}
	return out
}

func TestReadOutOfRange(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	appendN(t, l, 5)
	require.NoError(t, l.SetStartOffset(2))
	for offset, want := range map[int64]error{1: log.ErrOffsetOutOfRange, 2: nil, 4: nil, 5: nil, 6: log.ErrOffsetOutOfRange, -1: log.ErrOffsetOutOfRange} {
		sl, err := l.Read(log.ReadRequest{Offset: offset, UpTo: 5, MaxBytes: 1000})
		require.ErrorIs(t, err, want, "offset %d", offset)
		require.Equal(t, want == nil && offset < 5, sl.Len() > 0)
		sl.Release()
	}
}

// A consumer at the end finds its place without reading the log, and one that goes
// through old data with one small read per fetch.
func TestSequentialReadersFindTheirPlaceCheaply(t *testing.T) {
	disk := crashfs.New(crashfs.Options{})
	require.NoError(t, disk.MkdirAll("data", 0o755))
	var reads atomic.Int64
	disk.SetRule(func(op crashfs.Op) error {
		if op.Kind == crashfs.Read {
			reads.Add(1)
		}
		return nil
	})
	o := fresh(testConfig())
	o.FS = disk
	l := openLog(t, "data/t-0", o)
	next := int64(0)
	for range 50 {
		appendN(t, l, 3)
		sl, err := l.Read(log.ReadRequest{Offset: next, UpTo: l.EndOffset(), MaxBytes: 1 << 20})
		require.NoError(t, err)
		require.Positive(t, sl.Len())
		sl.Release()
		next = l.EndOffset()
	}
	require.Zero(t, reads.Load(), "reading at the end")

	fetches := int64(0)
	for next = 0; next < l.EndOffset(); fetches++ {
		sl, err := l.Read(log.ReadRequest{Offset: next, UpTo: l.EndOffset(), MaxBytes: 1000})
		require.NoError(t, err)
		before := reads.Load()
		data, err := sl.Bytes(nil)
		require.NoError(t, err)
		reads.Store(before)
		sl.Release()
		for len(data) > 0 {
			b, rest, err := record.Next(data)
			require.NoError(t, err)
			next, data = b.NextOffset(), rest
		}
	}
	require.Greater(t, fetches, int64(10))
	require.LessOrEqual(t, reads.Load(), fetches)
}

func TestSlicesOutliveTheirSegment(t *testing.T) {
	for name, end := range map[string]func(l *log.Log) error{
		"retention": func(l *log.Log) error {
			if err := l.SetStartOffset(l.EndOffset()); err != nil {
				return err
			}
			_, err := l.ApplyRetention(testNow, l.EndOffset())
			if err == nil {
				err = l.RemoveExpiredFiles(testNow.Add(time.Hour))
			}
			return err
		},
		"truncation": func(l *log.Log) error { return l.TruncateFullyAndStartAt(1000) },
		"close":      func(l *log.Log) error { return l.Close() },
		"deletion":   func(l *log.Log) error { return l.Delete() },
	} {
		t.Run(name, func(t *testing.T) {
			o := fresh(small())
			o.Files = log.NewFileCache(10)
			l := openLog(t, filepath.Join(t.TempDir(), "t-0"), o)
			appendN(t, l, 400)
			require.Greater(t, l.Segments(), 1)
			sl, err := l.Read(log.ReadRequest{Offset: 0, UpTo: 400, MaxBytes: 1 << 20})
			require.NoError(t, err)
			before, err := sl.Bytes(nil)
			require.NoError(t, err)
			require.NoError(t, end(l))
			var after bytes.Buffer
			n, err := sl.WriteTo(&after)
			require.NoError(t, err)
			require.Equal(t, int64(len(before)), n)
			require.Equal(t, before, after.Bytes())
			fd, pos, ok := sl.File()
			require.True(t, ok)
			require.Zero(t, pos)
			require.NotZero(t, fd)
			_, err = sl.ReadAt(make([]byte, 10), int64(sl.Len()-5))
			require.ErrorIs(t, err, io.EOF)
			sl.Release()
			require.LessOrEqual(t, o.Files.Len(), 1, "files of what is gone are closed")
		})
	}
}

func TestWrongIndexesAreNoticedAndBuiltAnew(t *testing.T) {
	for name, spoil := range map[string]func(data []byte) []byte{
		"half an entry":   func(data []byte) []byte { return data[:len(data)-3] },
		"too few entries": func(data []byte) []byte { return data[:len(data)-len(data)/24*12] },
		"zeros":           func(data []byte) []byte { return make([]byte, len(data)) },
		"zeros at its end": func(data []byte) []byte {
			clear(data[len(data)-24:])
			return data
		},
		"a wrong place": func(data []byte) []byte { data[len(data)/24*12+7] ^= 3; return data },
		"not rising":    func(data []byte) []byte { copy(data[:12], data[12:24]); return data },
	} {
		for _, suffix := range []string{".index", ".timeindex"} {
			t.Run(name+" in "+suffix, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "t-0")
				l, err := open(dir, fresh(small()))
				require.NoError(t, err)
				appendN(t, l, 400)
				require.NoError(t, l.Close())
				want := readDir(t, dir)
				path := filepath.Join(dir, "00000000000000000000"+suffix)
				data := spoil([]byte(want[filepath.Base(path)]))
				o := fresh(small())
				l = openLog(t, dir, o)
				// It goes bad when its length is known already, and is looked at later.
				require.NoError(t, os.WriteFile(path, data, 0o644))
				for offset := int64(0); offset < 400; offset += 13 {
					checkRead(t, l, log.ReadRequest{Offset: offset, UpTo: 400, MaxBytes: 300, MinOne: true})
					at := testNow.UnixMilli() + offset*1000
					found, ok, err := l.OffsetForTimestamp(at, 400)
					require.NoError(t, err)
					require.True(t, ok)
					require.Equal(t, log.Found{Offset: offset, Timestamp: at, Epoch: 3}, found)
				}
				if name != "a wrong place" { // a wrong place that is a batch's is good enough
					require.NoError(t, l.Close())
					requireFiles(t, want, readDir(t, dir))
				}
			})
		}
	}
}

// Where the data itself is damaged, it is said so, and the rest can be read.
func TestDamagedDataIsReportedNotServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t-0")
	l, err := open(dir, fresh(small()))
	require.NoError(t, err)
	appendN(t, l, 400)
	require.NoError(t, l.Close())
	path := filepath.Join(dir, "00000000000000000000.log")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	clear(data[5000:5500])
	require.NoError(t, os.WriteFile(path, data, 0o644))
	var failures atomic.Int64
	o := fresh(small())
	o.OnIOError = func(error) { failures.Add(1) }
	l = openLog(t, dir, o)
	reported := 0
	for offset := range int64(400) {
		sl, err := l.Read(log.ReadRequest{Offset: offset, UpTo: 400, MaxBytes: 200, MinOne: true})
		if err != nil {
			require.ErrorIs(t, err, record.ErrCorrupt)
			reported++
			continue
		}
		sl.Release()
	}
	require.Positive(t, reported)
	require.Less(t, reported, 250)
	require.Zero(t, failures.Load(), "the disk works")
	appendN(t, l, 1)
}

func TestFileCacheBoundsOpenFilesAndIndexes(t *testing.T) {
	files := log.NewFileCache(8)
	files.LimitIndexes(10_000)
	var logs []*log.Log
	for i := range 30 {
		o := fresh(small())
		o.Files = files
		l := openLog(t, filepath.Join(t.TempDir(), fmt.Sprintf("t-%d", i)), o)
		appendN(t, l, 300)
		logs = append(logs, l)
	}
	for range 3 {
		for _, l := range logs {
			requireN(t, l, 0, 300)
			require.LessOrEqual(t, files.Len(), 9)
			require.Less(t, files.IndexBytes(), int64(20_000))
		}
	}
	files.Sweep()
	files.Sweep()
	require.Zero(t, files.Len(), "idle logs have no open file")
	require.Zero(t, files.IndexBytes())
	for _, l := range logs {
		appendN(t, l, 1)
	}
}

func TestRenameKeepsReadersAndWriters(t *testing.T) {
	root := t.TempDir()
	l := openLog(t, filepath.Join(root, "t-0."+strings.Repeat("a", 32)+"-future"), fresh(small()))
	appendN(t, l, 300)
	require.NoError(t, l.Rename(filepath.Join(root, "t-0")))
	require.Equal(t, filepath.Join(root, "t-0"), l.Dir())
	appendN(t, l, 300)
	requireN(t, l, 0, 600)
}
