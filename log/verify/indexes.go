package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/vfs"
)

// indexCheck compares the indexes of one segment with its batches.
type indexCheck struct {
	*verifier
	name    string // the segment's, without suffix
	base    int64
	active  bool
	batches []placed
}

// end is the offset after the segment's last sound batch.
func (c *indexCheck) end() int64 {
	if len(c.batches) == 0 {
		return c.base
	}
	return c.batches[len(c.batches)-1].last + 1
}

// wrong notes what a look at the index would notice, or a scan put right: a segment
// that is to be recovered gets new indexes.
func (c *indexCheck) wrong(suffix string, offset int64, format string, args ...any) {
	c.add(Problem{
		File: c.name + suffix, Offset: offset, What: fmt.Sprintf(format, args...),
		Expected: !c.o.Clean && (c.active || c.end() > c.o.RecoveryPoint),
	})
}

// read reads an index file; ok is false when it is not there, which for those that
// every segment has is reported.
func (c *indexCheck) read(suffix string) (data []byte, ok bool, err error) {
	data, err = vfs.ReadFile(c.o.FS, filepath.Join(c.path, c.name+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		if suffix != index.TxnSuffix {
			c.wrong(suffix, c.base, "it is missing")
		}
		return nil, false, nil
	}
	return data, err == nil, err
}

func (c *indexCheck) offsets() error {
	data, ok, err := c.read(index.OffsetSuffix)
	if !ok {
		return err
	}
	n, err := index.DecodeOffsets(data)
	if err != nil {
		c.wrong(index.OffsetSuffix, c.base, "%v", err)
		return nil
	}
	if n*index.OffsetEntrySize != len(data) {
		c.wrong(index.OffsetSuffix, c.base, "%d bytes of zeros at its end", len(data)-n*index.OffsetEntrySize)
	}
	for _, e := range index.RawOffsets(data)[:n] {
		offset := c.base + int64(e.Relative)
		i := sort.Search(len(c.batches), func(i int) bool { return c.batches[i].position >= int64(e.Position) })
		switch {
		case i == len(c.batches) || c.batches[i].position != int64(e.Position):
			c.wrong(index.OffsetSuffix, offset, "no batch begins at its position %d", e.Position)
		case c.batches[i].last != offset:
			c.wrong(index.OffsetSuffix, offset, "the batch at its position %d ends with %d", e.Position, c.batches[i].last)
		}
	}
	return nil
}

func (c *indexCheck) times() error {
	data, ok, err := c.read(index.TimeSuffix)
	if !ok {
		return err
	}
	n, err := index.DecodeTimes(data)
	if err != nil {
		c.wrong(index.TimeSuffix, c.base, "%v", err)
		return nil
	}
	if n*index.TimeEntrySize != len(data) {
		c.wrong(index.TimeSuffix, c.base, "%d bytes of zeros at its end", len(data)-n*index.TimeEntrySize)
	}
	list := index.RawTimes(data)[:n]
	for _, e := range list {
		offset := c.base + int64(e.Relative)
		i := sort.Search(len(c.batches), func(i int) bool { return c.batches[i].last >= offset })
		switch {
		case i == len(c.batches) || c.batches[i].last != offset:
			c.wrong(index.TimeSuffix, offset, "no batch ends with this offset")
		case c.batches[i].maxSoFar > e.Timestamp:
			c.wrong(index.TimeSuffix, offset, "it says that nothing up to here is later than %d, but %d is", e.Timestamp, c.batches[i].maxSoFar)
		case c.batches[i].timestamp != e.Timestamp:
			c.wrong(index.TimeSuffix, offset, "the batch's latest record is of %d, not %d", c.batches[i].timestamp, e.Timestamp)
		}
	}
	if len(c.batches) > 0 {
		latest := c.batches[len(c.batches)-1].maxSoFar
		if latest >= 0 && (n == 0 || list[n-1].Timestamp < latest) {
			c.wrong(index.TimeSuffix, c.end()-1, "it lacks the latest timestamp %d", latest)
		}
	}
	return nil
}

// txns compares the transaction index with the transactions that were aborted. In a
// compacted log it may know of more than the log still holds.
func (c *indexCheck) txns(aborted []index.AbortedTxn) error {
	data, ok, err := c.read(index.TxnSuffix)
	if err != nil {
		return err
	}
	var list []index.AbortedTxn
	if ok {
		if list, err = index.DecodeTxns(data); err != nil {
			c.wrong(index.TxnSuffix, c.base, "%v", err)
			return nil
		}
	}
	have := make(map[int64]index.AbortedTxn)
	for _, t := range list {
		have[t.LastOffset] = t
		if t.LastOffset < c.base || t.LastOffset >= c.end() && !c.damaged {
			c.wrong(index.TxnSuffix, t.LastOffset, "the marker of producer %d is not in this segment", t.ProducerID)
		}
	}
	for _, want := range aborted {
		got, ok := have[want.LastOffset]
		switch {
		case !ok:
			c.wrong(index.TxnSuffix, want.LastOffset, "it lacks the aborted transaction of producer %d from %d", want.ProducerID, want.FirstOffset)
		case !c.gaps && got != want:
			c.wrong(index.TxnSuffix, want.LastOffset, "%+v, the log says %+v", got, want)
		}
	}
	return nil
}

func readSnapshot(fsys vfs.FS, path string) ([]producer.State, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	return producer.DecodeSnapshot(data)
}
