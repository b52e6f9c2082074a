package index

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/leatmq/leat/log/vfs"
)

// OffsetEntry says that the batch at Position ends with the offset Relative,
// counted from the segment's base.
type OffsetEntry struct{ Relative, Position uint32 }

// Offsets is the offset index. Invariant: both numbers rise from entry to entry.
type Offsets struct{ table }

// NewOffsets returns an empty index.
func NewOffsets() Offsets { return Offsets{table{entrySize: OffsetEntrySize}} }

// Append adds an entry, unless it does not rise above the last.
func (x *Offsets) Append(e OffsetEntry) {
	if len(x.data) > 0 {
		if last := x.At(x.Len() - 1); e.Relative <= last.Relative || e.Position <= last.Position {
			return
		}
	}
	b := x.add()
	binary.BigEndian.PutUint32(b, e.Relative)
	binary.BigEndian.PutUint32(b[4:], e.Position)
}

// At returns an entry that is in memory.
func (x *Offsets) At(i int) OffsetEntry {
	b := x.at(i)
	return OffsetEntry{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

// Floor returns the last entry whose offset is not above relative; ok is false
// when there is none, and reading begins at the segment's first batch.
func (x *Offsets) Floor(relative uint32) (e OffsetEntry, ok bool, err error) {
	return x.floor(func(e OffsetEntry) bool { return e.Relative > relative })
}

// FloorPosition returns the last entry whose position is not above position.
func (x *Offsets) FloorPosition(position uint32) (e OffsetEntry, ok bool, err error) {
	return x.floor(func(e OffsetEntry) bool { return e.Position > position })
}

// floor returns the entry before the first that is above.
func (x *Offsets) floor(above func(OffsetEntry) bool) (e OffsetEntry, ok bool, err error) {
	n := x.Len()
	i := x.first + sort.Search(n-x.first, func(i int) bool { return above(x.At(x.first + i)) })
	switch {
	case i > x.first:
		return x.At(i - 1), true, nil
	case x.first > 0:
		return OffsetEntry{}, false, ErrNotLoaded
	}
	return OffsetEntry{}, false, nil
}

// ReadLast returns the newest entry, read from the file if need be; ok is false
// when there is none.
func (x *Offsets) ReadLast(fsys vfs.FS, path string) (e OffsetEntry, ok bool, err error) {
	b, err := x.readLast(fsys, path)
	if err != nil || b == nil {
		return OffsetEntry{}, false, err
	}
	e = OffsetEntry{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
	if e.Relative > maxRelative || e.Position > maxRelative || e == (OffsetEntry{}) {
		return OffsetEntry{}, false, fmt.Errorf("%s: %w: it ends with offset +%d at %d", path, ErrCorrupt, e.Relative, e.Position)
	}
	return e, true, nil
}

// Load reads the file; see ErrCorrupt.
func (x *Offsets) Load(fsys vfs.FS, path string) error {
	return x.load(fsys, path, DecodeOffsets)
}

// Reset makes the index empty.
func (x *Offsets) Reset() { x.reset() }

// TruncateTo drops the entries at or behind an offset; all must be loaded.
func (x *Offsets) TruncateTo(relative uint32) {
	x.truncate(sort.Search(x.Len(), func(i int) bool { return x.At(i).Relative >= relative }))
}

// Bound drops entries that point behind the end of a log of the given size.
func (x *Offsets) Bound(size int64) {
	x.truncate(sort.Search(x.Len(), func(i int) bool { return int64(x.At(i).Position) >= size }))
}

// DecodeOffsets checks that data is an offset index and returns how many entries
// it has, less the zeros at its end (Kafka's unclean files).
func DecodeOffsets(data []byte) (entries int, err error) {
	if len(data)%OffsetEntrySize != 0 {
		return 0, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(data))
	}
	n := len(data) / OffsetEntrySize
	for n > 0 && binary.BigEndian.Uint64(data[(n-1)*OffsetEntrySize:]) == 0 {
		n--
	}
	x := Offsets{table{entrySize: OffsetEntrySize, data: data[:n*OffsetEntrySize]}}
	for i := 1; i < n; i++ {
		if a, b := x.At(i-1), x.At(i); b.Relative <= a.Relative || b.Position <= a.Position {
			return 0, fmt.Errorf("%w: entry %d does not rise: offset +%d at %d follows +%d at %d",
				ErrCorrupt, i, b.Relative, b.Position, a.Relative, a.Position)
		}
	}
	if n > 0 && x.At(n-1).Relative > maxRelative {
		return 0, fmt.Errorf("%w: offset +%d", ErrCorrupt, x.At(n-1).Relative)
	}
	if n > 0 && x.At(n-1).Position > maxRelative {
		return 0, fmt.Errorf("%w: position %d", ErrCorrupt, x.At(n-1).Position)
	}
	return n, nil
}

// maxRelative is the largest relative offset and position: they are int32.
const maxRelative = 1<<31 - 1

// RawOffsets returns the entries of a file's bytes as they are, right or wrong.
func RawOffsets(data []byte) []OffsetEntry {
	x := Offsets{table{entrySize: OffsetEntrySize, data: data[:len(data)/OffsetEntrySize*OffsetEntrySize]}}
	list := make([]OffsetEntry, x.Len())
	for i := range list {
		list[i] = x.At(i)
	}
	return list
}
