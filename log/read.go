package log

// ReadRequest asks for whole batches beginning with the one that holds Offset.
type ReadRequest struct {
	Offset   int64
	UpTo     int64 // no batch beginning at or behind it (high watermark or last stable offset)
	MaxBytes int   // no more than so much
	MinOne   bool  // but the first batch whole, however large
}

// Read finds the data that answers r, without reading it. The slice is empty
// when r.Offset is at r.UpTo or at the end, or nothing fits. The caller must
// Release the slice.
//
// Errors: ErrOffsetOutOfRange, ErrClosed, *IOError.
func (l *Log) Read(r ReadRequest) (Slice, error) { return Slice{}, ErrClosed }

// Found is the answer to a lookup by time.
type Found struct {
	Offset    int64
	Timestamp int64 // milliseconds
	Epoch     int32 // leader epoch of the batch, -1 when unknown
}

// OffsetForTimestamp finds the first record below upTo whose timestamp is at
// least ts. false: there is none.
func (l *Log) OffsetForTimestamp(ts, upTo int64) (Found, bool, error) {
	return Found{}, false, ErrClosed
}

// OffsetOfMaxTimestamp finds the record with the largest timestamp below upTo,
// the first of them. false: the log is empty (ListOffsets -3, KIP-734).
func (l *Log) OffsetOfMaxTimestamp(upTo int64) (Found, bool, error) {
	return Found{}, false, ErrClosed
}

// SegmentOffset is the base offset of a segment and when it was last written.
type SegmentOffset struct {
	Base     int64
	Modified int64 // milliseconds
}

// SegmentOffsets lists the segments ascending (ListOffsets v0 needs them).
func (l *Log) SegmentOffsets() []SegmentOffset { return nil }

// AbortedTxn is a transaction that was aborted: readers of committed data skip
// its records (fetch v4 and up).
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// Aborted appends to dst the aborted transactions that overlap [from, upTo).
func (l *Log) Aborted(dst []AbortedTxn, from, upTo int64) ([]AbortedTxn, error) {
	return dst, ErrClosed
}
