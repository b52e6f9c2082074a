package fetcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// takeAnswer does what the leader answers. An error means that the answer as a
// whole is of no use.
func (l *loop) takeAnswer(ctx context.Context) error {
	if l.ans.code != 0 {
		return l.refusedAll(kerr.ErrorForCode(l.ans.code))
	}
	full := l.req.epoch == 0
	if !l.session.proceed(l.req.epoch, l.ans.session) {
		return fmt.Errorf("answer of fetch session %d where that of %d was due", l.ans.session, l.session.id)
	}
	if full && len(l.ans.rows) < len(l.req.parts) {
		return fmt.Errorf("an answer about %d partitions where all %d were asked for", len(l.ans.rows), len(l.req.parts))
	}
	l.failures = 0
	var lost []*part
	for i := range l.ans.rows {
		w := &l.ans.rows[i]
		p := l.partOf(w)
		switch {
		case p == nil:
		case w.code == kerr.OffsetOutOfRange.Code:
			lost = append(lost, p)
		case w.code != 0:
			l.refused(p, kerr.ErrorForCode(w.code))
		case w.diverging:
			l.part(p, w)
		case l.copy(p, w):
			l.taken = append(l.taken, taken{p, w})
		}
		if full && p != nil && len(w.records) > 0 {
			l.first = (p.place + 1) % len(l.order)
		}
	}

	l.settle()
	for _, p := range lost { // this asks the leader again, so it comes last
		if err := l.relocate(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// refusedAll begins a new session after an error about the answer as a whole: at
// once if only the leader's memory of the session was at fault.
func (l *loop) refusedAll(err error) error {
	incremental := l.req.epoch > 0
	l.session.restart()
	switch {
	case errors.Is(err, kerr.FetchSessionIDNotFound):
		l.session.id = 0
	case errors.Is(err, kerr.InvalidFetchSessionEpoch), errors.Is(err, kerr.FetchSessionTopicIDError):
	default:
		return err
	}
	if incremental {
		return nil
	}
	return err
}

// copy appends what the leader has. It returns whether the rest of what the row says
// is to be taken over.
func (l *loop) copy(p *part, w *row) bool {
	if len(w.records) > 0 {
		if q := l.f.o.Quota; q != nil && q.Holds(p.key.topic, p.key.index) {
			q.Record(l.f.o.Now(), len(w.records))
		}
		if err := l.append(p, w.records); err != nil {
			l.hurt(p, err)
			return false
		}
		l.f.o.Copied(p.a.Partition, len(w.records))
	}
	return true
}

// advance takes over what a row says, whose records are where they must be.
func (l *loop) advance(p *part, w *row) {
	if err := p.replica.Advance(w.high, w.start); err != nil {
		l.hurt(p, err)
		return
	}
	p.failures = 0
	p.look()
	p.a.behind.Store(max(0, w.high-p.at.offset))
	if p.at != p.told {
		l.change(p)
	}
}

// append writes records to the end of the log.
func (l *loop) append(p *part, records []byte) error {
	end, err := p.replica.Copy(p.told.offset, records)
	if err == nil && end <= p.told.offset {
		return fmt.Errorf("%w: no whole batch in %d bytes", record.ErrCorrupt, len(records))
	}
	return err
}

// part shortens the log to what it and the leader's may have in common. The
// leader names its largest epoch that is not above the log's last, and where that
// ends; if the log does not have this epoch it ends with its next lower one, and
// the next answer may diverge again (KIP-279).
func (l *loop) part(p *part, w *row) {
	before := p.at
	to := w.end
	switch ours, end := p.replica.EndOffsetForEpoch(w.epoch); {
	case ours < 0:
	case ours != w.epoch:
		to = end
	default:
		to = min(to, end)
	}
	to = min(to, p.at.offset)
	if err := p.replica.Truncate(to); err != nil {
		l.hurt(p, err)
		return
	}
	p.look()
	l.log.Info("a follower's log was truncated to where the leader's agrees", "partition", p.a.Partition.String(),
		"from", before.offset, "to", p.at.offset, "epoch", w.epoch, "leaderEpoch", p.leaderEpoch)
	if p.at == before {
		l.delay(p, errStuck)
		return
	}
	l.change(p)
}

// errStuck means that the leader's answer asks for what has been done.
var errStuck = errors.New("the leader says that the logs diverge, and truncating changes nothing")

// refused is what the leader says of one partition instead of records.
func (l *loop) refused(p *part, err error) {
	if errors.Is(err, kerr.FencedLeaderEpoch) {
		// Had this broker been told of the newer epoch, the part would be another.
		l.fail(p, err)
		return
	}
	l.delay(p, err)
}

// early says whether a leader has not been told yet what this broker has been told:
// the controller tells one after the other. Writes wait for the follower until
// then, so that the first times it asks again soon, and does not complain.
func early(err error) bool {
	return errors.Is(err, kerr.UnknownLeaderEpoch) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
}

// soon is how often that is: for 0.64 s at the usual replica.fetch.backoff.ms.
const soon = 32

// hurt is what the partition's own log refuses.
func (l *loop) hurt(p *part, err error) {
	for _, passing := range passing {
		if errors.Is(err, passing) {
			if p.replica != nil {
				p.look()
			}
			l.delay(p, err)
			return
		}
	}
	l.fail(p, err)
}

// passing are what a later fetch may do away with: damage on the way, a log that
// something else has shortened meanwhile, want of space or files.
var passing = []error{
	record.ErrCorrupt, record.ErrInvalidRecord, record.ErrTooLarge, record.ErrUnsupportedCompression,
	partition.ErrNotAtEnd, log.ErrOffsetOutOfRange, log.ErrNoSpace, log.ErrBusy,
}

// delay has a part wait before it is fetched again.
func (l *loop) delay(p *part, err error) {
	p.failures++
	level, failures := slog.LevelWarn, p.failures
	if early(err) {
		if failures -= soon; failures <= 0 {
			level, failures = slog.LevelDebug, 1
		}
	}
	if telling(failures) {
		l.log.Log(context.Background(), level, "cannot fetch a partition", "partition", p.a.Partition.String(), "leaderEpoch", p.leaderEpoch,
			"offset", p.at.offset, "failures", p.failures, "error", err)
	}
	l.suspend(p, l.f.o.Now().Add(pause(failures, l.settings.Backoff)))
}

// fail has a part wait for the next order about it.
func (l *loop) fail(p *part, err error) {
	l.leave(p)
	l.actives--
	p.state = failed
	p.a.failed.Store(true)
	level := slog.LevelError
	switch {
	case errors.Is(err, partition.ErrNotFollower): // there is another order already
		level = slog.LevelDebug
	case errors.Is(err, kerr.FencedLeaderEpoch): // one is on its way
		level = slog.LevelInfo
	}
	l.log.Log(context.Background(), level, "a partition is not followed until the controller says more",
		"partition", p.a.Partition.String(), "leaderEpoch", p.leaderEpoch, "error", err)
}
