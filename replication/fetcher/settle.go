package fetcher

import (
	"sync"
	"sync/atomic"
)

// syncers is how many logs of one answer may be in fsync at the same time. A disk that
// is asked for several at once commits them together.
const syncers = 16

// taken is a row of an answer that has been copied.
type taken struct {
	p *part
	w *row
}

// settle makes durable what an answer has brought, where it must be before the leader
// is told, and then takes over what the answer says beside it.
func (l *loop) settle() {
	l.syncTaken()
	for i := range l.taken {
		if t := &l.taken[i]; t.p.state == active {
			l.advance(t.p, t.w)
		}
	}
	clear(l.taken)
	l.taken = l.taken[:0]
}

// syncTaken syncs the logs that need it, several at a time: waiting for the disk is
// most of it, and those that wait together share it. A part that cannot is no longer
// active then.
func (l *loop) syncTaken() {
	var due []*part
	for i := range l.taken {
		if p := l.taken[i].p; p.state == active && p.replica.SyncDue() {
			due = append(due, p)
		}
	}
	errs := make([]error, len(due))
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(due)); i = next.Add(1) - 1 {
			errs[i] = due[i].replica.Sync()
		}
	}
	var others sync.WaitGroup
	for range min(len(due), syncers) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	for i, err := range errs {
		if err != nil {
			l.hurt(due[i], err)
		}
	}
}
