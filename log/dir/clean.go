package dir

import (
	"context"
	"errors"
	"time"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// Uncleaned is a log that has cleanup.policy compact.
type Uncleaned struct {
	Partition     checkpoint.Partition
	Log           *log.Log
	FirstDirty    int64 // where the last cleaning ended
	HighWatermark int64

	held *held
}

// Claim must be called before the log is cleaned: until release it is not
// deleted, and retention keeps away. ok is false when one of them has it. The
// context ends with ctx, and as soon as somebody wants to delete the log.
func (u Uncleaned) Claim(ctx context.Context) (cleaning context.Context, release func(), ok bool) {
	h := u.held
	if !h.busy.TryLock() {
		return ctx, nil, false
	}
	if s := h.dir.set; s.get(h.partition) != h || s.coming(h.partition) != nil {
		h.busy.Unlock()
		return ctx, nil, false
	}
	cleaning, cancel := context.WithCancel(ctx)
	h.stop.Store(&cancel)
	return cleaning, func() {
		h.stop.Store(nil)
		cancel()
		h.busy.Unlock()
	}, true
}

// Cleaned says what a CleanFunc did.
type Cleaned struct {
	Partition  checkpoint.Partition
	FirstDirty int64 // the new end of the clean part
}

// CleanFunc picks the log that needs compaction most, claims it and compacts it.
// worked is false when none needs any. An error is about the log that c names:
// that one is not offered again until restart, unless its cleaning was stopped.
type CleanFunc func(ctx context.Context, logs []Uncleaned) (c Cleaned, worked bool, err error)

// clean offers the compacted logs to the cleaner, again at once as long as it
// finds work, else after a pause.
func (s *Set) clean(ctx context.Context) {
	failed := make(map[*held]bool)
	timer := time.NewTimer(s.o.Intervals.Clean)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for ctx.Err() == nil && s.cleanOne(ctx, failed) {
		}
		timer.Reset(s.o.Intervals.Clean)
	}
}

// cleanOne lets the cleaner do one log. It returns false when there is nothing
// to do.
func (s *Set) cleanOne(ctx context.Context, failed map[*held]bool) bool {
	logs := s.uncleaned(failed)
	if len(logs) == 0 {
		return false
	}
	c, worked, err := s.o.Clean(ctx, logs)
	h := s.get(c.Partition)
	switch {
	case err == nil && worked && h != nil:
		return h.dir.cleaned(c.Partition, c.FirstDirty) == nil
	case err == nil || h == nil:
		return worked
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, log.ErrClosed) || errors.Is(err, log.ErrNoSpace) {
		return false // later
	}
	failed[h] = true
	s.o.Logger.Error("log cannot be compacted and grows until restart", "log", h.log.Dir(), "error", err)
	if ofDisk(err) {
		h.dir.failed(err)
	}
	return true
}

// uncleaned lists the compacted logs whose high watermark is known.
func (s *Set) uncleaned(failed map[*held]bool) []Uncleaned {
	var list []Uncleaned
	for _, d := range s.online() {
		for _, h := range d.held() {
			if !h.log.Config().Compact || failed[h] || s.coming(h.partition) != nil {
				continue // a copy that has a record must see its tombstone too
			}
			if hw := s.o.HighWatermark(h.partition); hw >= 0 {
				list = append(list, Uncleaned{h.partition, h.log, d.firstDirty(h), hw, h})
			}
		}
	}
	return list
}

// firstDirty is where the last cleaning of a log ended; its start when the
// checkpoint lies outside of it. What is cut from now on counts for the next one.
func (d *Dir) firstDirty(h *held) int64 {
	d.points.mu.Lock()
	delete(d.points.cuts, h.partition)
	o, ok := d.points.dirty[h.partition]
	d.points.mu.Unlock()
	if start := h.log.StartOffset(); !ok || o < start || o > h.log.EndOffset() {
		return start
	}
	return o
}
