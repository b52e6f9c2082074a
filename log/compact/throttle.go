package compact

import (
	"context"
	"time"
)

// throttle holds the cleaner to a number of bytes per second.
type throttle struct {
	perSecond float64
	now       func() time.Time
	began     time.Time
	spent     float64 // bytes since began
}

// shortest is the least worth waiting for.
const shortest = 10 * time.Millisecond

func newThrottle(perSecond float64, now func() time.Time) *throttle {
	return &throttle{perSecond: max(perSecond, 1), now: now, began: now()}
}

// spend accounts for n bytes and waits as long as they are too many. It returns the
// context's error when that ends, which is looked at in any case.
func (t *throttle) spend(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.spent += float64(n)
	ahead := t.spent/t.perSecond - t.now().Sub(t.began).Seconds()
	wait := time.Duration(ahead * float64(time.Second))
	if wait < shortest {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
