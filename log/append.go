package log

import (
	"errors"
	"time"

	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
)

// Origin says who appends, which decides what is checked.
type Origin = producer.Origin

const (
	// Client is a producer: everything is checked.
	Client = producer.Client
	// Coordinator is this broker itself: it writes its own control and offset
	// records, so sequences are not checked and control batches allowed.
	Coordinator = producer.Coordinator
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
	BaseOffset int64 // of the first record; -1 when the set had none
	LastOffset int64 // of the last one
	// LogAppendTime is the broker's time in milliseconds that all records got,
	// or -1 when they keep their own. For a duplicate it is the largest
	// timestamp of the first time, as in Kafka.
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
// ErrClosed, *IOError. On any error nothing was appended, except that an *IOError
// of "sync" (only without DeferSync) leaves open whether the set survives a crash.
func (l *Log) Append(set []byte, o AppendOptions) (Appended, error) {
	c := l.config.Load()
	now := l.o.Now()
	w := works.Get().(*work)
	defer works.Put(w)
	p, err := w.prepare(set, c.rulesFor(o, now))
	if err != nil {
		return Appended{}, err
	}
	if p.Batches == 0 {
		return Appended{BaseOffset: -1, LastOffset: -1, LogAppendTime: -1, StartOffset: l.StartOffset()}, l.usable()
	}
	if len(p.Set) > c.SegmentBytes {
		return Appended{}, ErrSetTooLarge
	}
	if err := w.describe(p.Set); err != nil {
		return Appended{}, err
	}
	if err := l.o.Admit(); err != nil {
		return Appended{}, err
	}
	l.mu.Lock()
	done, err := l.append(&pending{Prepared: p, work: w, o: o, c: c, now: now})
	l.mu.Unlock()
	if err == nil && done.SyncDue && !o.DeferSync {
		done.SyncDue = false
		err = l.Sync(done.LastOffset + 1)
	}
	return done, err
}

// pending is an append on its way.
type pending struct {
	record.Prepared
	work *work
	o    AppendOptions
	c    *settings
	now  time.Time
}

// append decides, writes and applies; the caller holds mu.
func (l *Log) append(p *pending) (Appended, error) {
	if err := l.usable(); err != nil {
		return Appended{}, err
	}
	verdict, err := l.check(p)
	if errors.Is(err, producer.ErrOutOfOrder) {
		verdict, err = l.checkAgain(p, err)
	}
	if err != nil {
		return Appended{}, err
	}
	if verdict.Duplicate {
		return Appended{
			BaseOffset: verdict.FirstOffset, LastOffset: verdict.LastOffset, LogAppendTime: verdict.Timestamp,
			StartOffset: l.StartOffset(), Duplicate: true,
			SyncDue: p.c.FlushMessages <= 1 && l.RecoveryPoint() <= verdict.LastOffset,
		}, nil
	}
	if err := errors.Join(l.writeMeta(), l.writePendingEpoch()); err != nil {
		return Appended{}, err
	}
	base := l.EndOffset()
	if err := stamp(p.Set, base, p.o.LeaderEpoch); err != nil {
		return Appended{}, err
	}
	if err := l.write(p.Set, base, p.MaxTimestamp, base+p.Offsets-1); err != nil {
		return Appended{}, err
	}
	done := Appended{
		BaseOffset: base, LastOffset: base + p.Offsets - 1, LogAppendTime: p.LogAppendTime,
		StartOffset: l.StartOffset(), Bytes: len(p.Set),
	}
	if err := l.apply(p.Set, p.work); err != nil {
		return Appended{}, err
	}
	l.end.Store(base + p.Offsets)
	done.SyncDue = base+p.Offsets-l.RecoveryPoint() >= p.c.FlushMessages
	return done, nil
}

// check asks the producer table.
func (l *Log) check(p *pending) (producer.Verdict, error) {
	l.state.Lock()
	defer l.state.Unlock()
	for _, m := range p.work.markers {
		if err := l.producers.CheckMarker(m, p.o.Origin); err != nil {
			return producer.Verdict{}, err
		}
	}
	return l.producers.Check(p.work.batches, p.o.Origin)
}

// stamp gives a prepared set its place in the log: the CRCs do not cover that.
func stamp(set []byte, base int64, leaderEpoch int32) error {
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err != nil {
			return err
		}
		b.SetBaseOffset(base)
		b.SetLeaderEpoch(leaderEpoch)
		base = b.NextOffset()
		set = rest
	}
	return nil
}

// write begins a new segment if one is due and writes a set of whole batches that
// begin at base and end with last.
func (l *Log) write(set []byte, base, maxTimestamp, last int64) error {
	due, err := l.rollDue(len(set), maxTimestamp, last)
	if err != nil {
		return l.failRead("roll", err)
	}
	if due {
		if err := l.roll(base); err != nil {
			return err
		}
	}
	if err := l.active().Append(set); err != nil {
		return l.failWrite("append", err)
	}
	return nil
}
