package compact

import (
	"context"
	"errors"
	"fmt"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

// flushBytes is how much is gathered before it is written.
const flushBytes = 512 << 10

// errMapTooSmall means that not even one dirty batch could be mapped.
var errMapTooSmall = errors.New("log.cleaner.dedupe.buffer.size has no room for a single key")

// run is the cleaning of one log.
type run struct {
	log      *log.Log
	work     Work
	sealed   []log.Sealed // those below work.Uncleanable
	now      int64        // ms
	keys     *offsetMap
	throttle *throttle

	read, written int64 // bytes of the segments that were rewritten, and of their outcome
	out           []byte
}

func newRun(l *log.Log, w Work, o Options) *run {
	limits := o.Limits()
	r := &run{
		log: l, work: w, now: o.Now().UnixMilli(),
		keys:     newOffsetMap(limits, w.Uncleanable-w.FirstDirty, w.FirstDirty),
		throttle: newThrottle(limits.BytesPerSecond, o.Now),
	}
	for _, s := range l.Sealed() {
		if s.Base() < w.Uncleanable {
			r.sealed = append(r.sealed, s)
		}
	}
	return r
}

// clean does both passes and returns where the dirty part begins now.
func (r *run) clean(ctx context.Context) (firstDirty int64, err error) {
	if err := r.learn(ctx); err != nil {
		return 0, err
	}
	end := r.keys.latest + 1
	if end <= r.work.FirstDirty {
		return 0, errMapTooSmall
	}
	n := 0
	for n < len(r.sealed) && r.sealed[n].Base() < end {
		n++
	}
	return end, r.rewriteAll(ctx, r.sealed[:n])
}

// rewriteAll replaces segments, small ones together.
func (r *run) rewriteAll(ctx context.Context, todo []log.Sealed) error {
	keepTombstones, err := r.oldTombstones(todo)
	if err != nil {
		return err
	}
	c, f := r.log.Config(), newFilter(r.log, r.keys, r.now)
	for _, n := range Group(parts(todo), Room{Bytes: int64(c.SegmentBytes), IndexBytes: c.SegmentIndexBytes}) {
		if err := r.replace(ctx, todo[:n], pass{filter: f, keepTombstones: keepTombstones[:n]}); err != nil {
			return err
		}
		todo, keepTombstones = todo[n:], keepTombstones[n:]
	}
	return nil
}

// replace puts one new segment in the place of some.
func (r *run) replace(ctx context.Context, sealed []log.Sealed, p pass) (err error) {
	if p.to, err = r.log.NewRewrite(sealed); err != nil {
		return err
	}
	p.txns.kept = p.to.AppendAborted
	if err = r.rewrite(ctx, sealed, p); err == nil {
		err = p.to.Commit()
	}
	return errors.Join(err, p.to.Discard())
}

func parts(sealed []log.Sealed) []Part {
	list := make([]Part, len(sealed))
	for i, s := range sealed {
		list[i] = Part{Base: s.Base(), Next: s.Next(), Size: s.Size(), IndexBytes: s.IndexBytes()}
	}
	return list
}

// learn fills the offset map from the dirty part.
func (r *run) learn(ctx context.Context) error {
	t := newTxns()
	aborted, err := r.log.AbortedTxns(nil, r.work.FirstDirty, r.work.Uncleanable)
	if err != nil {
		return err
	}
	t.expect(aborted)
	it := record.Iterator{MaxInflated: r.log.Config().MaxInflatedBytes}
	for _, s := range r.sealed {
		if s.Next() <= r.work.FirstDirty {
			continue
		}
		full := false
		err := r.scan(ctx, s, r.work.FirstDirty, func(b record.Batch) (err error) {
			if full, err = r.learnBatch(b, t, &it); full {
				return errFull
			}
			return err
		})
		if full {
			return nil
		}
		if err != nil {
			return err
		}
		r.keys.latest = max(r.keys.latest, s.Next()-1) // offsets may be missing at the end
	}
	return nil
}

// errFull ends a scan when the map is full.
var errFull = errors.New("offset map is full")

// learnBatch maps the keys of one batch; full is true when not all of them fit.
func (r *run) learnBatch(b record.Batch, t *txns, it *record.Iterator) (full bool, err error) {
	if b.Control() {
		_, err = t.marker(b)
	} else if !t.data(b) {
		full, err = r.learnRecords(b, it)
	}
	if err == nil && !full {
		r.keys.latest = max(r.keys.latest, b.LastOffset())
	}
	return full, err
}

func (r *run) learnRecords(b record.Batch, it *record.Iterator) (full bool, err error) {
	if err := it.Reset(b); err != nil {
		return false, err
	}
	for it.Next() {
		rec := it.Record()
		if rec.Key != nil && rec.Offset >= r.work.FirstDirty && !r.keys.put(rec.Key, rec.Offset) {
			return true, nil
		}
	}
	return false, it.Err()
}

// oldTombstones tells for each segment whether tombstones of old messages stay in it:
// when it is younger than delete.retention.ms before the end of the clean part.
func (r *run) oldTombstones(sealed []log.Sealed) ([]bool, error) {
	keep := make([]bool, len(sealed))
	horizon := int64(0)
	for _, s := range sealed {
		if s.Base() >= r.work.FirstDirty {
			break
		}
		t, err := s.Modified()
		if err != nil {
			return nil, err
		}
		horizon = t.UnixMilli() - r.log.Config().DeleteRetentionMs
	}
	for i, s := range sealed {
		t, err := s.Modified()
		if err != nil {
			return nil, err
		}
		keep[i] = t.UnixMilli() > horizon
	}
	return keep, nil
}

// pass is the second pass over some segments.
type pass struct {
	*filter
	to             *log.Rewrite
	keepTombstones []bool // of old messages, for each segment
}

// rewrite writes what stays of some segments.
func (r *run) rewrite(ctx context.Context, sealed []log.Sealed, p pass) error {
	r.out = r.out[:0]
	for i, s := range sealed {
		aborted, err := r.log.AbortedTxns(nil, s.Base(), s.Next())
		if err != nil {
			return err
		}
		p.txns.expect(aborted)
		p.keepOldTombstones = p.keepTombstones[i]
		err = r.scan(ctx, s, s.Base(), func(b record.Batch) (err error) {
			r.read += int64(b.Size())
			if r.out, err = p.apply(r.out, b); err != nil || len(r.out) < flushBytes {
				return err
			}
			return r.flush(ctx, p.to)
		})
		if err != nil {
			return err
		}
	}
	return r.flush(ctx, p.to)
}

// flush writes what was gathered.
func (r *run) flush(ctx context.Context, to *log.Rewrite) error {
	if len(r.out) == 0 {
		return nil
	}
	if err := to.Append(r.out); err != nil {
		return err
	}
	n := len(r.out)
	r.written += int64(n)
	r.out = r.out[:0]
	return r.throttle.spend(ctx, n)
}

// scan reads the batches of a segment, and makes sure that they are sound: what is damaged
// must not get a new checksum. It ends early when the cleaning is stopped.
func (r *run) scan(ctx context.Context, s log.Sealed, from int64, visit func(record.Batch) error) error {
	return r.log.Scan(s, from, func(b record.Batch) error {
		if err := r.throttle.spend(ctx, b.Size()); err != nil {
			return err
		}
		if !b.CheckCRC() {
			return &record.Error{Kind: record.ErrCorrupt, Detail: fmt.Sprintf("CRC of the batch at offset %d", b.BaseOffset())}
		}
		return visit(b)
	})
}
