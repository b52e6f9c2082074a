package fetcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/replication/throttle"
)

// loop fetches from one leader. Fields under Fetcher.mu apart, everything is its
// own goroutine's.
type loop struct {
	f   *Fetcher
	key loopKey
	log *slog.Logger

	// Under Fetcher.mu.
	inbox   map[checkpoint.Partition]*assignment // nil: to be followed no more
	polling *wire.Conn                           // closing it ends the fetch under way
	mayCut  time.Time                            // when that may be done next
	cut     bool                                 // it was done
	asked   throttle.Meter                       // counts fetches, not bytes

	kick chan struct{} // has room for one: there is something in the inbox

	parts  map[checkpoint.Partition]*part
	byID   map[idKey]*part
	byName map[nameKey]*part
	order  []*part // all parts; part.place is where
	first  int     // of order: with which a full fetch begins
	rested []*part // those resting
	waking []*part // those that have rested enough

	actives int // how many are active
	noID    int // how many have a topic without id

	conn        *wire.Conn
	version     int16 // the leader's best of Fetch; 0: not asked yet
	listOffsets int16 // and of ListOffsets; 0: none
	failures    int   // in a row

	session session
	changed []*part   // what the leader's session is to be told
	gone    []partKey // what it is to forget

	settings Settings
	req      request
	ans      answer
	buf      []byte
	small    int // answers in a row that needed little of buf
	taken    []taken
}

func newLoop(f *Fetcher, key loopKey) *loop {
	return &loop{
		f: f, key: key,
		log:    f.o.Logger.With("leader", key.leader),
		inbox:  make(map[checkpoint.Partition]*assignment),
		kick:   make(chan struct{}, 1),
		asked:  throttle.NewMeter(6, 10*time.Second),
		parts:  make(map[checkpoint.Partition]*part),
		byID:   make(map[idKey]*part),
		byName: make(map[nameKey]*part),
	}
}

// tell changes what the loop follows; the caller holds Fetcher.mu. A fetch that
// waits at the leader is ended, so that a new partition need not wait with it.
// As the next one begins a new session, which costs by the number of partitions,
// that is not done time and again.
func (l *loop) tell(p checkpoint.Partition, a *assignment, now time.Time) {
	l.inbox[p] = a
	select {
	case l.kick <- struct{}{}:
	default:
	}
	if l.polling != nil && !now.Before(l.mayCut) {
		l.cut = true
		l.mayCut = now.Add(10*time.Millisecond + time.Duration(len(l.order))*100*time.Microsecond)
		l.polling.Close()
		l.polling = nil
	}
}

// run fetches until ctx ends or the loop has nothing left to follow.
func (l *loop) run(ctx context.Context) {
	defer l.hangUp()
	for ctx.Err() == nil && l.takeChanges() {
		l.settings = l.f.o.Settings()
		now := l.f.o.Now()
		l.wakeRested(now)
		l.throttle(now)
		if l.actives == 0 {
			l.sleep(ctx, l.untilResume(now))
			continue
		}
		if err := l.turn(ctx, now); err != nil {
			l.stumble(ctx, err)
		}
	}
}

// turn asks the leader once and takes in what it answers.
func (l *loop) turn(ctx context.Context, now time.Time) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	mayCut, ok := l.beginPoll()
	if !ok {
		return nil
	}
	l.compose(min(l.settings.MaxWait, l.untilResume(now), untilCut(now, mayCut)))
	var err error
	l.buf, err = l.conn.Do(ctx, &l.req, &l.ans, l.buf)
	cut := l.endPoll()
	switch {
	case err != nil && cut:
		l.hangUp()
		l.session.restart()
		return nil
	case err != nil:
		return err
	case cut:
		l.hangUp()
	}
	// The answer counts only for what is still to be followed as it was.
	if !l.takeChanges() {
		return nil
	}
	err = l.takeAnswer(ctx)
	l.keepBuffer()
	return err
}

// beginPoll announces that a fetch is about to wait at the leader; false if there
// is something else to do first. It returns when the fetch may be cut short.
func (l *loop) beginPoll() (time.Time, bool) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	if len(l.inbox) > 0 {
		return time.Time{}, false
	}
	l.polling = l.conn
	l.asked.Record(l.f.o.Now(), 1)
	return l.mayCut, true
}

// endPoll says whether the fetch was to be cut short for the sake of a change.
func (l *loop) endPoll() bool {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	cut := l.cut
	l.polling, l.cut = nil, false
	return cut
}

// forever is longer than anything is waited for.
const forever = time.Hour

// untilCut is how long a fetch may wait that cannot be cut short yet.
func untilCut(now, mayCut time.Time) time.Duration {
	if now.Before(mayCut) {
		return mayCut.Sub(now)
	}
	return forever
}

// connect makes the connection and asks what the leader understands, unless that
// is done.
func (l *loop) connect(ctx context.Context) error {
	if l.conn == nil {
		if err := l.dial(ctx); err != nil {
			return err
		}
	}
	if l.version > 0 {
		return nil
	}
	versions, err := l.conn.Versions(ctx)
	if err != nil {
		return err
	}
	best, ok := versions.Best(keyFetch, wire.Range{Min: leastVersion, Max: mostVersion})
	if !ok {
		return fmt.Errorf("the leader does not serve Fetch in versions %d to %d", leastVersion, mostVersion)
	}
	l.version = best
	l.listOffsets, _ = versions.Best(keyListOffsets, wire.Range{Min: leastListOffsets, Max: mostListOffsets})
	return nil
}

// How long a leader may take to accept a connection, and say nothing beyond the
// wait that it was asked for. A lost packet is sent again after a pause that
// doubles, so after a while it is quicker to begin anew.
const (
	dialTimeout = 3 * time.Second
	silence     = 10 * time.Second
)

func (l *loop) dial(ctx context.Context) error {
	node, ok := l.f.o.Broker(l.key.leader)
	if !ok {
		return errNoAddress
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := l.f.o.Pool.To(node).Dial(ctx)
	if err != nil {
		return err
	}
	timeout := l.settings.MaxWait + silence
	if l.settings.Timeout > 0 {
		timeout = min(timeout, l.settings.Timeout)
	}
	conn.SetTimeout(timeout)
	l.conn = conn
	return nil
}

// errNoAddress means that it is not known where the leader is.
var errNoAddress = errors.New("the leader is not among the live brokers")

// hangUp closes the connection, if there is one.
func (l *loop) hangUp() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// stumble takes note that the leader could not be asked, and waits a while. News
// about a partition end the waiting: they may mean that the leader is back.
func (l *loop) stumble(ctx context.Context, err error) {
	l.hangUp()
	l.session.restart()
	l.version = 0 // it may be another when it comes back
	if ctx.Err() != nil {
		return
	}
	l.failures++
	if telling(l.failures) {
		l.log.Warn("cannot fetch from the leader", "partitions", len(l.order), "failures", l.failures, "error", err)
	}
	l.sleep(ctx, pause(l.failures, l.settings.Backoff))
}

// telling thins out what is logged of failures in a row: the 1st, 2nd, 4th, ...
func telling(failures int) bool { return failures&(failures-1) == 0 }

// sleep waits, no longer than until there is something in the inbox.
func (l *loop) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-l.kick:
	case <-t.C:
	}
}

// keepSmall is how many small answers it takes to give a large buffer back.
const keepSmall = 64

// keepBuffer gives a large buffer back that is not needed any more.
func (l *loop) keepBuffer() {
	if len(l.buf) > cap(l.buf)/8 || cap(l.buf) <= 64<<10 {
		l.small = 0
		return
	}
	if l.small++; l.small >= keepSmall {
		l.buf, l.small = nil, 0
	}
}
