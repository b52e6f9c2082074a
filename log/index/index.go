// Package index holds the three indexes of a log segment, entry for entry as
// Kafka's files have them (all numbers big-endian):
//
//	.index      relative offset 4 │ file position 4
//	.timeindex  timestamp 8 │ relative offset 4
//	.txnindex   version 2 = 0 │ producer id 8 │ first offset 8 │ last offset 8 │ last stable offset 8
//
// Relative offsets count from the segment's base offset. An offset entry names
// the last offset of the batch that begins at the position. A time entry says
// that no record up to its offset is later than its timestamp. A transaction
// entry is one aborted transaction, noted at its marker.
//
// Where Kafka maps a file of its full size into memory, an index here is bytes
// in memory, the newest of them perhaps not yet in the file:
//
//	file    ├──────────────────────┤            Written entries
//	memory            ├───────────────────┤     [first, Len): Append adds, Save
//	                                            writes, Drop forgets, Load gets back
//
// What is in neither place does not exist: first <= Written. A file may end in
// zeros where Kafka died with it open, or be wrong altogether: Load finds out,
// and the segment builds the index anew from its log, which is the only truth.
//
// Indexes do not lock; their segment does.
package index

import "errors"

// Suffixes of the files' names.
const (
	OffsetSuffix = ".index"
	TimeSuffix   = ".timeindex"
	TxnSuffix    = ".txnindex"
)

// Sizes of the entries, in bytes.
const (
	OffsetEntrySize = 8
	TimeEntrySize   = 12
	TxnEntrySize    = 34
)

var (
	// ErrCorrupt means that a file is no index: entries that do not rise, half an
	// entry, an unknown version, fewer entries than were written.
	ErrCorrupt = errors.New("corrupt index")
	// ErrNotLoaded means that the answer lies in entries that are only in the
	// file: Load, and ask again.
	ErrNotLoaded = errors.New("index is not in memory")
)
