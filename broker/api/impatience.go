package api

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// How long requests that clients make by the way wait for the controller: for a
// topic that is named for the first time, a group's internal topic, a producer's
// id. What else comes over the connection waits behind them, records of partitions
// that are well among it, and who is told to ask again does so. Where there was no
// controller just now they wait only a moment; but now and then one of them tries
// as long as usual, for a controller that is merely slow must not look as if it
// were not there.
const (
	patienceUsual = time.Second
	patienceShort = 50 * time.Millisecond
	impatientFor  = 5 * time.Second
)

// impatience remembers that the controller has kept such a request waiting in
// vain.
type impatience struct{ until atomic.Pointer[time.Time] }

// bound is ctx for so long as a request may wait now; end is to be called when it
// waits no longer.
func (i *impatience) bound(ctx context.Context, now func() time.Time) (bounded context.Context, end func()) {
	patience := i.patience(now())
	bounded, cancel := context.WithTimeout(ctx, patience)
	return bounded, func() {
		switch {
		case bounded.Err() == nil:
			i.until.Store(nil)
		case patience == patienceUsual && errors.Is(bounded.Err(), context.DeadlineExceeded):
			until := now().Add(impatientFor)
			i.until.Store(&until)
		}
		cancel()
	}
}

// patience is how long a request may wait. Of those that come when the impatient
// time is over, one is patient, and until it has ended the others are not. A clock
// that has gone back ends that time, too.
func (i *impatience) patience(now time.Time) time.Duration {
	until := i.until.Load()
	if until == nil {
		return patienceUsual
	}
	left, next := until.Sub(now), now.Add(impatientFor)
	if left > 0 && left <= impatientFor || !i.until.CompareAndSwap(until, &next) {
		return patienceShort
	}
	return patienceUsual
}
