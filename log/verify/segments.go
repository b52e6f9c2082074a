package verify

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// placed is what indexes are compared with.
type placed struct {
	position  int64
	base      int64
	last      int64
	timestamp int64 // largest of the batch
	maxSoFar  int64 // largest of the segment up to here
}

// segment verifies the batches of a segment and then its indexes.
func (v *verifier) segment(base int64, active bool) error {
	name := segment.Name(base)
	if err := v.snapshotsFrom(base); err != nil {
		return err
	}
	if v.next > base {
		v.problem(name+segment.LogSuffix, base, "it begins before the end %d of the segment before it", v.next)
	}
	if v.next >= 0 && v.next < base {
		v.gaps = true
	}
	v.next = max(v.next, base)
	batches, aborted, err := v.batches(name+segment.LogSuffix, base)
	if err != nil {
		return err
	}
	c := indexCheck{verifier: v, name: name, base: base, active: active, batches: batches}
	return errors.Join(c.offsets(), c.times(), c.txns(aborted))
}

// batches verifies a data file and returns its sound batches, and the transactions
// that were aborted in it.
func (v *verifier) batches(file string, base int64) (list []placed, aborted []index.AbortedTxn, err error) {
	f, err := v.o.FS.OpenFile(filepath.Join(v.path, file), 0, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	r := segment.NewReader(f, 0, info.Size())
	defer r.Close()
	maxSoFar, w := int64(-1), v.wanted(base)
	for {
		e, err := r.Next()
		var damage *segment.DamageError
		switch {
		case errors.Is(err, io.EOF):
			return list, aborted, nil
		case errors.As(err, &damage):
			v.cut(file, v.next, base, fmt.Sprintf("%d bytes of no use from position %d on: %v", info.Size()-damage.Position, damage.Position, damage.Err))
			return list, aborted, v.progress(info.Size() - damage.Position)
		case err != nil:
			return nil, nil, err
		}
		if !e.Batch.CheckCRC() {
			what := fmt.Sprintf("CRC of the batch at position %d does not match", e.Position)
			if e.End() == info.Size() {
				v.cut(file, e.Batch.BaseOffset(), base, what)
			} else { // recovery would cut off what follows as well
				v.damaged = true
				v.problem(file, e.Batch.BaseOffset(), "%s, and %d bytes follow", what, info.Size()-e.End())
			}
			return list, aborted, v.progress(info.Size() - e.Position)
		}
		done, ended := v.batch(file, base, e)
		if ended && done.Aborted {
			aborted = append(aborted, index.AbortedTxn{
				ProducerID: done.ProducerID, FirstOffset: done.First, LastOffset: done.Last, LastStable: done.LastStable,
			})
		}
		maxSoFar = max(maxSoFar, e.Batch.MaxTimestamp())
		list = w.add(list, placed{e.Position, e.Batch.BaseOffset(), e.Batch.LastOffset(), e.Batch.MaxTimestamp(), maxSoFar})
		v.report.Batches++
		v.report.Bytes += e.Size
		if err := v.progress(e.Size); err != nil {
			return nil, nil, err
		}
	}
}

// cut notes that a data file ends in what is no batch. Only of the newest segment, and
// behind the recovery point, is that what recovery is for.
func (v *verifier) cut(file string, offset, base int64, what string) {
	v.damaged = true
	if base != v.active {
		v.problem(file, offset, "%s", what)
		return
	}
	v.expected(file, offset, "%s", what)
}

// progress passes on how far the check is.
func (v *verifier) progress(bytes int64) error {
	if v.o.Progress == nil {
		return nil
	}
	return v.o.Progress(bytes)
}

// wanted are the batches that a segment's indexes speak of: only they are kept, so
// that memory does not grow with the number of batches.
type wanted struct {
	base      int64
	offsets   []index.OffsetEntry
	times     []index.TimeEntry
	keepFinal bool // the newest batch in the list is one of them
}

// wanted reads what the indexes speak of; what is wrong with them is said later.
func (v *verifier) wanted(base int64) *wanted {
	w := &wanted{base: base, keepFinal: true}
	path := filepath.Join(v.path, segment.Name(base))
	if data, err := vfs.ReadFile(v.o.FS, path+index.OffsetSuffix); err == nil {
		w.offsets = index.RawOffsets(data)
	}
	if data, err := vfs.ReadFile(v.o.FS, path+index.TimeSuffix); err == nil {
		w.times = index.RawTimes(data)
	}
	return w
}

// add appends a batch to a list that always ends with the newest batch.
func (w *wanted) add(list []placed, p placed) []placed {
	if !w.keepFinal {
		list = list[:len(list)-1]
	}
	w.keepFinal = false
	for len(w.offsets) > 0 && int64(w.offsets[0].Position) <= p.position {
		w.keepFinal = w.keepFinal || int64(w.offsets[0].Position) == p.position
		w.offsets = w.offsets[1:]
	}
	for len(w.times) > 0 && w.base+int64(w.times[0].Relative) <= p.last {
		w.keepFinal = w.keepFinal || w.base+int64(w.times[0].Relative) == p.last
		w.times = w.times[1:]
	}
	return append(list, p)
}

// batch verifies one batch whose CRC is right.
func (v *verifier) batch(file string, base int64, e segment.Entry) (done producer.Completed, ended bool) {
	b := e.Batch
	first, records := v.records(file, b)
	v.report.Records += records
	if !b.Legacy() || records == 0 {
		first = b.BaseOffset() // of an old wrapper, only the records know
	}
	switch {
	case first < base:
		v.problem(file, first, "below the segment's base %d", base)
	case first < v.next:
		v.problem(file, first, "at least %d was due", v.next)
	case first > v.next:
		v.gaps = true
	}
	v.next = max(v.next, b.NextOffset())
	if b.LastOffset()-base > maxRelative {
		v.problem(file, b.LastOffset(), "too far from the segment's base")
	}
	v.epochOf(file, b)
	return v.follow(file, b)
}

// maxRelative is how far an index can count.
const maxRelative = 1<<31 - 1

// records verifies the records of a batch and returns the first offset and how many
// there are.
func (v *verifier) records(file string, b record.Batch) (first, n int64) {
	if err := v.it.Reset(b); err != nil {
		v.problem(file, b.BaseOffset(), "%v", err)
		return 0, 0
	}
	last, latest := int64(-1), int64(-1)
	for v.it.Next() {
		r := v.it.Record()
		if n == 0 {
			first = r.Offset
		}
		if r.Offset <= last || r.Offset > b.LastOffset() || !b.Legacy() && r.Offset < b.BaseOffset() {
			v.problem(file, r.Offset, "record out of order in the batch from %d to %d", b.BaseOffset(), b.LastOffset())
		}
		last, latest = r.Offset, max(latest, r.Timestamp)
		n++
	}
	if err := v.it.Err(); err != nil {
		v.problem(file, b.BaseOffset(), "%v", err)
	}
	if n > 0 && latest != b.MaxTimestamp() && !b.Legacy() {
		v.problem(file, b.BaseOffset(), "largest timestamp is %d, the header says %d", latest, b.MaxTimestamp())
	}
	return first, n
}

// epochOf compares a batch's leader epoch with the epochs file and the batch before.
func (v *verifier) epochOf(file string, b record.Batch) {
	e := b.LeaderEpoch()
	if e < 0 {
		return
	}
	if e < v.lastEpoch {
		v.problem(file, b.BaseOffset(), "leader epoch %d after %d", e, v.lastEpoch)
	}
	v.lastEpoch = e
	if at := v.epochs.At(b.LastOffset()); at != e && v.epochs.Len() > 0 && b.LastOffset() >= v.epochs.Entries()[0].Start {
		v.expected(checkpoint.LeaderEpochFile, b.BaseOffset(), "epoch %d, the batch says %d", at, e)
	}
}

// follow lets the producer table follow a batch.
func (v *verifier) follow(file string, b record.Batch) (c producer.Completed, ended bool) {
	if !b.HasProducer() {
		return c, false
	}
	if !b.Control() {
		v.producers.Apply(producer.BatchInfo{
			ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(), FirstSequence: b.BaseSequence(), LastSequence: b.LastSequence(),
			FirstOffset: b.BaseOffset(), LastOffset: b.LastOffset(), Timestamp: b.MaxTimestamp(), Transactional: b.Transactional(),
		})
		return c, false
	}
	if v.it.Reset(b) != nil || !v.it.Next() {
		return c, false // reported already, or compacted away
	}
	control, err := record.ParseControl(v.it.Record())
	if err != nil {
		v.problem(file, b.BaseOffset(), "%v", err)
		return c, false
	}
	if control.Type != record.AbortMarker && control.Type != record.CommitMarker {
		return c, false
	}
	return v.producers.ApplyMarker(producer.Marker{
		ProducerID: b.ProducerID(), Epoch: b.ProducerEpoch(), CoordinatorEpoch: control.CoordinatorEpoch,
		Offset: b.LastOffset(), Timestamp: v.it.Record().Timestamp, Commit: control.Type == record.CommitMarker,
	})
}

// snapshotsFrom verifies the snapshots up to an offset, at which the producer table
// now is.
func (v *verifier) snapshotsFrom(at int64) error {
	for len(v.snapshots) > 0 && v.snapshots[0] <= at {
		offset := v.snapshots[0]
		v.snapshots = v.snapshots[1:]
		if err := v.snapshot(offset, offset == at); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) snapshot(offset int64, here bool) error {
	name := fmt.Sprintf("%s%s", segment.Name(offset), snapshotSuffix)
	states, err := readSnapshot(v.o.FS, filepath.Join(v.path, name))
	if errors.Is(err, producer.ErrCorruptSnapshot) {
		v.expected(name, offset, "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	if v.next < 0 || v.next <= v.bases[0] {
		v.producers.Load(states) // what came before the first segment is only known from it
		return nil
	}
	if !here || v.gaps || v.damaged {
		return nil // compaction may have removed what it was made from
	}
	known := make(map[int64]producer.State)
	for _, s := range v.producers.States() {
		known[s.ProducerID] = s
	}
	for _, s := range states {
		if want, ok := known[s.ProducerID]; ok && want != s {
			v.expected(name, offset, "producer %d is %+v, the log says %+v", s.ProducerID, s, want)
		}
	}
	return nil
}
