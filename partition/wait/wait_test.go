package wait_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/wait"
)

// watched is a watcher of some lists, each link naming its list.
type watched struct {
	wait.Watcher
	lists []wait.List
	links []wait.Link
	wakes int
}

func watch(n int) *watched {
	w := &watched{lists: make([]wait.List, n), links: make([]wait.Link, n)}
	for i := range w.lists {
		w.links[i].Of = i
		w.Watch(&w.lists[i], &w.links[i])
	}
	return w
}

func (w *watched) arm(need int64) bool { return w.Arm(need, func() { w.wakes++ }) }

// changed walks the chain to its end.
func (w *watched) changed() []int {
	out := []int{}
	for k := w.Changed(); k != nil; {
		next := w.Seen(k)
		out = append(out, k.Of.(int))
		k = next
	}
	return out
}

func TestOnlyWhatChangedIsLookedAt(t *testing.T) {
	w := watch(1000)
	require.Empty(t, w.changed())
	for _, i := range []int{7, 500, 7, 3} {
		w.lists[i].Notify(wait.Event{Bytes: 1})
	}
	require.Equal(t, []int{7, 500, 3}, w.changed(), "each once, oldest first")
	require.Empty(t, w.changed())
}

func TestWakesOnceWithEnoughBytes(t *testing.T) {
	w := watch(2)
	require.True(t, w.arm(10))
	w.lists[0].Notify(wait.Event{Bytes: 4})
	w.lists[1].Notify(wait.Event{Bytes: 5})
	require.Zero(t, w.wakes)
	w.lists[0].Notify(wait.Event{Bytes: 1})
	require.Equal(t, 1, w.wakes)
	w.lists[0].Notify(wait.Event{Bytes: 100})
	require.Equal(t, 1, w.wakes, "not armed any more")
	require.False(t, w.arm(10), "110 bytes have come and have not been looked at")
	require.Equal(t, []int{0, 1}, w.changed())
	require.True(t, w.arm(10), "counted anew")
}

func TestLosingAPartitionWakes(t *testing.T) {
	w := watch(1)
	require.True(t, w.arm(1<<40))
	w.lists[0].Notify(wait.Event{Lost: true})
	require.Equal(t, 1, w.wakes)
	require.False(t, w.arm(1))
}

func TestDisarmedDoesNotWake(t *testing.T) {
	w := watch(1)
	require.True(t, w.arm(1))
	w.Disarm()
	w.lists[0].Notify(wait.Event{Bytes: 5})
	require.Zero(t, w.wakes)
}

func TestLinkHearsOnlyFromItsOffsetOn(t *testing.T) {
	var l wait.List
	w := new(watched)
	k := &wait.Link{From: 10, Of: 0}
	w.Watch(&l, k)
	require.True(t, w.arm(1))
	l.Notify(wait.Event{Offset: 9, Bytes: 100})
	require.Zero(t, w.wakes)
	l.Notify(wait.Event{Offset: 10, Bytes: 1})
	require.Equal(t, 1, w.wakes)
	require.True(t, w.Watcher.Changed() != nil)
}

func TestUnwatchedIsNotTold(t *testing.T) {
	w := watch(3)
	for i := range w.lists {
		w.lists[i].Notify(wait.Event{Bytes: 1})
	}
	w.Unwatch(&w.links[1]) // from the middle of the chain
	require.False(t, w.links[1].Watching())
	w.lists[1].Notify(wait.Event{Bytes: 1})
	require.Equal(t, []int{0, 2}, w.changed())
	require.False(t, w.lists[1].Watched())
	require.True(t, w.lists[2].Watched())

	var many wait.List // first, middle and last of one list
	links := make([]wait.Link, 3)
	for i := range links {
		links[i].Of = i
		w.Watch(&many, &links[i])
	}
	w.Unwatch(&links[1])
	w.Unwatch(&links[2])
	many.Notify(wait.Event{})
	require.Equal(t, []int{0}, w.changed())
	w.Unwatch(&links[0])
	require.False(t, many.Watched())
}

// What a fetch has no room for comes first in the next one.
func TestUnseenGoesBackToTheFront(t *testing.T) {
	w := watch(5)
	for i := range 4 {
		w.lists[i].Notify(wait.Event{})
	}
	k := w.Changed()
	rest := w.Seen(k)
	w.lists[4].Notify(wait.Event{})
	w.Mark(k) // has more data: at the end
	w.Return(rest)
	require.Equal(t, []int{1, 2, 3, 4, 0}, w.changed())
	w.Return(nil)
	w.Mark(k)
	require.Equal(t, []int{0}, w.changed())
}

// An event between Seen and the look at the partition is not lost.
func TestEventWhileLookingMarksAgain(t *testing.T) {
	w := watch(1)
	w.lists[0].Notify(wait.Event{Bytes: 1})
	k := w.Changed()
	require.Nil(t, w.Seen(k))
	w.lists[0].Notify(wait.Event{Bytes: 1})
	require.Equal(t, []int{0}, w.changed())
}

// Appenders notify while watchers look, arm and leave; every byte is accounted
// for in the end.
func TestConcurrentUse(t *testing.T) {
	const lists, events = 4, 2000
	w := watch(lists)
	var all sync.WaitGroup
	for i := range w.lists {
		all.Go(func() {
			for range events {
				w.lists[i].Notify(wait.Event{Bytes: 1})
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	woken := make(chan struct{}, 1)
	for running := true; running; {
		for k := w.Changed(); k != nil; {
			k = w.Seen(k)
		}
		if w.Arm(100, func() { woken <- struct{}{} }) {
			select {
			case <-woken:
			case <-done:
				w.Disarm()
				running = false
			}
		}
	}
	for i := range w.links {
		w.Unwatch(&w.links[i])
	}
	require.Empty(t, w.changed())
}

func TestNotifyAllocatesNothing(t *testing.T) {
	w := watch(1)
	wake := func() {}
	got := testing.AllocsPerRun(100, func() {
		w.Arm(1, wake)
		w.lists[0].Notify(wait.Event{Bytes: 1})
		w.Seen(w.Changed())
	})
	require.Zero(t, got)
}
