// Package segment is one piece of a log: a data file and its indexes.
//
//	00000000000000001204.log         batches, one after the other
//	00000000000000001204.index       ┐
//	00000000000000001204.timeindex   ├ see package index
//	00000000000000001204.txnindex    ┘
//
// The number is the segment's base offset. Only the log's newest segment, the
// active one, is appended to; Seal ends that. A segment that nobody uses has no
// open file and no index in memory: both come when needed and go when the
// FileCache wants them back.
//
//	on disk only ──Append, Read──▶ resident (file open, index entries in memory)
//	      ▲                           │
//	      └─────────Evict─────────────┘
//
// # Who may do what
//
// Append, Seal, Truncate, Recover, Rename and Remove are for the one writer: the
// log calls them under its own lock. Everything else may be called at any time
// by anyone. A reader takes the segment's lock for a look at size and index, never
// while it reads the file; it is not held by a writer for longer than that either,
// but for saving, loading or rebuilding an index. An open file is counted by its users,
// so that closing it waits for the last of them.
//
// # Crash points
//
// What dies between its steps is left so that the next Recover, or for a clean
// log the next look at the index, puts it right:
//
//	write of a batch       a torn batch at the end: Recover truncates it
//	write, then index      the index is only written later: Recover builds it anew
//	Save of an index       a prefix of it is a good index; zeros or half an entry are
//	                       noticed when it is loaded, and it is built anew
//	Truncate               the log is cut first; index entries behind its end are
//	                       noticed when loaded, and before by Recover
//	Rename to .deleted     the log goes first; an index without a log is an orphan
//	                       that opening the log removes
package segment

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log/index"
)

// Suffixes of the files' names. Those of the indexes are in package index.
const (
	LogSuffix     = ".log"
	DeletedSuffix = ".deleted" // renamed, to be removed after a while
)

// Stamp is a timestamp (ms, -1 none) and the last offset of the batch that has it.
type Stamp struct{ Timestamp, Offset int64 }

// Segment is one data file and its indexes.
type Segment struct {
	home *Home
	base int64

	handle  atomic.Pointer[handle] // the open file, or nil
	used    atomic.Bool            // since the cache last looked
	retired atomic.Bool            // renamed or removed: it cannot be opened any more

	mu sync.Mutex // guards all below; the writer also reads size and next without it

	size int64 // of the data file. Only whole batches lie below it
	next int64 // the offset after the last record; the next segment's base for sealed ones

	offsets index.Offsets
	times   index.Times
	txns    index.Txns
	counted int64 // bytes of the three that the cache has been told of

	// largest is the latest timestamp so far; valid if stamped.
	largest Stamp
	stamped bool
	// first is the largest timestamp of the first batch, which counts for
	// segment.ms; valid if firstKnown.
	first      int64
	firstKnown bool
	// indexed is the position of the last offset entry's batch, 0 without any;
	// timed the timestamp of the last time entry, -1 without any. Both are known
	// in the active segment only.
	indexed, timed int64
	// reserved is the end of the disk space reserved ahead of appends.
	reserved int64
	// ends are where the last reads ended: the next ones probably begin there.
	// What a read learns is only kept when version is still what it was.
	ends    *ends
	version int // raised when batches move: by Truncate and Recover
}

// Name returns the file name of a segment without suffix.
func Name(base int64) string { return fmt.Sprintf("%020d", base) }

// Files are a segment's files as found in its directory: their lengths, 0 for
// those that do not exist, and the offset at which the next segment begins.
type Files struct {
	Base, Next             int64 // Next is 0 for the newest segment: Load or Recover will tell
	Log, Offset, Time, Txn int64
}

// Create makes the files of a new, empty segment.
func Create(home *Home, base int64) (*Segment, error) {
	s := newSegment(home, base)
	s.next, s.stamped = base, true
	h, err := s.create()
	if err != nil {
		return nil, err
	}
	h.release()
	return s, nil
}

// Existing returns the segment that has these files. Nothing is opened or read.
// Call Load or Recover before appending to it.
func Existing(home *Home, f Files) *Segment {
	s := newSegment(home, f.Base)
	s.size, s.next = f.Log, f.Next
	s.offsets.InFile(f.Offset)
	s.times.InFile(f.Time)
	s.txns.InFile(f.Txn)
	return s
}

func newSegment(home *Home, base int64) *Segment {
	return &Segment{
		home: home, base: base, largest: Stamp{-1, base}, first: -1, timed: -1,
		offsets: index.NewOffsets(), times: index.NewTimes(), txns: index.NewTxns(),
	}
}

// Base returns the offset that the segment's name says.
func (s *Segment) Base() int64 { return s.base }

// Size returns the length of the data file in bytes.
func (s *Segment) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// Next returns the offset after the last record; for a sealed segment, the base
// of the one after it.
func (s *Segment) Next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// SetNext says where the segment after this one begins.
func (s *Segment) SetNext(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

// relative is an offset as the indexes have it.
func (s *Segment) relative(offset int64) uint32 {
	return uint32(min(max(offset-s.base, 0), maxRelative))
}

// maxRelative is how far from its base a segment's offsets, and how far into the
// file its positions may reach: the indexes have 31 bits for each.
const maxRelative = 1<<31 - 1

// Fits reports whether an offset is near enough to the base to be appended. Kafka
// once let segments grow beyond that; they are read, only without index entries.
func (s *Segment) Fits(offset int64) bool { return offset-s.base <= maxRelative }
