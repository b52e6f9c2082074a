package server

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestBudgetWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{limit: 100}
		require.True(t, b.try(90))
		// The first in need overdraws, so that there is progress; the others wait.
		ok, overdraws := b.wait(50, nil)
		require.True(t, ok)
		require.True(t, overdraws)

		var mu sync.Mutex
		var got []int
		for i := range 3 {
			go func() {
				ok, overdraws := b.wait(40, nil)
				mu.Lock()
				defer mu.Unlock()
				require.True(t, ok)
				require.False(t, overdraws)
				got = append(got, i)
			}()
			synctest.Wait()
		}
		require.False(t, b.try(1), "nobody overtakes")
		b.force(30)
		require.EqualValues(t, 170, b.used.Load())
		synctest.Wait()
		require.Empty(t, got)

		b.give(120)
		synctest.Wait()
		require.Equal(t, []int{0}, got, "fits")
		b.give(40)
		synctest.Wait()
		require.Equal(t, []int{0, 1}, got)
		b.give(90)
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, got)
		b.settle()
		require.EqualValues(t, 40, b.used.Load())
	})
}

func TestBudgetGivesUpWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{limit: 10}
		require.True(t, b.try(10))
		_, overdraws := b.wait(5, nil)
		require.True(t, overdraws)
		gone := make(chan struct{})
		var ok bool
		go func() { ok, _ = b.wait(5, gone) }()
		synctest.Wait()
		require.EqualValues(t, 1, b.waiting.Load())
		close(gone)
		synctest.Wait()
		require.False(t, ok)
		require.Zero(t, b.waiting.Load())
		b.give(15)
		b.settle()
		require.Zero(t, b.used.Load())
		require.True(t, b.try(10))
	})
}

func TestBudgetHoldsUnderContention(t *testing.T) {
	b := &budget{limit: 10}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				_, overdraws := b.wait(4, nil)
				if overdraws {
					b.force(4)
					b.give(4)
				}
				b.give(4)
				if overdraws {
					b.settle()
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, b.used.Load())
	require.Zero(t, b.waiting.Load())
	require.False(t, b.overdrawn)
}
