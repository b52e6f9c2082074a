package partition

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition/wait"
)

// ReadRequest asks a leader for records.
type ReadRequest struct {
	Offset   int64
	MaxBytes int
	MinOne   bool // the first batch whole, however large
	// Committed hides records of undecided transactions and lists the aborted
	// ones (isolation level read_committed).
	Committed bool
	// LastFetchedEpoch is the epoch of the last record the reader has, -1 when
	// it does not say. A reader whose log has parted from the leader's is told
	// where (KIP-595).
	LastFetchedEpoch int32
	// Aborted is where the aborted transactions are appended.
	Aborted []log.AbortedTxn
}

// Divergence is where the leader's log parts from the reader's: the largest
// epoch both may have, and where it ended.
type Divergence struct {
	Epoch     int32
	EndOffset int64
}

// Reading is what a read found. The Slice must be released.
type Reading struct {
	Slice         log.Slice
	HighWatermark int64
	LastStable    int64
	StartOffset   int64
	Aborted       []log.AbortedTxn
	Diverging     *Divergence // then there are no records
}

// Read finds records from an offset on that consumers may see. An offset
// between the high watermark and the end of the log is in range: there is
// nothing yet.
//
// Errors: log.ErrOffsetOutOfRange, log.ErrClosed, *log.IOError.
func (l *Leader) Read(q ReadRequest) (out Reading, err error) {
	for {
		lg := l.Log()
		out, err = l.read(lg, q)
		if !errors.Is(err, log.ErrClosed) || l.Log() == lg {
			return out, err // or else the log was moved to another directory meanwhile
		}
	}
}

func (l *Leader) read(lg *log.Log, q ReadRequest) (Reading, error) {
	out := Reading{HighWatermark: l.HighWatermark(), StartOffset: lg.StartOffset(), Aborted: q.Aborted}
	out.LastStable = lg.LastStableOffset(out.HighWatermark)
	if q.LastFetchedEpoch >= 0 {
		d, err := diverging(lg, q)
		if d != nil || err != nil {
			out.Diverging = d
			return out, err
		}
	}
	if q.Offset < out.StartOffset || q.Offset > lg.EndOffset() {
		return out, log.ErrOffsetOutOfRange
	}
	bound := out.HighWatermark
	if q.Committed {
		bound = out.LastStable
	}
	if q.Offset >= bound || q.MaxBytes <= 0 && !q.MinOne {
		return out, nil
	}
	var err error
	out.Slice, err = lg.Read(log.ReadRequest{Offset: q.Offset, UpTo: bound, MaxBytes: q.MaxBytes, MinOne: q.MinOne})
	if err != nil || !q.Committed || out.Slice.Len() == 0 {
		return out, err
	}
	if out.Aborted, err = aborted(lg, q, &out.Slice, bound); err != nil {
		out.Slice.Release()
	}
	return out, err
}

// aborted appends the aborted transactions that have begun in or before the
// records that were read, and reach into them.
func aborted(lg *log.Log, q ReadRequest, read *log.Slice, bound int64) ([]log.AbortedTxn, error) {
	had := len(q.Aborted)
	all, err := lg.Aborted(q.Aborted, q.Offset, bound)
	if err != nil || len(all) == had {
		return all, err
	}
	end, err := behind(read)
	if err != nil {
		return all, err
	}
	found := slices.DeleteFunc(all[had:], func(t log.AbortedTxn) bool { return t.FirstOffset >= end })
	return all[:had+len(found)], nil
}

// behind is the offset behind the last batch of a slice. It reads the batches'
// headers.
func behind(s *log.Slice) (end int64, err error) {
	const lengthAt, counted = 8, 12 // bytes before what the length counts
	header := make(record.Batch, record.HeaderSize)
	for at := 0; at < s.Len(); {
		n, err := s.ReadAt(header, int64(at))
		if n < min(len(header), s.Len()-at) {
			return end, err
		}
		end = header.NextOffset()
		at += counted + int(binary.BigEndian.Uint32(header[lengthAt:]))
	}
	return end, nil
}

// diverging compares the epoch of the reader's last record with the leader's
// history.
func diverging(lg *log.Log, q ReadRequest) (*Divergence, error) {
	epoch, end := lg.EndOffsetForEpoch(q.LastFetchedEpoch)
	switch {
	case epoch == -1 || end == -1 || q.Offset < lg.StartOffset():
		return nil, log.ErrOffsetOutOfRange
	case epoch < q.LastFetchedEpoch || end < q.Offset:
		return &Divergence{Epoch: epoch, EndOffset: end}, nil
	}
	return nil, nil
}

// DeleteRecords moves the start of the log up to offset, -1 meaning the high
// watermark, and returns the new start. The records are gone for readers at
// once; files go with the next retention.
//
// Errors: log.ErrOffsetOutOfRange for a negative offset and for one above the
// high watermark, ErrNotLeader, *log.IOError.
func (l *Leader) DeleteRecords(offset int64) (int64, error) {
	l.role.RLock()
	defer l.role.RUnlock()
	if l.retired {
		return -1, ErrNotLeader
	}
	high := l.HighWatermark()
	if offset == -1 {
		offset = high
	}
	if offset < 0 || offset > high {
		return -1, log.ErrOffsetOutOfRange
	}
	lg := l.Log()
	if offset > lg.StartOffset() {
		if err := lg.SetStartOffset(offset); err != nil {
			return -1, err
		}
		// Long polls look again: a reader before the new start must hear of it.
		l.replica.watchers.Notify(wait.Event{Offset: high, Lost: true})
	}
	return lg.StartOffset(), nil
}
