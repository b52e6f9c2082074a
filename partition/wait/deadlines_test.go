package wait_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/wait"
)

// clock runs deadlines in a bubble of virtual time.
type clock struct {
	*wait.Deadlines
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	expired []time.Duration
	start   time.Time
}

func start(t *testing.T) *clock {
	ctx, stop := context.WithCancel(t.Context())
	c := &clock{Deadlines: wait.NewDeadlines(time.Now), stop: stop, done: make(chan struct{}), start: time.Now()}
	go func() {
		defer close(c.done)
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-c.done })
	return c
}

func (c *clock) set(after time.Duration) *wait.Deadline {
	d := new(wait.Deadline)
	d.Expire = func(bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.expired = append(c.expired, time.Since(c.start))
	}
	c.Add(d, time.Now().Add(after))
	return d
}

func (c *clock) at() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.expired)
}

func TestDeadlinesExpireInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		random := rand.New(rand.NewPCG(1, 2))
		var want []time.Duration
		for range 200 {
			after := time.Duration(random.IntN(1000)) * time.Millisecond
			d := c.set(after)
			if random.IntN(3) == 0 {
				require.True(t, c.Remove(d))
				require.False(t, c.Remove(d))
				continue
			}
			want = append(want, after)
		}
		require.Equal(t, len(want), c.Len())
		slices.Sort(want)
		synctest.Wait()
		<-time.After(2 * time.Second)
		require.Equal(t, want, c.at())
		require.Zero(t, c.Len())
	})
}

func TestAnEarlierDeadlineIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		c.set(time.Hour)
		synctest.Wait()
		c.set(time.Second)
		<-time.After(time.Minute)
		require.Equal(t, []time.Duration{time.Second}, c.at())
	})
}

// A broker that stops does not leave anybody waiting.
func TestStoppingExpiresEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		stopping := make(chan bool, 1)
		d := &wait.Deadline{Expire: func(s bool) { stopping <- s }}
		require.True(t, c.Add(d, time.Now().Add(time.Hour)))
		c.stop()
		require.True(t, <-stopping)
		<-c.done
		require.False(t, c.Remove(d))
		require.False(t, c.Add(d, time.Now()))
	})
}
