package dir

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/leatmq/leat/log"
)

const (
	// movePiece is how much a move copies at a time.
	movePiece = 1 << 20
	// swapPiece is how much may be left to copy while appends are kept away.
	swapPiece = 8 << 20
)

// Why a copy cannot go on for the moment.
var (
	errBehind  = errors.New("the log grows or loses records as fast as it is copied")
	errNoLog   = errors.New("the log to be copied is gone")
	errDiverge = errors.New("the copy is not the beginning of the log")
)

// runMoves fills the copies under way to this directory, in turns, until ctx ends.
func (d *Dir) runMoves(ctx context.Context) {
	retry := time.NewTimer(d.set.o.Intervals.Move)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.moves:
		case <-retry.C:
		}
		for progress := true; progress && ctx.Err() == nil; {
			progress = false
			for _, f := range d.coming() {
				progress = d.moveOn(ctx, f) || progress
			}
		}
		retry.Reset(d.set.o.Intervals.Move)
	}
}

// moveOn copies a piece, or swaps the logs when nothing is left to copy. It
// returns false when the move has to wait.
func (d *Dir) moveOn(ctx context.Context, f *held) bool {
	if d.admit() != nil || ctx.Err() != nil {
		return false
	}
	began := d.set.o.Now()
	n, err := d.fill(f, movePiece)
	if err == nil && n == 0 {
		err = d.swap(f)
	}
	switch {
	case err == nil:
		d.pace(ctx, n, began)
		return n > 0 || d.set.coming(f.partition) != f
	case errors.Is(err, errBehind), errors.Is(err, errNoLog), errors.Is(err, log.ErrClosed):
	case f.moveError != err.Error(): // once
		f.moveError = err.Error()
		d.set.o.Logger.Warn("moving a log cannot go on and is tried again", "to", f.log.Dir(), "error", err)
	}
	return false
}

// pace waits until n bytes were due since began.
func (d *Dir) pace(ctx context.Context, n int, began time.Time) {
	rate := d.set.o.MoveRate()
	if rate <= 0 {
		return
	}
	due := began.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	wait := time.NewTimer(due.Sub(d.set.o.Now()))
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	}
}

// fill copies up to most bytes, at least a batch, from the current log. It
// returns 0 when the copy has all. A follower's log may be cut and written anew
// meanwhile: what was read then may be of both, and is dropped.
func (d *Dir) fill(f *held, most int) (n int, err error) {
	f.busy.Lock()
	defer f.busy.Unlock()
	h := d.set.get(f.partition)
	if h == nil || d.set.coming(f.partition) != f || h.dir.Err() != nil {
		return 0, errNoLog
	}
	cuts := h.log.Cuts()
	if err := align(f.log, h.log); err != nil {
		return 0, d.copyFailed(err)
	}
	piece, err := read(h.log, f.log.EndOffset(), most)
	if errors.Is(err, log.ErrOffsetOutOfRange) || h.log.Cuts() != cuts {
		return 0, errBehind // retention was faster, or a truncation: align again
	}
	if err != nil {
		h.dir.logFailed(h.log, err)
		return 0, err
	}
	if len(piece) == 0 {
		return 0, nil
	}
	_, err = f.log.Copy(piece)
	return len(piece), d.copyFailed(err)
}

// read returns whole batches from an offset on, to the end of the log.
func read(l *log.Log, from int64, most int) ([]byte, error) {
	s, err := l.Read(log.ReadRequest{Offset: from, UpTo: l.EndOffset(), MaxBytes: most, MinOne: true})
	if err != nil {
		return nil, err
	}
	defer s.Release()
	return s.Bytes(make([]byte, 0, s.Len()))
}

// align makes a copy a part of the log that goes on where it ends: it cuts off
// what the log no longer has, at either end (KIP-101).
func align(copied, l *log.Log) error {
	if end := agreed(copied, l); copied.EndOffset() > end {
		if err := copied.Truncate(end); err != nil {
			return err
		}
	}
	start := l.StartOffset()
	switch {
	case copied.EndOffset() < start:
		return copied.TruncateFullyAndStartAt(start)
	case copied.StartOffset() < start:
		return copied.SetStartOffset(start)
	}
	return nil
}

// agreed is the offset up to which two logs have the same leaders' records.
func agreed(copied, l *log.Log) int64 {
	end := min(copied.EndOffset(), l.EndOffset())
	for epoch := copied.LatestEpoch(); epoch >= 0; {
		found, foundEnd := l.EndOffsetForEpoch(min(epoch, l.LatestEpoch()))
		if found == epoch {
			return min(end, foundEnd)
		}
		if found < 0 || found > epoch {
			return min(end, l.StartOffset())
		}
		mine, mineEnd := copied.EndOffsetForEpoch(found)
		end = min(end, foundEnd, max(mineEnd, 0))
		epoch = mine
		if mine == found {
			return end
		}
	}
	return end
}

// sameTail compares the last batch of a copy with the log's at that offset. A
// copy that was left alone for a while may be of a log that lost its end since,
// and wrote other records there.
func sameTail(copied, l *log.Log) error {
	at := copied.EndOffset() - 1
	if at < l.StartOffset() || at < copied.StartOffset() {
		return nil // nothing to compare; align begins anew
	}
	mine, err := read(copied, at, 1)
	if err != nil {
		return err
	}
	theirs, err := read(l, at, 1)
	if err != nil {
		return err
	}
	if !bytes.Equal(mine, theirs) {
		return errDiverge
	}
	return nil
}
