package dump

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// optional is a number that may be absent, as Java prints it.
func optional(n int64, ok bool) string {
	if !ok {
		return "OptionalLong.empty"
	}
	return fmt.Sprintf("OptionalLong[%d]", n)
}

// offsets prints an offset index and compares it with its log.
func (d *dumper) offsets() (err error) {
	list, err := readOffsets(d.o.FS, d.path)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		d.printf("%s is empty.\n", d.path)
		return nil
	}
	f, size, err := d.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var wrong []string
	for i, e := range list {
		if i > 0 && e.Relative == 0 {
			break // the rest is what an unclean stop leaves
		}
		offset := d.base + int64(e.Relative)
		found, err := lastOffsetAt(f, int64(e.Position), size)
		if err != nil {
			return err
		}
		if found != offset {
			wrong = append(wrong, fmt.Sprintf("  Index offset: %d, log offset: %d", offset, found))
		}
		d.printf("offset: %d position: %d\n", offset, e.Position)
	}
	if len(wrong) > 0 {
		d.complain("Mismatches in :%s", d.path)
		d.complain("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// readOffsets reads an offset index, whatever it says.
func readOffsets(fsys vfs.FS, path string) ([]index.OffsetEntry, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	return index.RawOffsets(data), nil
}

// lastOffsetAt returns the last offset of the batch at a position, -1 when none is
// there.
func lastOffsetAt(f io.ReaderAt, position, size int64) (int64, error) {
	r := segment.NewReader(f, position, size)
	defer r.Close()
	e, err := r.Next()
	var damage *segment.DamageError
	if errors.Is(err, io.EOF) || errors.As(err, &damage) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return e.Batch.LastOffset(), nil
}

// times prints a time index and compares it with its log.
func (d *dumper) times() (err error) {
	data, err := vfs.ReadFile(d.o.FS, d.path)
	if err != nil {
		return err
	}
	list := index.RawTimes(data)
	if len(list) == 0 {
		return nil // unlike of an offset index, nothing is said of it
	}
	f, size, err := d.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c := timeCheck{d: d, before: math.MinInt64, it: record.Iterator{MaxInflated: d.o.MaxInflated}}
	for i, e := range list {
		if i > 0 && e.Relative == 0 {
			break
		}
		if err := c.entry(f, size, e); err != nil {
			return err
		}
		d.printf("timestamp: %d offset: %d\n", e.Timestamp, d.base+int64(e.Relative))
	}
	c.report()
	return nil
}

// timeCheck compares time entries with the log.
type timeCheck struct {
	d                              *dumper
	before                         int64 // the timestamp of the entry before
	it                             record.Iterator
	mismatched, unordered, missing []string
}

func (c *timeCheck) entry(f io.ReaderAt, size int64, e index.TimeEntry) error {
	offset := c.d.base + int64(e.Relative)
	last, latest, err := c.find(f, size, offset)
	switch {
	case err != nil:
		return err
	case last != offset:
		c.missing = append(c.missing, fmt.Sprintf("Indexed offset: %d, found log offset: %d", offset, last))
	case latest != e.Timestamp:
		c.mismatched = append(c.mismatched, fmt.Sprintf("  Index timestamp: %d, log timestamp: %d", e.Timestamp, latest))
	case c.before >= e.Timestamp:
		c.unordered = append(c.unordered, fmt.Sprintf("  Index timestamp: %d, Previously indexed timestamp: %d", e.Timestamp, c.before))
	}
	c.before = e.Timestamp
	return nil
}

// find returns the last offset of the first batch that does not end before offset, -1
// when there is none, and the latest timestamp of its records.
func (c *timeCheck) find(f io.ReaderAt, size, offset int64) (last, latest int64, err error) {
	r := segment.NewReader(f, 0, size)
	defer r.Close()
	for {
		e, err := r.Next()
		var damage *segment.DamageError
		if errors.Is(err, io.EOF) || errors.As(err, &damage) {
			return -1, -1, nil
		}
		if err != nil {
			return 0, 0, err
		}
		if e.Batch.LastOffset() < offset {
			continue
		}
		latest = -1
		if err := c.it.Reset(e.Batch); err != nil {
			return 0, 0, err
		}
		for c.it.Next() {
			latest = max(latest, c.it.Record().Timestamp)
		}
		return e.Batch.LastOffset(), latest, c.it.Err()
	}
}

func (c *timeCheck) report() {
	if len(c.mismatched) > 0 {
		c.d.complain("Found timestamp mismatch in :%s", c.d.path)
		c.d.complain("%s", strings.Join(c.mismatched, "\n"))
	}
	if len(c.unordered) > 0 {
		c.d.complain("Found out of order timestamp in :%s", c.d.path)
		c.d.complain("%s", strings.Join(c.unordered, "\n"))
	}
	if len(c.missing) > 0 {
		c.d.complain("The following indexed offsets are not found in the log.")
		c.d.complain("%s", strings.Join(c.missing, "\n"))
	}
}

// txns prints a transaction index.
func (d *dumper) txns() error {
	data, err := vfs.ReadFile(d.o.FS, d.path)
	if err != nil {
		return err
	}
	list, err := index.DecodeTxns(data)
	if err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	for _, e := range list {
		d.printf("version: 0 producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n",
			e.ProducerID, e.FirstOffset, e.LastOffset, e.LastStable)
	}
	return nil
}

// snapshot prints a producer snapshot.
func (d *dumper) snapshot() error {
	data, err := vfs.ReadFile(d.o.FS, d.path)
	if err != nil {
		return err
	}
	states, err := producer.DecodeSnapshot(data)
	if err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	for _, s := range states {
		d.printf("producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d ",
			s.ProducerID, s.Epoch, s.CoordinatorEpoch, optional(s.TxnFirstOffset, s.TxnFirstOffset >= 0), s.LastTimestamp)
		if s.LastOffset >= 0 {
			first := (int64(s.LastSequence) - int64(s.OffsetDelta)) & 0x7fffffff
			d.printf("firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d",
				first, s.LastSequence, s.LastOffset, s.OffsetDelta, s.LastTimestamp)
		}
		d.printf("\n")
	}
	return nil
}
