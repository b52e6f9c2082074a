package partition

import (
	"slices"
	"time"

	"github.com/leatmq/leat/partition/isr"
	"github.com/leatmq/leat/partition/wait"
)

// hidden is how many bytes were appended that consumers do not see yet.
type hidden int64

func (h *hidden) add(bytes int) { *h += hidden(bytes) }

// show returns how many bytes a high watermark shows that has moved, out of a
// log of so many offsets behind it: all at the end, and else their share, for
// nobody counts the bytes between two offsets.
func (h *hidden) show(moved, left int64) int64 {
	shown := *h
	if left > 0 {
		shown = hidden(float64(*h) * float64(moved) / float64(moved+left))
	}
	*h -= shown
	return max(int64(shown), 1)
}

// raise moves the high watermark as far as it may go and returns what there is
// to tell. The caller holds mu, and notifies without it. Without followers the
// conditions are not looked at.
func (l *Leader) raise(c *isr.Conditions) wait.Event {
	l.safe.Store(l.progress.Safe())
	before := l.progress.HighWatermark()
	e := wait.Event{Offset: before, Safe: l.progress.Safe(), Low: isr.Unknown}
	if !l.retired && l.progress.Raise(c) {
		e.Offset = l.progress.HighWatermark()
		e.Bytes = l.hidden.show(e.Offset-before, l.progress.End()-e.Offset)
		l.replica.high.Store(e.Offset)
	}
	return e
}

// conditions are what the rules depend on, now; nothing without followers. The
// caller holds mu.
func (l *Leader) conditions() isr.Conditions {
	if l.progress.Alone() {
		return isr.Conditions{}
	}
	o := &l.replica.set.o
	return isr.Conditions{
		Now: o.Now(), MaxLag: o.MaxLag, Alive: o.Alive, MinISR: l.Log().Config().MinInsyncReplicas,
	}
}

// note publishes the progress; the caller holds mu.
func (l *Leader) note() {
	l.replicas.Store(int32(l.progress.Replicas()))
	l.inSync.Store(int32(len(l.progress.ISR())))
	l.maximal.Store(int32(l.progress.MaximalISR()))
}

// turn is one change of the progress: see enter.
type turn struct {
	isr.Conditions
	pending isr.Change
}

// enter takes mu for a change of the progress, which leave ends. It returns false,
// without mu, when the leadership is over.
func (l *Leader) enter() (t turn, ok bool) {
	l.mu.Lock()
	if l.retired {
		l.mu.Unlock()
		return t, false
	}
	return turn{l.conditions(), l.progress.Pending().Change}, true
}

// leave raises the high watermark after a change, gives mu back, tells whoever
// waits, and proposes what the change has brought up.
func (l *Leader) leave(t *turn) {
	e := l.raise(&t.Conditions)
	low := l.progress.LowWatermark(l.Log().StartOffset(), &t.Conditions)
	news := e.Bytes > 0 || low != l.low
	l.low, e.Low = low, low
	l.note()
	var p Proposal
	proposed := t.pending == isr.None && l.progress.Pending().Change != isr.None
	if proposed {
		p = l.proposal()
	}
	l.mu.Unlock()
	if news {
		l.replica.watchers.Notify(e)
	}
	if proposed {
		l.replica.set.propose(p)
	}
}

// commit makes a decision of the controller about the same epoch the present
// state.
func (l *Leader) commit(a isr.Assignment) {
	if t, ok := l.enter(); ok {
		l.progress.Commit(a)
		l.leave(&t)
	}
}

// FollowerFetched notes that a follower has fetched: its end is the offset that
// it asked for, and what it acknowledges thereby. It may raise the high
// watermark, and take the follower into the in-sync set. Call it once for each
// fetch that ReadFollower has answered without an error and without divergence,
// and not when a parked fetch reads again. One that is not assigned is ignored.
//
// It returns false for a fetch of an earlier life of the broker, which says nothing
// and is to be refused as Kafka does, with ErrNotLeader.
func (l *Leader) FollowerFetched(id int32, f isr.Fetch) bool {
	t, ok := l.enter()
	if !ok {
		return true
	}
	if l.progress.Fetched(id, f, t.Now) && !l.progress.Expand(id, &t.Conditions) {
		l.progress.Expel(id)
	}
	outlived := l.progress.Outlived(id, f)
	l.leave(&t)
	return !outlived
}

// Standing is how a replica stands, as its leader knows it.
type Standing struct {
	ID       int32
	Start    int64     // -1: not known yet
	End      int64     // -1: not known yet
	CaughtUp time.Time // when it last had everything; the leader: now
	InSync   bool
}

// Replicas are all replicas of the partition, the leader first.
func (l *Leader) Replicas() []Standing {
	lg := l.Log()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Standing, 0, 3)
	out = append(out, Standing{
		ID: l.progress.Self(), Start: lg.StartOffset(), End: lg.EndOffset(), CaughtUp: l.replica.set.o.Now(), InSync: true,
	})
	for _, r := range l.progress.Remotes() {
		out = append(out, Standing{
			ID: r.ID, Start: r.Start, End: r.End, CaughtUp: r.CaughtUp, InSync: slices.Contains(l.progress.ISR(), r.ID),
		})
	}
	return out
}

// ISR are the replicas in sync, as the controller has decided last.
func (l *Leader) ISR() []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.progress.ISR())
}

// UnderMinISR says whether writes with acks=all are refused.
func (l *Leader) UnderMinISR() bool { return !l.enough(&l.inSync) }

// LowWatermark is the lowest start of the logs of all live replicas, -1 while
// one has not fetched (KIP-107). DeleteRecords waits for it with wait.Low.
func (l *Leader) LowWatermark() int64 {
	start := l.Log().StartOffset()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conditions()
	return l.progress.LowWatermark(start, &c)
}
