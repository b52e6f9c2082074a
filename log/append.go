package log

import (
	"errors"
	"sync"
	"time"

	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/index"
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

// work is the memory of one append, used by one after the other.
type work struct {
	scratch record.Scratch
	batches []producer.BatchInfo
	markers []producer.Marker
	it      record.Iterator
}

var works = sync.Pool{New: func() any { return new(work) }}

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
	p, err := record.Prepare(set, c.rulesFor(o, now), &w.scratch)
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

// describe tells the producer table what the set is about.
func (w *work) describe(set []byte) error {
	w.batches, w.markers = w.batches[:0], w.markers[:0]
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err != nil {
			return err
		}
		set = rest
		if !b.Control() {
			w.batches = append(w.batches, batchInfo(b))
			continue
		}
		m, ok, err := markerOf(b, &w.it)
		if err != nil {
			return err
		}
		if ok {
			w.markers = append(w.markers, m)
		}
	}
	return nil
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

// apply takes note of batches that were written.
func (l *Log) apply(set []byte, w *work) error {
	l.state.Lock()
	newEpoch := false
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		if err == nil {
			err = l.note(b, &w.it)
		}
		if err != nil {
			l.state.Unlock()
			return l.fail("append", err) // it was written, and cannot be understood
		}
		newEpoch = l.noteEpoch(b) || newEpoch
		set = rest
	}
	l.noteUnstable()
	l.state.Unlock()
	if !newEpoch {
		return nil
	}
	// The set is in the log by now, so a full disk must not make its offsets free again.
	l.epochPending = true
	if err := l.writeEpochs(); !errors.Is(err, ErrNoSpace) {
		return err
	}
	return nil
}

// note lets the producer table follow a batch of the active segment, and its
// transaction index an abort. The caller holds state.
func (l *Log) note(b record.Batch, it *record.Iterator) error {
	c, done, err := follow(l.producers, b, it)
	if err == nil && done && c.Aborted {
		l.active().AppendAborted(abortedTxn(c))
		l.sync.namesChanged() // the first makes a file
	}
	return err
}

// noteEpoch lets the epoch cache follow a batch. The caller holds state.
func (l *Log) noteEpoch(b record.Batch) (changed bool) {
	if b.Legacy() {
		return l.epochs.Clear()
	}
	return l.epochs.Assign(epoch.Entry{Epoch: b.LeaderEpoch(), Start: b.BaseOffset()})
}

// follow lets a producer table follow a batch. done is true for the marker that
// ended a transaction.
func follow(t *producer.Table, b record.Batch, it *record.Iterator) (c producer.Completed, done bool, err error) {
	if !b.HasProducer() {
		return c, false, nil
	}
	if !b.Control() {
		t.Apply(batchInfo(b))
		return c, false, nil
	}
	m, ok, err := markerOf(b, it)
	if err != nil || !ok {
		return c, false, err
	}
	c, done = t.ApplyMarker(m)
	return c, done, nil
}

func batchInfo(b record.Batch) producer.BatchInfo {
	return producer.BatchInfo{
		ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(),
		FirstSequence: b.BaseSequence(), LastSequence: b.LastSequence(),
		FirstOffset: b.BaseOffset(), LastOffset: b.LastOffset(),
		Timestamp: b.MaxTimestamp(), Transactional: b.Transactional(),
	}
}

// markerOf reads the marker of a control batch; ok is false for a control record
// of another kind, and for a batch whose marker compaction has removed.
func markerOf(b record.Batch, it *record.Iterator) (m producer.Marker, ok bool, err error) {
	it.MaxInflated = b.Size()
	if err := it.Reset(b); err != nil {
		return m, false, err
	}
	if !it.Next() {
		return m, false, it.Err()
	}
	c, err := record.ParseControl(it.Record())
	if err != nil {
		return m, false, err
	}
	if c.Type != record.AbortMarker && c.Type != record.CommitMarker {
		return m, false, nil
	}
	return producer.Marker{
		ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(), CoordinatorEpoch: c.CoordinatorEpoch,
		Offset: b.LastOffset(), Timestamp: it.Record().Timestamp, Commit: c.Type == record.CommitMarker,
	}, true, nil
}

func abortedTxn(c producer.Completed) index.AbortedTxn {
	return index.AbortedTxn{ProducerID: c.ProducerID, FirstOffset: c.First, LastOffset: c.Last, LastStable: c.LastStable}
}

// errGap means that what is copied overlaps the log.
var errGap = errors.New("copied batches do not follow on the log's end")
