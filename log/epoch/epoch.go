// Package epoch is the leader-epoch cache of one partition: which leader's
// reign began at which offset (KIP-101). A follower asks its leader where an
// epoch ended and truncates there; a consumer does the same to notice that what
// it read is gone (KIP-320).
//
//	epoch   0         5       6            11
//	offset  0 ─────── 25 ──── 35 ───────── 55 ─── log end
//
// Invariant: both epochs and start offsets rise strictly from entry to entry.
//
// The cache is pure. Methods that change it say whether they did, and the
// caller then writes Entries to the leader-epoch-checkpoint file: at once after
// Assign, when convenient after a truncation.
package epoch

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// None is the epoch of data written before there were epochs, and the answer
// when nothing is known; the offset that goes with it is NoOffset.
const None int32 = -1

// NoOffset is the end offset of an unknown epoch.
const NoOffset int64 = -1

// ErrOrder says that entries do not rise, so that they describe no log.
var ErrOrder = errors.New("leader epochs out of order")

// Entry says that the leader of Epoch wrote its first record at offset Start.
type Entry struct {
	Epoch int32
	Start int64
}

// Cache holds the entries of one partition. The zero value is empty and ready.
// It is not safe for concurrent use.
type Cache struct {
	entries []Entry // rising in Epoch and in Start, both >= 0
}

// New returns a cache with the entries of a checkpoint file, which must rise in
// epoch and in offset; otherwise the error is ErrOrder, and the caller rebuilds
// the entries from the log.
func New(entries []Entry) (*Cache, error) {
	for i, e := range entries {
		if e.Epoch < 0 || e.Start < 0 {
			return nil, fmt.Errorf("%w: epoch %d from offset %d", ErrOrder, e.Epoch, e.Start)
		}
		if i > 0 && (e.Epoch <= entries[i-1].Epoch || e.Start <= entries[i-1].Start) {
			return nil, fmt.Errorf("%w: epoch %d from offset %d follows epoch %d from offset %d",
				ErrOrder, e.Epoch, e.Start, entries[i-1].Epoch, entries[i-1].Start)
		}
	}
	return &Cache{entries: slices.Clone(entries)}, nil
}

// Entries returns a copy of all entries, oldest first.
func (c *Cache) Entries() []Entry { return slices.Clone(c.entries) }

// Len returns the number of entries.
func (c *Cache) Len() int { return len(c.entries) }

// Latest returns the newest entry, or {None, NoOffset}.
func (c *Cache) Latest() Entry {
	if len(c.entries) == 0 {
		return Entry{None, NoOffset}
	}
	return c.entries[len(c.entries)-1]
}

// Assign notes that epoch e.Epoch begins at offset e.Start: called when a leader
// takes office (with its log end) and for every batch appended. Entries that
// contradict it, from a reign that was never committed, are dropped. A batch of
// the running epoch changes nothing, nor does a negative epoch or offset.
func (c *Cache) Assign(e Entry) (changed bool) {
	if e.Epoch < 0 || e.Start < 0 {
		return false
	}
	if last := c.Latest(); last.Epoch == e.Epoch && e.Start >= last.Start {
		return false
	}
	n := len(c.entries)
	for n > 0 && (c.entries[n-1].Epoch >= e.Epoch || c.entries[n-1].Start >= e.Start) {
		n--
	}
	c.entries = append(c.entries[:n], e)
	return true
}

// EndOffsetFor answers OffsetForLeaderEpoch: the largest epoch at or below the
// one asked for that this log has records of, and the offset after its last
// record. logEnd is the log's end. (None, NoOffset) means that nothing is known.
// An epoch older than all entries is answered with itself and the first start.
func (c *Cache) EndOffsetFor(epoch int32, logEnd int64) (found int32, end int64) {
	if epoch == None || len(c.entries) == 0 {
		return None, NoOffset
	}
	if epoch == c.Latest().Epoch {
		return epoch, logEnd
	}
	higher := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].Epoch > epoch })
	switch higher {
	case len(c.entries):
		return None, NoOffset
	case 0:
		return epoch, c.entries[0].Start
	}
	return c.entries[higher-1].Epoch, c.entries[higher].Start
}

// At returns the epoch of the record at an offset, or None when the offset lies
// before the first entry.
func (c *Cache) At(offset int64) int32 {
	higher := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].Start > offset })
	if higher == 0 {
		return None
	}
	return c.entries[higher-1].Epoch
}

// TruncateFromStart forgets what lies before offset, the log's new start. The
// epoch that offset belongs to stays and now starts there.
func (c *Cache) TruncateFromStart(offset int64) (changed bool) {
	n := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].Start > offset })
	if n == 0 || n == 1 && c.entries[0].Start == offset {
		return false
	}
	c.entries = slices.Delete(c.entries, 0, n-1)
	c.entries[0].Start = offset
	return true
}

// TruncateFromEnd forgets epochs that start at or after offset, the log's new end.
func (c *Cache) TruncateFromEnd(offset int64) (changed bool) {
	n := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].Start >= offset })
	if offset < 0 || n == len(c.entries) {
		return false
	}
	c.entries = c.entries[:n]
	return true
}

// Clear forgets everything: a batch of the old format, which has no epochs, was
// appended, or the log was emptied.
func (c *Cache) Clear() (changed bool) {
	changed = len(c.entries) > 0
	c.entries = nil
	return changed
}
