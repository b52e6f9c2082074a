package record

import (
	"errors"
	"io"

	"github.com/leatmq/leat/log/compress"
)

// Rules are what a partition asks of a record set, and when.
type Rules struct {
	ProduceVersion       int16 // of the request; below 3 old message sets are allowed
	MaxBatchBytes        int   // max.message.bytes: of one batch as stored
	MaxInflatedBytes     int   // what one batch may inflate to
	Compacted            bool  // every record must have a key
	LogAppendTime        bool  // else timestamps are the producer's
	TimestampBeforeMaxMs int64
	TimestampAfterMaxMs  int64
	Recompress           bool           // compression.type is not producer, so:
	Codec                compress.Codec // what to store with
	Level                int            // as of Spec.Level
	Internal             bool           // the broker's own write: several batches, markers and any base offset are allowed
	NowMs                int64          // milliseconds since 1970
	Partition            string         // topic-partition, for messages only
}

// Prepared is a record set that may be appended.
type Prepared struct {
	// Set holds batches of magic 2 with offsets 0 to Offsets-1. It is the set given to
	// Prepare, perhaps with changed headers, or lies in the Scratch when Rebuilt. Its
	// base offsets and leader epochs are the caller's to stamp. It is empty when the
	// set held no whole message, which only a Produce below version 3 may.
	Set     []byte
	Offsets int64
	Batches int
	// MaxTimestamp is the largest timestamp in milliseconds, and MaxTimestampOffset the
	// last offset of the batch that has it, as the time index wants it; both -1 when no
	// record has a timestamp.
	MaxTimestamp       int64
	MaxTimestampOffset int64
	LogAppendTime      int64 // what all timestamps became; -1 unless Rules.LogAppendTime
	Rebuilt            bool
}

// Scratch is the memory that Prepare, Downconvert and Filter work in, for one call at a time.
// What Prepare returned may lie in it until the next call. The zero Scratch is ready.
type Scratch struct {
	rules Rules // of the call under way
	it    Iterator
	b     Builder
	out   []byte
	keep  []bool // of Filter: which records stay
}

// scratchKeep is how much of a buffer a Scratch keeps from one call to the next.
const scratchKeep = 4 << 20

// Trim lets go of what one huge batch has left behind. What Prepare returned stays valid.
func (s *Scratch) Trim() {
	for _, buf := range []*[]byte{&s.it.inflated, &s.b.records, &s.out} {
		if cap(*buf) > scratchKeep {
			*buf = nil
		}
	}
}

// Prepare judges what a producer sent and makes it ready to append, in Kafka's order: the
// shape of the set, then sizes, CRCs and codecs, then each batch's header, then each record.
// Every record is walked, inflated if need be, and none is compressed again unless a rule
// asks for it. The work needs nothing of the log and is done outside its lock.
//
// The error is an *Error, of kind
//
//	ErrCorrupt                 bad size, magic or CRC, data that does not inflate
//	ErrTooLarge                a batch over MaxBatchBytes, or inflating to more than MaxInflatedBytes
//	ErrUnsupportedCompression  unknown codec, zstd below Produce 7
//	ErrInvalidTimestamp        with the records at fault
//	ErrInvalidRecord           everything else, with the records at fault where records are
//
// Kafka answers UNKNOWN_SERVER_ERROR to unknown codecs, data that does not inflate and
// overlong varints, and stores wrong offset deltas; here each is refused by its name.
func Prepare(set []byte, r Rules, s *Scratch) (Prepared, error) {
	s.Trim()
	s.rules = r
	s.it.MaxInflated = r.MaxInflatedBytes
	shape, err := survey(set, &s.rules)
	if err != nil {
		return Prepared{}, err
	}
	switch {
	case shape.batches == 0:
		return Prepared{MaxTimestamp: -1, MaxTimestampOffset: -1, LogAppendTime: -1}, nil
	case shape.first.Legacy():
		return convert(set[:shape.size], s)
	default:
		return pass(set[:shape.size], s)
	}
}

// shape is what a look over the headers of a set tells.
type shape struct {
	first   Batch
	size    int // of the whole batches; what is cut short behind them is ignored
	batches int
}

// survey checks everything about a set that its records need not be looked at for.
func survey(set []byte, r *Rules) (shape, error) {
	sh, err := measure(set)
	if err != nil {
		return sh, err
	}
	if r.ProduceVersion >= 3 && !r.Internal {
		if err := sh.checkRequest(r); err != nil {
			return sh, err
		}
	}
	compressed := false
	for rest := set[:sh.size]; len(rest) > 0; {
		var b Batch
		if b, rest, err = Next(rest); err != nil {
			return sh, err
		}
		if err := checkEntry(b, r); err != nil {
			return sh, err
		}
		if b.Magic() != sh.first.Magic() {
			return sh, invalid("batches of magic %d and %d in one set", sh.first.Magic(), b.Magic())
		}
		compressed = compressed || b.Codec() != compress.None
	}
	if sh.batches > 1 && !r.Internal && (compressed || !sh.first.Legacy()) {
		return sh, invalid("%d batches where one is allowed", sh.batches)
	}
	return sh, nil
}

// measure counts the whole batches of a set.
func measure(set []byte) (shape, error) {
	var sh shape
	for rest := set; len(rest) > 0; sh.batches++ {
		b, after, err := Next(rest)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return sh, early(err)
		}
		if sh.batches == 0 {
			sh.first = b
		}
		rest = after
		sh.size = len(set) - len(rest)
	}
	return sh, nil
}

// checkRequest holds what Produce asks of its records from version 3 on: exactly one batch,
// of magic 2, and zstd only from version 7 on.
func (sh *shape) checkRequest(r *Rules) error {
	switch {
	case sh.batches == 0:
		return early(invalid("no whole batch"))
	case sh.first.Legacy():
		return early(invalid("magic %d in produce version %d", sh.first.Magic(), r.ProduceVersion))
	case sh.first.Codec() == compress.Zstd && r.ProduceVersion < 7:
		return early(&Error{Kind: ErrUnsupportedCompression, Detail: "zstd needs produce version 7"})
	case sh.batches > 1:
		return early(invalid("%d batches where one is allowed", sh.batches))
	}
	return nil
}

// checkEntry checks one entry's size, CRC and codec.
func checkEntry(b Batch, r *Rules) error {
	switch {
	case !b.Legacy() && b.BaseOffset() != 0 && !r.Internal:
		return invalid("base offset %d where a client must send 0", b.BaseOffset())
	case len(b) > r.MaxBatchBytes:
		return tooLarge(len(b), r)
	case !b.CheckCRC():
		return corrupt("CRC is wrong")
	case !b.Codec().Known():
		return &Error{Kind: ErrUnsupportedCompression, Detail: "unknown " + b.Codec().String()}
	}
	return nil
}

// early marks an error as found before any log was asked.
func early(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Early = true
	}
	return err
}
