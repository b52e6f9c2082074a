package log

import (
	"errors"
	"runtime"
	"sync"

	"github.com/leatmq/leat/log/record"
)

// What batches inflate to is bounded for all appends together, since a few bytes
// can ask for Config.MaxInflatedBytes and many connections could each ask. Most
// batches are small and judged at once, as many as come; larger ones as many at a
// time as there are processors, the largest one after the other.
const (
	small = 1 << 20
	large = 8 << 20
)

var (
	largeTurns  = make(chan struct{}, runtime.GOMAXPROCS(0))
	largestTurn sync.Mutex
)

// prepare has a set judged outside the log's lock.
func (w *work) prepare(set []byte, r record.Rules) (record.Prepared, error) {
	most := r.MaxInflatedBytes
	r.MaxInflatedBytes = min(most, small)
	p, err := record.Prepare(set, r, &w.scratch)
	if most <= small || !errors.Is(err, record.ErrTooLarge) {
		return p, err
	}
	largeTurns <- struct{}{}
	r.MaxInflatedBytes = min(most, large)
	p, err = record.Prepare(set, r, &w.scratch)
	w.scratch.Trim()
	<-largeTurns
	if most <= large || !errors.Is(err, record.ErrTooLarge) {
		return p, err
	}
	largestTurn.Lock()
	defer largestTurn.Unlock()
	r.MaxInflatedBytes = most
	p, err = record.Prepare(set, r, &w.scratch)
	w.scratch.Trim()
	runtime.GC() // what the next one is to have must not come on top of this
	return p, err
}
