// Package compact is the cleaner of logs with cleanup.policy compact: it keeps the last
// record of each key.
//
//	offset  0                firstDirty                   uncleanable        end
//	        ├─── clean ──────────┼──────────── dirty ──────────┼─ not touched ──┤
//	                             │                             └ the active segment, undecided
//	                             └ the last cleaning's end        transactions, min.compaction.lag.ms
//
// A log is due when dirty / (clean + dirty) bytes pass min.cleanable.dirty.ratio, or when
// max.compaction.lag.ms is over for its oldest dirty batch; the dirtiest comes first (plan.go).
// Then
//
//  1. the dirty part is read: the offset map learns the last offset of each key, leaving out
//     what aborted transactions wrote, until it is full (map.go);
//  2. clean and dirty part, up to where the map reaches, are rewritten segment by segment,
//     small ones together; each new segment replaces what it was made from (rewrite.go).
//
// What stays (filter.go):
//
//	record             at or behind the last offset of its key, or behind the map's end
//	tombstone          so too, until its batch's delete horizon: the first pass that meets
//	                   it sets that to delete.retention.ms from then
//	transaction data   committed: like any record; aborted: none
//	marker             while a batch of its transaction is left, then until its horizon (txns.go)
//	empty batch        the header of a batch that holds its producer's last sequence
//	record without key none: a compacted topic accepts none
//
// Offsets never change. In old messages, which have no horizon, tombstones go when the
// segment is older than delete.retention.ms, measured at the end of the clean part.
//
// # Crash points
//
//	while writing          .cleaned files: removed when the log is opened
//	between two segments   those done are in place, the others as they were: both hold the
//	                       last record of every key, since only records that a later one
//	                       has replaced are ever missing
//	before the checkpoint  the same part is cleaned again, which changes nothing
//	around a truncation    the checkpoint goes down to the cut first (dir.Set): what comes to
//	                       lie there is dirty
//
// What happens inside the replacement of a segment is in log.Rewrite.
package compact

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
)

// Limits is what the cleaner may use.
type Limits struct {
	// MapBytes is log.cleaner.dedupe.buffer.size: memory for the offset map. Less is
	// taken when less is dirty, and it is given back after each cleaning.
	MapBytes int
	// LoadFactor is log.cleaner.io.buffer.load.factor: how full the map may get, 0 to 1.
	LoadFactor float64
	// BytesPerSecond is log.cleaner.io.max.bytes.per.second, read and written together.
	BytesPerSecond float64
}

// DefaultLimits are Kafka's.
func DefaultLimits() Limits {
	return Limits{MapBytes: 128 << 20, LoadFactor: 0.9, BytesPerSecond: math.MaxFloat64}
}

// Options say how to clean.
type Options struct {
	Limits func() Limits    // asked before each cleaning; nil: DefaultLimits
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default()
}

// Cleaner cleans one log at a time.
type Cleaner struct{ o Options }

// New returns a Cleaner. Its Clean is a dir.CleanFunc.
func New(o Options) *Cleaner {
	if o.Limits == nil {
		o.Limits = DefaultLimits
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Cleaner{o}
}

// Target is a log to clean.
type Target struct {
	Log           *log.Log
	FirstDirty    int64 // where its last cleaning ended
	HighWatermark int64
}

// candidate is a log that is due.
type candidate struct {
	dir.Uncleaned
	work Work
}

// Clean cleans the log that needs it most; see dir.CleanFunc.
func (c *Cleaner) Clean(ctx context.Context, logs []dir.Uncleaned) (dir.Cleaned, bool, error) {
	now := c.o.Now().UnixMilli()
	var due []candidate
	for _, u := range logs {
		v, err := look(targetOf(u))
		if err != nil {
			return dir.Cleaned{Partition: u.Partition}, false, err
		}
		if w := v.Work(now); w.Due {
			due = append(due, candidate{u, w})
		}
	}
	slices.SortStableFunc(due, func(a, b candidate) int { return a.work.compare(b.work) })
	for _, u := range due {
		cleaning, release, ok := u.Claim(ctx)
		if !ok {
			continue
		}
		to, worked, err := c.CleanLog(cleaning, targetOf(u.Uncleaned))
		release()
		if worked || err != nil {
			return dir.Cleaned{Partition: u.Partition, FirstDirty: to}, worked, err
		}
	}
	return dir.Cleaned{}, false, nil
}

func targetOf(u dir.Uncleaned) Target { return Target{u.Log, u.FirstDirty, u.HighWatermark} }

// CleanLog cleans one log if it is due, and returns where its dirty part begins then.
// Nobody else may remove segments of it meanwhile, but for truncation: worked is false
// when that came between, or nothing was due. On an error the log is as good as before,
// perhaps partly cleaned.
func (c *Cleaner) CleanLog(ctx context.Context, t Target) (firstDirty int64, worked bool, err error) {
	began := c.o.Now()
	v, err := look(t)
	if err != nil {
		return 0, false, err
	}
	w := v.Work(began.UnixMilli())
	if !w.Due {
		return t.FirstDirty, false, nil
	}
	r := newRun(t.Log, w, c.o)
	firstDirty, err = r.clean(ctx)
	logger := c.o.Logger.With("log", t.Log.Dir(), "from", w.FirstDirty)
	switch {
	case errors.Is(err, log.ErrChanged):
		logger.Info("compaction given up: the log was truncated meanwhile")
		return t.FirstDirty, false, nil
	case err != nil:
		return 0, false, err
	}
	logger.Info("compacted", "to", firstDirty, "keys", r.keys.used,
		"bytes_before", r.read, "bytes_after", r.written, "took", c.o.Now().Sub(began))
	return firstDirty, true, nil
}

// look gathers what the plan needs to know of a log. Times are read only where the
// configuration asks for them.
func look(t Target) (View, error) {
	c := t.Log.Config()
	v := View{
		FirstDirty: t.FirstDirty, Start: t.Log.StartOffset(), End: t.Log.EndOffset(),
		Stable: t.Log.LastStableOffset(t.HighWatermark), MinRatio: c.MinDirtyRatio,
		MinLagMs: max(c.MinCompactionLag, 0), MaxLagMs: max(c.MaxCompactionLag, 0),
	}
	for _, s := range t.Log.Sealed() {
		p := Part{Base: s.Base(), Next: s.Next(), Size: s.Size(), IndexBytes: s.IndexBytes(), First: -1, Latest: -1}
		var err error
		if v.needsLatest(p) {
			p.Latest, err = s.LastTime()
		}
		if err == nil && v.needsFirst(p) {
			p.First, err = s.FirstTimestamp()
		}
		if err != nil {
			return v, err
		}
		v.Parts = append(v.Parts, p)
	}
	return v, nil
}
