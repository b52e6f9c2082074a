package dump

import (
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
)

// log prints a data file.
func (d *dumper) log() (err error) {
	d.printf("Log starting offset: %d\n", d.base)
	f, size, err := open(d.o.FS, d.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := segment.NewReader(f, 0, size)
	defer r.Close()
	walk := &recordWalk{dumper: d, it: record.Iterator{MaxInflated: d.o.MaxInflated}, last: -1}
	valid := int64(0)
	for {
		e, err := r.Next()
		var damage *segment.DamageError
		if errors.As(err, &damage) {
			d.printf("Found %d invalid bytes at the end of %s\n", size-valid, filepath.Base(d.path))
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		d.batch(e)
		if d.o.Deep {
			if err := walk.batch(e.Batch); err != nil {
				return err
			}
		}
		valid = e.End()
	}
	walk.report()
	return nil
}

// batch prints the line of a batch.
func (d *dumper) batch(e segment.Entry) {
	b := e.Batch
	if b.Legacy() {
		d.printf("offset: %d", b.LastOffset())
	} else {
		d.printf("baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d "+
			"producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %v isControl: %v deleteHorizonMs: %s",
			b.BaseOffset(), b.LastOffset(), b.Count(), b.BaseSequence(), b.LastSequence(), b.ProducerID(),
			b.ProducerEpoch(), b.LeaderEpoch(), b.Transactional(), b.Control(), optional(b.DeleteHorizon()))
	}
	d.printf(" position: %d %s: %d size: %d magic: %d compresscodec: %s crc: %d isvalid: %v\n",
		e.Position, timestampType(b), b.MaxTimestamp(), b.Size(), b.Magic(), b.Codec(), b.CRC(), b.CheckCRC())
}

func timestampType(b record.Batch) string {
	switch {
	case b.Magic() == 0:
		return "NoTimestampType"
	case b.AppendTime():
		return "LogAppendTime"
	}
	return "CreateTime"
}

// recordWalk prints records and watches whether their offsets follow.
type recordWalk struct {
	*dumper
	it   record.Iterator
	last int64 // offset of the last record; -1 before the first
	gaps [][2]int64
}

func (w *recordWalk) batch(b record.Batch) error {
	inner, err := innerMessages(b, w.o.MaxInflated)
	if err != nil {
		return err
	}
	if err := w.it.Reset(b); err != nil {
		return err
	}
	for i := 0; w.it.Next(); i++ {
		r := w.it.Record()
		if w.last >= 0 && r.Offset != w.last+1 {
			w.gaps = append(w.gaps, [2]int64{w.last, r.Offset})
		}
		w.last = r.Offset
		w.printf("| offset: %d %s: %d keySize: %d valueSize: %d", r.Offset, timestampType(b), r.Timestamp, size(r.Key), size(r.Value))
		if b.Legacy() {
			if i < len(inner) {
				w.printf(" isValid: %v crc: %d}", inner[i].CheckCRC(), inner[i].CRC())
			}
		} else {
			w.printf(" sequence: %d headerKeys: [%s]", sequence(b, r.Offset), headerKeys(r.Headers))
		}
		w.contents(b, r)
		w.printf("\n")
	}
	return w.it.Err()
}

// contents prints what a record says.
func (w *recordWalk) contents(b record.Batch, r *record.Record) {
	if b.Control() {
		w.control(r)
		return
	}
	if !w.o.Data {
		return
	}
	key, value, hasKey, hasValue := w.o.Decode(r)
	if hasKey {
		w.printf(" key: %s", key)
	}
	if hasValue {
		w.printf(" payload: %s", value)
	}
}

var controlNames = map[record.ControlType]string{
	record.LeaderChange: "LEADER_CHANGE", record.SnapshotHeader: "SNAPSHOT_HEADER", record.SnapshotFooter: "SNAPSHOT_FOOTER",
	record.KRaftVersion: "KRAFT_VERSION", record.KRaftVoters: "KRAFT_VOTERS",
}

func (w *recordWalk) control(r *record.Record) {
	c, err := record.ParseControl(r)
	switch {
	case err != nil:
		w.printf(" controlType: %v", err)
	case c.Type == record.AbortMarker:
		w.printf(" endTxnMarker: ABORT coordinatorEpoch: %d", c.CoordinatorEpoch)
	case c.Type == record.CommitMarker:
		w.printf(" endTxnMarker: COMMIT coordinatorEpoch: %d", c.CoordinatorEpoch)
	default:
		name, ok := controlNames[c.Type]
		if !ok {
			name = "UNKNOWN"
		}
		w.printf(" controlType: %s(%d)", name, c.Type)
	}
}

// report complains of offsets that do not follow, the last first, as Kafka does.
func (w *recordWalk) report() {
	if len(w.gaps) == 0 {
		return
	}
	w.complain("Non-consecutive offsets in %s", w.path)
	for i := len(w.gaps) - 1; i >= 0; i-- {
		w.complain("  %d is followed by %d", w.gaps[i][0], w.gaps[i][1])
	}
}

// size is a length as records have it: -1 for null.
func size(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

// sequence is a record's own sequence number.
func sequence(b record.Batch, offset int64) int32 {
	if b.BaseSequence() < 0 {
		return -1
	}
	return int32((int64(b.BaseSequence()) + offset - b.BaseOffset()) & 0x7fffffff)
}

func headerKeys(list []record.Header) string {
	keys := make([]string, len(list))
	for i, h := range list {
		keys[i] = string(h.Key)
	}
	return strings.Join(keys, ",")
}

// innerMessages returns the old messages that an entry holds, itself or inside, which
// have checksums of their own; none for a batch.
func innerMessages(b record.Batch, most int) ([]record.Batch, error) {
	if !b.Legacy() {
		return nil, nil
	}
	if b.Codec() == compress.None {
		return []record.Batch{b}, nil
	}
	value := wrappedValue(b)
	data, err := compress.Inflate(nil, b.Codec(), value, compress.Limits{Max: most, LegacyLZ4: b.Magic() == 0})
	if err != nil {
		return nil, err
	}
	var list []record.Batch
	for len(data) > 0 {
		m, rest, err := record.Next(data)
		if err != nil {
			break // the iterator says what is wrong, or that it does not matter
		}
		list, data = append(list, m), rest
	}
	return list, nil //nolint:nilerr // the iterator says so
}

// wrappedValue is the value of an old message: what follows header, timestamp, key
// and length.
func wrappedValue(b record.Batch) []byte {
	rest := b[18:]
	if b.Magic() == 1 {
		rest = rest[8:]
	}
	for range 2 {
		if len(rest) < 4 {
			return nil
		}
		n := max(int32(binary.BigEndian.Uint32(rest)), 0)
		rest = rest[4:]
		if int(n) >= len(rest) {
			return rest
		}
		if n > 0 {
			rest = rest[n:]
		}
	}
	return rest
}
