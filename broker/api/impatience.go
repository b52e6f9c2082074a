package api

import (
	"context"
	"sync/atomic"
	"time"
)

// How long requests that clients make by the way wait for the controller: for a
// topic that is named for the first time, a group's internal topic, a producer's
// id. What else comes over the connection waits behind them, records of partitions
// that are well among it, and who is told to ask again does so. Where there was no
// controller just now they wait only a moment.
const (
	patienceUsual = time.Second
	patienceShort = 50 * time.Millisecond
	impatientFor  = 5 * time.Second
)

// impatience remembers that the controller has kept such a request waiting in
// vain.
type impatience struct{ until atomic.Pointer[time.Time] }

// bound is ctx for so long as a request may wait now; learn is to be told how it
// ended.
func (i *impatience) bound(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	patience := patienceUsual
	if until := i.until.Load(); until != nil && now.Before(*until) {
		patience = patienceShort
	}
	return context.WithTimeout(ctx, patience)
}

// learn notes how waiting within a bound ended.
func (i *impatience) learn(bound context.Context, now func() time.Time) {
	switch bound.Err() {
	case nil:
		i.until.Store(nil)
	case context.DeadlineExceeded:
		until := now().Add(impatientFor)
		i.until.Store(&until)
	}
}
