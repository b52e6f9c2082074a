package index_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/vfs"
)

func TestOffsetsFloor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.index")
	x := index.NewOffsets()
	for i := range uint32(100) {
		x.Append(index.OffsetEntry{Relative: 10 + i*10, Position: 1000 + i*100})
		if i == 60 {
			require.NoError(t, x.Save(vfs.OS, path, false))
			x.Drop()
			require.Zero(t, x.Bytes())
		}
	}
	x.Append(index.OffsetEntry{Relative: 5, Position: 5}) // does not rise: left out
	require.Equal(t, 100, x.Len())
	require.Equal(t, 61, x.Written())
	require.False(t, x.Loaded())
	e, ok, err := x.Floor(955)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, index.OffsetEntry{Relative: 950, Position: 10_400}, e, "in memory")
	_, _, err = x.Floor(600)
	require.ErrorIs(t, err, index.ErrNotLoaded)
	require.NoError(t, x.Load(vfs.OS, path))
	require.NoError(t, x.Save(vfs.OS, path, true))
	for _, each := range []struct {
		relative, position uint32
		want               index.OffsetEntry
		ok                 bool
	}{
		{0, 0, index.OffsetEntry{}, false},
		{9, 999, index.OffsetEntry{}, false},
		{10, 1000, index.OffsetEntry{Relative: 10, Position: 1000}, true},
		{19, 1099, index.OffsetEntry{Relative: 10, Position: 1000}, true},
		{600, 6900, index.OffsetEntry{Relative: 600, Position: 6900}, true},
		{1 << 31, 1 << 31, index.OffsetEntry{Relative: 1000, Position: 10_900}, true},
	} {
		e, ok, err := x.Floor(each.relative)
		require.NoError(t, err)
		require.Equal(t, each.ok, ok)
		require.Equal(t, each.want, e)
		e, ok, err = x.FloorPosition(each.position)
		require.NoError(t, err)
		require.Equal(t, each.ok, ok)
		require.Equal(t, each.want, e)
	}
	x.TruncateTo(500)
	x.Bound(3000)
	require.Equal(t, 20, x.Len())
	require.NoError(t, x.Replace(vfs.OS, path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, data, 160)
}

// The file has Kafka's bytes.
func TestFileLayouts(t *testing.T) {
	dir := t.TempDir()
	offsets, times, txns := index.NewOffsets(), index.NewTimes(), index.NewTxns()
	offsets.Append(index.OffsetEntry{Relative: 5, Position: 180})
	times.Append(index.TimeEntry{Timestamp: 1700000000000, Relative: 7})
	txns.Append(index.AbortedTxn{ProducerID: 3, FirstOffset: 4, LastOffset: 10, LastStable: 11})
	for name, each := range map[string]struct {
		save func(path string) error
		want string
	}{
		"offsets": {func(p string) error { return offsets.Save(vfs.OS, p, false) }, "\x00\x00\x00\x05\x00\x00\x00\xb4"},
		"times":   {func(p string) error { return times.Save(vfs.OS, p, false) }, "\x00\x00\x01\x8b\xcf\xe5h\x00\x00\x00\x00\x07"},
		"txns": {func(p string) error { return txns.Save(vfs.OS, p, false) },
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x0b"},
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, each.save(path))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, each.want, string(data))
	}
}

func TestTimesBelow(t *testing.T) {
	x := index.NewTimes()
	for i := range int64(10) {
		x.Append(index.TimeEntry{Timestamp: 100 + i*10, Relative: uint32(i)})
	}
	for ts, want := range map[int64]int64{50: -1, 100: -1, 101: 100, 110: 100, 111: 110, 1000: 190} {
		e, ok, err := x.Below(ts)
		require.NoError(t, err)
		require.Equal(t, want >= 0, ok)
		if ok {
			require.Equal(t, want, e.Timestamp)
		}
	}
	x.TruncateTo(5)
	require.Equal(t, 5, x.Len())
}

func TestReadLastWithoutLoading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.timeindex")
	x := index.NewTimes()
	_, ok, err := x.ReadLast(vfs.OS, path)
	require.NoError(t, err)
	require.False(t, ok)
	for i := range int64(10) {
		x.Append(index.TimeEntry{Timestamp: 100 + i*10, Relative: uint32(i)})
	}
	require.NoError(t, x.Save(vfs.OS, path, false))
	y := index.NewTimes()
	y.InFile(120)
	e, ok, err := y.ReadLast(vfs.OS, path)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, index.TimeEntry{Timestamp: 190, Relative: 9}, e)
	require.Zero(t, y.Bytes())
	y.InFile(132)
	_, _, err = y.ReadLast(vfs.OS, path)
	require.ErrorIs(t, err, index.ErrCorrupt)
	require.ErrorIs(t, y.Load(vfs.OS, path), index.ErrCorrupt)
	require.ErrorIs(t, y.Load(vfs.OS, path+"missing"), index.ErrCorrupt)
}

func TestCollectAborted(t *testing.T) {
	x := index.NewTxns()
	x.Append(index.AbortedTxn{ProducerID: 1, FirstOffset: 0, LastOffset: 10, LastStable: 5})
	x.Append(index.AbortedTxn{ProducerID: 2, FirstOffset: 5, LastOffset: 20, LastStable: 21})
	x.Append(index.AbortedTxn{ProducerID: 3, FirstOffset: 30, LastOffset: 40, LastStable: 41})
	for _, each := range []struct {
		from, upTo int64
		want       []int64
		done       bool
	}{
		{0, 5, []int64{1}, true},
		{0, 6, []int64{1, 2}, true},
		{11, 100, []int64{2, 3}, false},
		{21, 30, nil, true},
		{41, 100, nil, false},
	} {
		list, done, err := x.Collect(nil, each.from, each.upTo)
		require.NoError(t, err)
		var got []int64
		for _, e := range list {
			got = append(got, e.ProducerID)
		}
		require.Equal(t, each.want, got)
		require.Equal(t, each.done, done)
	}
	x.TruncateTo(20)
	require.Equal(t, 1, x.Len())
}

func TestWhatIsNoIndexIsRefused(t *testing.T) {
	be := binary.BigEndian
	offsets := func(list ...[2]uint32) (b []byte) {
		for _, e := range list {
			b = be.AppendUint32(be.AppendUint32(b, e[0]), e[1])
		}
		return b
	}
	for _, data := range [][]byte{
		make([]byte, 7), offsets([2]uint32{1, 1}, [2]uint32{1, 2}), offsets([2]uint32{1, 2}, [2]uint32{2, 2}),
		offsets([2]uint32{1 << 31, 2}), offsets([2]uint32{1, 1 << 31}), offsets([2]uint32{1, 1}, [2]uint32{0, 0}, [2]uint32{3, 3}),
	} {
		_, err := index.DecodeOffsets(data)
		require.ErrorIs(t, err, index.ErrCorrupt)
	}
	n, err := index.DecodeOffsets(append(offsets([2]uint32{1, 1}), make([]byte, 80)...))
	require.NoError(t, err)
	require.Equal(t, 1, n, "zeros at the end do not count")
	n, err = index.DecodeTimes(make([]byte, 12))
	require.NoError(t, err)
	require.Equal(t, 1, n, "the first offset, in 1970")
	n, err = index.DecodeTimes(make([]byte, 120))
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = index.DecodeTxns(make([]byte, 68))
	require.ErrorIs(t, err, index.ErrCorrupt)
}

// Decoders take any bytes, and what they accept has the order that searching needs.
func FuzzDecode(f *testing.F) {
	golden, err := filepath.Glob("../testdata/golden/*/*/*index")
	require.NoError(f, err)
	for i, path := range golden {
		if i%8 == 0 {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := index.DecodeOffsets(data); err == nil {
			checkOffsets(t, data, n)
		}
		if n, err := index.DecodeTimes(data); err == nil {
			list := index.RawTimes(data)[:n]
			for i := range list {
				if i > 0 && list[i].Timestamp <= list[i-1].Timestamp {
					t.Fatalf("accepted %v", list)
				}
			}
		}
		if list, err := index.DecodeTxns(data); err == nil {
			for i := range list {
				if i > 0 && list[i].LastOffset <= list[i-1].LastOffset {
					t.Fatalf("accepted %v", list)
				}
			}
		}
	})
}

func checkOffsets(t *testing.T, data []byte, n int) {
	list := index.RawOffsets(data)[:n]
	path := filepath.Join(t.TempDir(), "x.index")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	x := index.NewOffsets()
	x.InFile(int64(n * index.OffsetEntrySize))
	if err := x.Load(vfs.OS, path); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		relative := rand.Uint32() >> 1
		got, ok, err := x.Floor(relative)
		want, wantOK := index.OffsetEntry{}, false
		for _, e := range list {
			if e.Relative <= relative {
				want, wantOK = e, true
			}
		}
		if err != nil || ok != wantOK || got != want {
			t.Fatalf("floor of %d: %v %v %v, want %v %v", relative, got, ok, err, want, wantOK)
		}
	}
}
