package fetcher

import "time"

// partKey names a partition in a fetch session: by its topic's id if it has one
// and the session is by ids, or by name.
type partKey struct {
	topic string
	id    [16]byte
	index int32
}

func (k *partKey) sameTopic(o *partKey) bool { return k.id == o.id && k.topic == o.topic }

// idKey and nameKey are how answers name partitions.
type idKey struct {
	id    [16]byte
	index int32
}

type nameKey struct {
	topic string
	index int32
}

// position is what the leader is told of a follower's log.
type position struct {
	offset int64 // the next to be fetched: the end of the log
	start  int64
	epoch  int32 // of the last record, -1 if unknown
}

// part is one partition in a loop, which alone uses it. A new leader epoch makes
// a new part.
type part struct {
	a           *assignment
	key         partKey
	leaderEpoch int32
	replica     Replica // nil before there is one

	at   position // where the log is
	told position // what the leader's session has; of use if session is set

	begun   bool // the log was looked at
	session bool // the leader's session has it: an answer may be about it
	changed bool // it is in loop.changed

	place    int // in loop.order
	state    state
	failures int // in a row
	resume   time.Time
}

// state is what a part is about.
//
//	active ⇄ resting (until resume) ; active → failed (until the next Follow)
type state uint8

const (
	active state = iota
	resting
	failed
)

// look reads from the log where it is.
func (p *part) look() {
	p.at = position{offset: p.replica.EndOffset(), start: p.replica.StartOffset(), epoch: p.replica.LatestEpoch()}
}

// begin readies the log for being fetched into. Without any epochs nobody can say
// where it and the leader's log have parted: what is not known to be committed
// goes.
func (p *part) begin() error {
	p.look()
	if high := p.replica.HighWatermark(); p.at.epoch < 0 && p.at.offset > high {
		if err := p.replica.Truncate(high); err != nil {
			return err
		}
		p.look()
	}
	return p.secure()
}

// secure makes durable what the leader is about to be told of, where it must be: a sync
// may have failed for the moment, or be another loop's that is still under way.
func (p *part) secure() error {
	if p.replica.SyncDue() {
		return p.replica.Sync()
	}
	return nil
}

// inSync says whether the log has all that the leader's high watermark covers, as
// far as is known.
func (p *part) inSync() bool { return p.a.behind.Load() == 0 }

// pause is how long to wait after so many failures in a row.
func pause(failures int, most time.Duration) time.Duration {
	return min(most/50<<min(max(failures-1, 0), 10), most)
}
