package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

// damage is a range of offsets whose records the disk has changed. Nobody gets
// them; what lies before and behind is served.
type damage struct {
	from, to int64
}

// damagedAt returns the damaged range that holds an offset, and where the next
// one behind it begins: a read ends there.
func (r *Replica) damagedAt(offset int64) (in *damage, until int64) {
	until = never
	all := r.damaged.Load()
	if all == nil {
		return nil, until
	}
	for i := range *all {
		d := &(*all)[i]
		switch {
		case offset >= d.from && offset < d.to:
			return d, until
		case d.from > offset:
			until = min(until, d.from)
		}
	}
	return nil, until
}

// never is an offset that no log reaches.
const never = int64(1<<63 - 1)

// isDamaged notes that records are damaged, and tells the broker, which may have
// another replica lead.
func (r *Replica) isDamaged(d damage) error {
	err := fmt.Errorf("offset %d of %s: %w", d.from, r.id, record.ErrCorrupt)
	for {
		old := r.damaged.Load()
		var all []damage
		if old != nil {
			all = *old
		}
		if slices.Contains(all, d) {
			return err
		}
		next := append(slices.Clone(all), d)
		if r.damaged.CompareAndSwap(old, &next) {
			break
		}
	}
	r.logger().Error("records on disk are damaged and are not served", "from", d.from, "to", d.to)
	r.lost() // whoever waits looks again
	r.set.o.Damaged(r.id, r.epoch.Load(), d.from)
	return err
}

// readError notes damage that a read came upon.
func (r *Replica) readError(offset int64, err error) error {
	if errors.Is(err, record.ErrCorrupt) {
		if in, _ := r.damagedAt(offset); in == nil {
			return errors.Join(err, r.isDamaged(damage{offset, offset + 1}))
		}
	}
	return err
}

// verify checks the CRC of the first batch of what was read. A leader does so
// when a follower asks twice for the same: it may have found what it got of no
// use.
func (r *Replica) verify(s *log.Slice) error {
	first, err := s.FirstBatch()
	if err != nil || len(first) < record.HeaderSize {
		return err
	}
	size := counted + int(binary.BigEndian.Uint32(first[lengthAt:])) // first is its header only
	if size > s.Len() {
		return nil // cut short by the bounds of the fetch: nothing can be said of it
	}
	set := make([]byte, size)
	if _, err := s.ReadAt(set, 0); err != nil {
		return err
	}
	b, _, err := record.Next(set)
	if first.Legacy() || err == nil && b.CheckCRC() {
		return nil
	}
	return r.isDamaged(damage{first.BaseOffset(), first.NextOffset()})
}

// confess tells the broker when a replica leads whose log has lost what was
// committed.
func (r *Replica) confess() {
	l := r.leader.Load()
	if l == nil || !r.short.Swap(false) {
		return
	}
	r.logger().Error("this leader's disk has lost records that were committed", "end", l.begin)
	r.set.o.Damaged(r.id, l.epoch, l.begin)
}

// mend drops what is damaged from a log that a leader has, to be fetched again.
// The replica leaves the in-sync set for it: it asks for what is committed.
func (r *Replica) mend() error {
	r.short.Store(false)
	all := r.damaged.Load()
	if all == nil {
		return nil
	}
	first := slices.MinFunc(*all, func(a, b damage) int { return int(min(max(a.from-b.from, -1), 1)) })
	end, err := r.Log().DropDamage(first.from)
	if err != nil {
		return err
	}
	r.logger().Warn("damaged records are fetched again", "from", end)
	r.damaged.CompareAndSwap(all, nil) // unless more was found meanwhile
	return nil
}
