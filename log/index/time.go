package index

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/leatmq/leat/log/vfs"
)

// TimeEntry says that no record up to the offset Relative, counted from the
// segment's base, has a timestamp above Timestamp (ms).
type TimeEntry struct {
	Timestamp int64
	Relative  uint32
}

// Times is the time index. Invariant: timestamps rise, offsets do not fall.
type Times struct{ table }

// NewTimes returns an empty index.
func NewTimes() Times { return Times{table{entrySize: TimeEntrySize}} }

// Append adds an entry. The caller sees to it that it rises above the last, which
// may be only in the file.
func (x *Times) Append(e TimeEntry) {
	b := x.add()
	binary.BigEndian.PutUint64(b, uint64(e.Timestamp))
	binary.BigEndian.PutUint32(b[8:], e.Relative)
}

// At returns an entry that is in memory.
func (x *Times) At(i int) TimeEntry {
	b := x.at(i)
	return TimeEntry{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])}
}

// ReadLast returns the newest entry, read from the file if need be; ok is false
// when there is none.
func (x *Times) ReadLast(fsys vfs.FS, path string) (e TimeEntry, ok bool, err error) {
	b, err := x.readLast(fsys, path)
	if err != nil || b == nil {
		return TimeEntry{}, false, err
	}
	e = TimeEntry{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])}
	if e.Relative > maxRelative || e.Timestamp < 0 || e == (TimeEntry{}) && x.Len() > 1 {
		return TimeEntry{}, false, fmt.Errorf("%s: %w: it ends with %d at offset +%d", path, ErrCorrupt, e.Timestamp, e.Relative)
	}
	return e, true, nil
}

// Below returns the last entry whose timestamp is below ts: every record up to
// its offset is older, so that the search for ts begins there. ok is false when
// there is none.
func (x *Times) Below(ts int64) (e TimeEntry, ok bool, err error) {
	if !x.Loaded() {
		return TimeEntry{}, false, ErrNotLoaded
	}
	i := sort.Search(x.Len(), func(i int) bool { return x.At(i).Timestamp >= ts })
	if i == 0 {
		return TimeEntry{}, false, nil
	}
	return x.At(i - 1), true, nil
}

// Load reads the file; see ErrCorrupt.
func (x *Times) Load(fsys vfs.FS, path string) error {
	return x.load(fsys, path, DecodeTimes)
}

// Reset makes the index empty.
func (x *Times) Reset() { x.reset() }

// TruncateTo drops the entries at or behind an offset; all must be loaded.
func (x *Times) TruncateTo(relative uint32) {
	x.truncate(sort.Search(x.Len(), func(i int) bool { return x.At(i).Relative >= relative }))
}

// DecodeTimes checks that data is a time index and returns how many entries it
// has, less the zeros at its end (Kafka's unclean files).
func DecodeTimes(data []byte) (entries int, err error) {
	if len(data)%TimeEntrySize != 0 {
		return 0, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(data))
	}
	n := len(data) / TimeEntrySize
	x := Times{table{entrySize: TimeEntrySize, data: data}}
	for n > 1 && x.At(n-1) == (TimeEntry{}) {
		n--
	}
	if n == 1 && len(data) > TimeEntrySize && x.At(0) == (TimeEntry{}) {
		n = 0 // a single entry of zeros is one: the first offset, in 1970
	}
	for i := range n {
		b := x.At(i)
		if b.Relative > maxRelative || b.Timestamp < 0 {
			return 0, fmt.Errorf("%w: entry %d: %d at offset +%d", ErrCorrupt, i, b.Timestamp, b.Relative)
		}
		if i == 0 {
			continue
		}
		if a := x.At(i - 1); b.Timestamp <= a.Timestamp || b.Relative < a.Relative {
			return 0, fmt.Errorf("%w: entry %d does not rise: %d at offset +%d follows %d at +%d",
				ErrCorrupt, i, b.Timestamp, b.Relative, a.Timestamp, a.Relative)
		}
	}
	return n, nil
}

// RawTimes returns the entries of a file's bytes as they are, right or wrong.
func RawTimes(data []byte) []TimeEntry {
	x := Times{table{entrySize: TimeEntrySize, data: data[:len(data)/TimeEntrySize*TimeEntrySize]}}
	list := make([]TimeEntry, x.Len())
	for i := range list {
		list[i] = x.At(i)
	}
	return list
}
