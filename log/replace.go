package log

import (
	"errors"
	"slices"
	"time"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
)

// ErrChanged means that segments that were to be replaced have meanwhile been
// truncated or removed.
var ErrChanged = errors.New("segments have changed meanwhile")

// Sealed is a segment that is not appended to any more, as it is now.
type Sealed struct {
	*segment.Segment
	version int
}

// Sealed returns all segments but the active one, from the oldest on.
func (l *Log) Sealed() []Sealed {
	list := *l.segments.Load()
	sealed := make([]Sealed, 0, len(list))
	for _, s := range list[:len(list)-1] {
		sealed = append(sealed, Sealed{s, s.Version()})
	}
	return sealed
}

// AbortedTxns appends to dst what the transaction indexes say of the aborted
// transactions that overlap [from, upTo), ordered by their markers.
func (l *Log) AbortedTxns(dst []index.AbortedTxn, from, upTo int64) ([]index.AbortedTxn, error) {
	list := *l.segments.Load()
	for _, s := range list[floor(list, from):] {
		found, done, err := s.Aborted(nil, from, upTo)
		if errors.Is(err, index.ErrCorrupt) {
			found, done, err = l.repairAborted(s, from, upTo)
		}
		if err != nil {
			return dst, l.failChanged("read aborted transactions", err)
		}
		dst = append(dst, found...)
		if done {
			break
		}
	}
	return dst, nil
}

// Rewrite is a segment on its way to take the place of others. It is for one
// goroutine, while the log goes on; end it with Commit or Discard.
type Rewrite struct {
	l     *Log
	old   []Sealed
	build *segment.Build
}

// NewRewrite begins a segment that is to replace successive ones.
func (l *Log) NewRewrite(old []Sealed) (*Rewrite, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	b, err := segment.NewBuild(l.home, old[0].Base())
	if err != nil {
		return nil, l.failWrite("compact", err)
	}
	return &Rewrite{l, old, b}, nil
}

// Scan calls visit for every batch of a segment that ends at or behind an offset. An
// error of visit ends it and is returned as it is.
func (l *Log) Scan(s Sealed, from int64, visit func(record.Batch) error) error {
	var stopped error
	err := s.Scan(from, func(b record.Batch) error {
		stopped = visit(b)
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	return l.failChanged("compact", err)
}

// Append adds whole batches that lie where those replaced do.
func (r *Rewrite) Append(set []byte) error { return r.l.failWrite("compact", r.build.Append(set)) }

// AppendAborted notes an aborted transaction whose marker stays. Markers come in order.
func (r *Rewrite) AppendAborted(t index.AbortedTxn) { r.build.AppendAborted(t) }

// Discard removes what was written, unless it was committed.
func (r *Rewrite) Discard() error { return r.l.fail("compact", r.build.Discard()) }

// Commit makes the new segment durable and puts it in the place of the old ones,
// whose files go after file.delete.delay.ms. Readers that are in the middle of an old
// one stay there. Errors: ErrChanged, ErrClosed, ErrNoSpace, *IOError.
//
// Crash points: up to the sync of the directory that follows Ready, the old segments
// are what opening the log finds; from then on, the new one.
func (r *Rewrite) Commit() error {
	l := r.l
	modified, err := r.old[len(r.old)-1].Modified()
	if err != nil {
		return l.failChanged("compact", err)
	}
	if err := r.build.Finish(modified); err != nil {
		return l.failWrite("compact", err)
	}
	if err := l.fs().SyncDir(l.Dir()); err != nil {
		return l.fail("compact", err)
	}
	if err := r.swap(); err != nil {
		return err
	}
	return l.fail("compact", l.fs().SyncDir(l.Dir()))
}

// swap does the part of Commit that the writer has to wait for.
func (r *Rewrite) swap() error {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	list := *l.segments.Load()
	at := slices.Index(list, r.old[0].Segment)
	if at < 0 || !r.unchanged(list[at:]) {
		return ErrChanged
	}
	if err := errors.Join(r.build.Ready(), l.fs().SyncDir(l.Dir())); err != nil {
		return l.fail("compact", err)
	}
	next, release := r.build.Segment()
	defer release()
	next.SetNext(r.old[len(r.old)-1].Next())
	l.setSegments(slices.Concat(list[:at], []*segment.Segment{next}, list[at+len(r.old):]))
	if err := r.retire(); err != nil {
		return l.fail("compact", err)
	}
	return l.fail("compact", r.build.Install())
}

// unchanged tells whether the old segments are still what they were, and sealed.
func (r *Rewrite) unchanged(list []*segment.Segment) bool {
	if len(list) <= len(r.old) {
		return false
	}
	for i, s := range r.old {
		if list[i] != s.Segment || s.Version() != s.version {
			return false
		}
	}
	return true
}

// retire takes the old segments' files out of the way, durably: no index of theirs may
// be found beside the new log.
func (r *Rewrite) retire() error {
	l := r.l
	due := l.o.Now().Add(time.Duration(l.config.Load().FileDeleteDelayMs) * time.Millisecond)
	for i, s := range r.old {
		names, err := s.Retire()
		for _, name := range names {
			l.trash = append(l.trash, trash{name, due})
		}
		if err != nil {
			return err
		}
		if i == 0 {
			continue // the snapshot of the base is the new one's
		}
		if err := l.removeSnapshots(func(offset int64) bool { return offset == s.Base() }); err != nil {
			return err
		}
	}
	return l.fs().SyncDir(l.Dir())
}

// failChanged is failRead, where a segment may have been removed under the reader.
func (l *Log) failChanged(op string, err error) error {
	if errors.Is(err, segment.ErrRetired) && !l.closed.Load() {
		return ErrChanged
	}
	return l.failRead(op, err)
}
