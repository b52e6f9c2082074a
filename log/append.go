package log

// Origin says who appends, which decides what is checked.
type Origin int8

const (
	// Client is a producer: everything is checked.
	Client Origin = iota
	// Coordinator is this broker itself: it writes its own control and
	// offset records, so sequences are not checked and control batches allowed.
	Coordinator
)

// AppendOptions go with one append.
type AppendOptions struct {
	// LeaderEpoch is stamped into each batch. -1 when epochs are not known.
	LeaderEpoch int32
	// ProduceVersion is the version of the produce request; it decides which
	// formats and codecs are allowed.
	ProduceVersion int16
	// Origin says who appends.
	Origin Origin
	// DeferSync leaves it to the caller to wait for the disk: when the answer
	// has SyncDue, the append must not be acknowledged before Sync(LastOffset+1)
	// returned nil. Without it Append waits itself.
	DeferSync bool
}

// Appended is what an append did.
type Appended struct {
	BaseOffset int64 // of the first record
	LastOffset int64 // of the last one
	// LogAppendTime is the broker's time in milliseconds that all records got,
	// or -1 when they keep their own.
	LogAppendTime int64
	StartOffset   int64 // the log's start offset
	Bytes         int   // written; 0 for a duplicate
	// Duplicate is true when the producer sent again what the log already has:
	// nothing was written, and the offsets are those of the first time.
	Duplicate bool
	// SyncDue is true when flush.messages asks for Sync(LastOffset+1) first.
	SyncDue bool
}

// Append validates a producer's record set, gives it offsets and writes it.
// The bytes of set are changed in place (offsets, epoch). It may be called
// concurrently; validation happens outside the log's lock.
//
// Errors: *record.Error, the producer package's, ErrSetTooLarge, ErrNoSpace,
// ErrClosed, *IOError. On any error nothing was appended.
func (l *Log) Append(set []byte, o AppendOptions) (Appended, error) {
	return Appended{}, ErrClosed
}
