package partition

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

// ReadRequest asks a replica for records.
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
	EndOffset     int64 // the log's end; there may be records by now
	Aborted       []log.AbortedTxn
	Diverging     *Divergence // then there are no records
	// OutOfSync is set for a follower that is not in sync: look at the partition
	// with each of its fetches, for it may be taken in whenever its broker is
	// known to be alive.
	OutOfSync bool
}

// Read finds records from an offset on that consumers may see. An offset
// between the high watermark and the end of the log is in range: there is
// nothing yet.
//
// Errors: log.ErrOffsetOutOfRange, log.ErrClosed, *log.IOError.
func (l *Leader) Read(q ReadRequest) (Reading, error) { return l.replica.read(q, consumer) }

// Read is Leader.Read, for consumers that may read from a follower too
// (KIP-392): up to the high watermark that it has been told. epoch is the
// caller's, -1 for whatever.
//
// Errors: ErrUnknown, ErrOffline, ErrNotLeader for a replica without a role,
// ErrFencedEpoch, ErrUnknownEpoch, and Leader.Read's.
func (r *Replica) Read(epoch int32, q ReadRequest) (Reading, error) {
	if err := r.usable(); err != nil {
		return Reading{}, err
	}
	if err := r.checkEpoch(epoch); err != nil {
		return Reading{}, err
	}
	if r.leader.Load() == nil && r.follower.Load() == nil {
		return Reading{}, ErrNotLeader
	}
	return r.read(q, consumer)
}

// FollowerRead asks a leader for records on behalf of a follower.
type FollowerRead struct {
	Replica int32 // the follower
	// LeaderEpoch is the one that the follower named, -1 when it named none.
	LeaderEpoch int32
	ReadRequest // Committed is not looked at
}

// ReadFollower finds records for a follower, up to the end of the log. When it
// is answered for the first time, tell FollowerFetched.
//
// Errors: Read's; ErrUnknownEpoch or ErrNotLeader for a broker that is not a
// replica, the former if it named an epoch: one of the two does not know the
// latest assignment.
func (l *Leader) ReadFollower(q FollowerRead) (Reading, error) {
	l.mu.Lock()
	assigned, again := l.progress.Assigned(q.Replica), l.progress.HasAsked(q.Replica, q.Offset)
	outOfSync := !slices.Contains(l.progress.ISR(), q.Replica)
	l.mu.Unlock()
	switch {
	case !assigned && q.LeaderEpoch >= 0:
		return Reading{}, ErrUnknownEpoch
	case !assigned:
		return Reading{}, ErrNotLeader
	}
	q.Committed = false
	out, err := l.replica.read(q.ReadRequest, follower)
	out.OutOfSync = outOfSync
	if err == nil && again && out.Slice.Len() > 0 {
		if err = l.replica.verify(&out.Slice); err != nil {
			out.Slice.Release()
		}
	}
	return out, err
}

// reader is who reads: it decides how far.
type reader int8

const (
	consumer reader = iota // to the high watermark
	follower               // to the end
)

func (r *Replica) read(q ReadRequest, who reader) (out Reading, err error) {
	for {
		lg := r.Log()
		out, err = r.readLog(lg, q, who)
		if !errors.Is(err, log.ErrClosed) || r.Log() == lg {
			return out, err // or else the log was moved to another directory meanwhile
		}
	}
}

func (r *Replica) readLog(lg *log.Log, q ReadRequest, who reader) (Reading, error) {
	out := Reading{HighWatermark: r.high.Load(), StartOffset: lg.StartOffset(), EndOffset: lg.EndOffset(), Aborted: q.Aborted}
	out.LastStable = lg.LastStableOffset(out.HighWatermark)
	if q.LastFetchedEpoch >= 0 {
		d, err := diverging(lg, q)
		if d != nil || err != nil {
			out.Diverging = d
			return out, err
		}
	}
	if q.Offset < out.StartOffset || q.Offset > out.EndOffset {
		return out, log.ErrOffsetOutOfRange
	}
	in, until := r.damagedAt(q.Offset)
	if in != nil {
		return out, r.isDamaged(*in)
	}
	bound := min(out.bound(q, who), until)
	if q.Offset >= bound || q.MaxBytes <= 0 && !q.MinOne {
		return out, nil
	}
	var err error
	out.Slice, err = lg.Read(log.ReadRequest{Offset: q.Offset, UpTo: bound, MaxBytes: q.MaxBytes, MinOne: q.MinOne})
	if err != nil {
		return out, r.readError(q.Offset, err)
	}
	if !q.Committed || out.Slice.Len() == 0 {
		return out, nil
	}
	if out.Aborted, err = aborted(lg, q, &out.Slice, bound); err != nil {
		out.Slice.Release()
	}
	return out, err
}

// bound is the offset below which the reader may read.
func (g *Reading) bound(q ReadRequest, who reader) int64 {
	switch {
	case who == follower:
		return g.EndOffset
	case q.Committed:
		return g.LastStable
	}
	return g.HighWatermark
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

// Where a batch says how long it is, and how many bytes that does not count.
const lengthAt, counted = 8, 12

// behind is the offset behind the last batch of a slice. It reads the batches'
// headers.
func behind(s *log.Slice) (end int64, err error) {
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
		l.replica.lost()
	}
	return lg.StartOffset(), nil
}
