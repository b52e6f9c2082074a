package segment_test

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

func newHome(t testing.TB) *segment.Home {
	h := segment.NewHome(vfs.OS, t.TempDir(), segment.NewFileCache(10), slog.New(slog.DiscardHandler))
	h.SetIndexInterval(200)
	return h
}

// memory is a home on a disk in memory, for what is done very often.
func memory(t testing.TB) (*crashfs.FS, *segment.Home) {
	disk := crashfs.New(crashfs.Options{})
	require.NoError(t, disk.MkdirAll("t-0", 0o755))
	h := segment.NewHome(disk, "t-0", segment.NewFileCache(10), slog.New(slog.DiscardHandler))
	h.SetIndexInterval(200)
	return disk, h
}

func write(t testing.TB, disk *crashfs.FS, path string, data []byte) {
	f, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	require.NoError(t, err)
	_, err = f.WriteAt(data, 0)
	require.NoError(t, errors.Join(err, f.Close()))
}

func batch(t testing.TB, base int64, values ...string) []byte {
	list := make([]record.Record, len(values))
	for i, v := range values {
		list[i] = record.Record{Timestamp: 1000 + base + int64(i), Value: []byte(v)}
	}
	set, err := record.Build(record.Spec{BaseOffset: base}, list...)
	require.NoError(t, err)
	return set
}

// fill appends n batches of two records each and returns the file's bytes.
func fill(t testing.TB, s *segment.Segment, n int) {
	for i := range int64(n) {
		require.NoError(t, s.Append(batch(t, s.Base()+2*i, "some value", "another")))
	}
}

func TestASegmentsLife(t *testing.T) {
	h := newHome(t)
	s, err := segment.Create(h, 100)
	require.NoError(t, err)
	fill(t, s, 50)
	require.Equal(t, int64(200), s.Next())
	first, err := s.FirstTimestamp()
	require.NoError(t, err)
	require.Equal(t, int64(1101), first)
	largest, err := s.Largest()
	require.NoError(t, err)
	require.Equal(t, segment.Stamp{Timestamp: 1199, Offset: 199}, largest)
	require.NoError(t, s.Seal())
	s.Evict()

	again := existing(t, h, 100)
	require.NoError(t, again.Load())
	require.Equal(t, s.Next(), again.Next())
	require.Equal(t, s.Size(), again.Size())
	it := &record.Iterator{}
	found, ok, err := again.FindTime(1150, 100, it)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, segment.Timed{Offset: 150, Timestamp: 1150, Epoch: 0}, found)
	next, err := again.Truncate(151)
	require.NoError(t, err)
	require.Equal(t, int64(150), next, "the batch that holds the offset goes too")
	found, ok, err = again.FindLargest(it)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, int64(149), found.Offset)
	require.NoError(t, again.Append(batch(t, 150, "new")))

	names, err := again.Retire()
	require.NoError(t, err)
	require.Contains(t, names, "00000000000000000100.log.deleted")
	_, _, err = again.Read(segment.Request{Offset: 100, UpTo: 150, MaxBytes: 100})
	require.ErrorIs(t, err, segment.ErrRetired)
}

// existing opens the files of a segment.
func existing(t testing.TB, h *segment.Home, base int64) *segment.Segment {
	return existingOn(t, vfs.OS, h, base)
}

func existingOn(t testing.TB, fsys vfs.FS, h *segment.Home, base int64) *segment.Segment {
	f := segment.Files{Base: base}
	for suffix, size := range map[string]*int64{".log": &f.Log, ".index": &f.Offset, ".timeindex": &f.Time, ".txnindex": &f.Txn} {
		info, err := fsys.Stat(h.Path(segment.Name(base) + suffix))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		*size = info.Size()
	}
	return segment.Existing(h, f)
}

// An index entry is due when more than index.interval.bytes lie between a batch and the
// last one that has one.
func TestIndexInterval(t *testing.T) {
	one := len(batch(t, 0, "v"))
	for interval, want := range map[int][]int{
		0: {1, 2, 3, 4, 5}, one - 1: {1, 2, 3, 4, 5}, one: {2, 4}, 2*one - 1: {2, 4}, 2 * one: {3}, 100 * one: nil,
	} {
		h := newHome(t)
		h.SetIndexInterval(interval)
		s, err := segment.Create(h, 0)
		require.NoError(t, err)
		for i := range int64(6) {
			require.NoError(t, s.Append(batch(t, i, "v")))
		}
		require.NoError(t, s.Seal())
		data, err := os.ReadFile(h.Path("00000000000000000000.index"))
		require.NoError(t, err)
		var got []int
		for _, e := range index.RawOffsets(data) {
			require.Equal(t, int(e.Relative)*one, int(e.Position))
			got = append(got, int(e.Relative))
		}
		require.Equal(t, want, got, "interval %d", interval)
	}
}

func TestReaderStopsAtDamageAndNotBefore(t *testing.T) {
	h := newHome(t)
	s, err := segment.Create(h, 0)
	require.NoError(t, err)
	fill(t, s, 10)
	data, err := os.ReadFile(h.Path("00000000000000000000.log"))
	require.NoError(t, err)
	size := len(data) / 10
	path := filepath.Join(t.TempDir(), "x")
	for n := range len(data) + 1 {
		require.NoError(t, os.WriteFile(path, data[:n], 0o644))
		f, err := os.Open(path)
		require.NoError(t, err)
		r := segment.NewReader(f, 0, int64(n))
		whole := 0
		for {
			_, err = r.Next()
			if err != nil {
				break
			}
			whole++
		}
		r.Close()
		require.NoError(t, f.Close())
		require.Equal(t, n/size, whole)
		var damage *segment.DamageError
		if n%size == 0 {
			require.ErrorIs(t, err, io.EOF)
		} else {
			require.ErrorAs(t, err, &damage)
			require.ErrorIs(t, err, record.ErrCorrupt)
			require.Equal(t, int64(n/size*size), damage.Position)
		}
	}
}

// Whatever a data file holds, recovery keeps a prefix of sound batches whose offsets
// rise, and finds nothing more to do the next time.
func FuzzRecover(f *testing.F) {
	one := batch(f, 0, "first")
	two := append(append([]byte(nil), one...), batch(f, 1, "second", "third")...)
	f.Add(one, uint16(0))
	f.Add(two, uint16(30))
	f.Add(append(two, two...), uint16(100))
	f.Add(append(two, make([]byte, 200)...), uint16(1))
	for _, path := range []string{"legacy/mixed-magic-0", "main/txn-open-0", "main/compact-lz4-0"} {
		data, err := os.ReadFile(filepath.Join("../testdata/golden", path, "00000000000000000000.log"))
		require.NoError(f, err)
		f.Add(data, uint16(len(data)/2))
	}
	f.Fuzz(func(t *testing.T, data []byte, flip uint16) {
		disk, h := memory(t)
		data = slices.Clone(data)
		if len(data) > 0 && int(flip) < len(data) {
			data[flip] ^= 0x55
		}
		write(t, disk, h.Path("00000000000000000000.log"), data)
		kept := recovered(t, existingOn(t, disk, h, 0), int64(len(data)))
		again := recovered(t, existingOn(t, disk, h, 0), kept)
		if again != kept {
			t.Fatalf("kept %d bytes, and then %d", kept, again)
		}
		s := existingOn(t, disk, h, 0)
		if err := s.Load(); err != nil {
			t.Fatal(err)
		}
	})
}

// recovered recovers a segment and returns how many bytes stay.
func recovered(t *testing.T, s *segment.Segment, size int64) int64 {
	defer s.Close()
	next, bytes := int64(0), int64(0)
	r, err := s.Recover(func(b record.Batch) error {
		if !b.CheckCRC() || b.BaseOffset() < next {
			t.Fatalf("kept a batch at %d, CRC %v", b.BaseOffset(), b.CheckCRC())
		}
		next = b.NextOffset()
		bytes += int64(b.Size())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Kept+r.Cut != size || r.Kept != bytes || s.Next() != next || (r.Cause == nil) != (r.Cut == 0) {
		t.Fatalf("%+v of %d bytes, %d visited, next %d and %d", r, size, bytes, s.Next(), next)
	}
	return r.Kept
}

// Whatever an index file holds, reads find what the log holds.
func FuzzIndexFiles(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 0, 0, 1, 200}, []byte{})
	f.Add(make([]byte, 16), make([]byte, 24))
	f.Add([]byte{0, 0, 0, 9, 0, 0, 0, 100, 0, 0, 0, 90, 0, 0, 4, 0}, []byte{0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 30})
	f.Fuzz(func(t *testing.T, offsets, times []byte) {
		disk, h := memory(t)
		s, err := segment.Create(h, 0)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, s, 30)
		s.Close()
		write(t, disk, h.Path("00000000000000000000.index"), offsets)
		write(t, disk, h.Path("00000000000000000000.timeindex"), times)
		s = existingOn(t, disk, h, 0)
		defer s.Close()
		if err := s.Load(); err != nil {
			t.Fatal(err)
		}
		if s.Next() != 60 {
			t.Fatalf("next is %d", s.Next())
		}
		for offset := int64(0); offset < 60; offset += 7 {
			sl, _, err := s.Read(segment.Request{Offset: offset, UpTo: 60, MaxBytes: 250, MinOne: true})
			if err != nil {
				t.Fatal(err)
			}
			b, err := sl.FirstBatch()
			if err != nil || b.BaseOffset() > offset || b.LastOffset() < offset {
				t.Fatalf("at %d: batch at %d, %v", offset, b.BaseOffset(), err)
			}
			sl.Release()
		}
	})
}
