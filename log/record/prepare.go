package record

import "github.com/leatmq/leat/log/compress"

// Rules are what a partition asks of a record set, and when.
type Rules struct {
	ProduceVersion       int16 // of the request; older ones may hold old message sets
	MaxBatchBytes        int   // max.message.bytes
	MaxInflatedBytes     int   // what one batch may inflate to
	Compacted            bool  // every record must have a key
	LogAppendTime        bool  // else timestamps are the producer's
	TimestampBeforeMaxMs int64
	TimestampAfterMaxMs  int64
	Recompress           bool           // compression.type is not producer, so:
	Codec                compress.Codec // what to store with
	Level                int            // as of compress.Deflate
	Internal             bool           // the broker's own write: markers and any base offset are allowed
	NowMs                int64          // milliseconds since 1970
	Partition            string         // topic-partition, for messages only
}

// Prepared is a record set that may be appended.
type Prepared struct {
	// Set holds batches of magic 2 with offsets 0 to Offsets-1. It is the set given to
	// Prepare, perhaps with changed headers, or lies in the Scratch when Rebuilt.
	Set     []byte
	Offsets int64
	Batches int
	// MaxTimestamp is the largest timestamp, and MaxTimestampOffset the last offset of
	// the batch that has it, as the time index wants it. -1 when there is no timestamp.
	MaxTimestamp       int64
	MaxTimestampOffset int64
	LogAppendTime      int64 // -1 unless Rules.LogAppendTime
	Rebuilt            bool
}

// Scratch is the memory of one call of Prepare at a time. What Prepare returned lies in it
// until the next call.
type Scratch struct {
	it  Iterator
	b   Builder
	out []byte
}

// Prepare judges a record set by the rules.
func Prepare(set []byte, r Rules, s *Scratch) (Prepared, error) {
	return Prepared{Set: set, LogAppendTime: -1}, nil
}
