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
	maxSoFar := int64(-1)
	for {
		e, err := r.Next()
		var damage *segment.DamageError
		switch {
		case errors.Is(err, io.EOF):
			return list, aborted, nil
		case errors.As(err, &damage):
			v.damaged = true
			v.expected(file, v.next, "%d bytes of no use from position %d on: %v", info.Size()-damage.Position, damage.Position, damage.Err)
			return list, aborted, nil
		case err != nil:
			return nil, nil, err
		}
		if !e.Batch.CheckCRC() {
			v.damaged = true
			v.expected(file, e.Batch.BaseOffset(), "CRC of the batch at position %d does not match", e.Position)
			return list, aborted, nil
		}
		done, ended := v.batch(file, base, e)
		if ended && done.Aborted {
			aborted = append(aborted, index.AbortedTxn{
				ProducerID: done.ProducerID, FirstOffset: done.First, LastOffset: done.Last, LastStable: done.LastStable,
			})
		}
		maxSoFar = max(maxSoFar, e.Batch.MaxTimestamp())
		list = append(list, placed{e.Position, e.Batch.BaseOffset(), e.Batch.LastOffset(), e.Batch.MaxTimestamp(), maxSoFar})
		v.report.Batches++
		v.report.Bytes += e.Size
	}
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
