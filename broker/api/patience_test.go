package api

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// late is a request that the controller does not answer in time. It returns how
// long it has waited.
func (i *impatience) late() time.Duration {
	began := time.Now()
	ctx, end := i.bound(context.Background(), time.Now)
	defer end()
	<-ctx.Done()
	return time.Since(began)
}

// A controller that always takes longer than the impatient wait would never be
// seen to be there, had each of them prolonged the impatience.
func TestWhoAsksAgainAndAgainIsPatientNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var i impatience
		require.Equal(t, patienceUsual, i.late())
		over := time.Now().Add(impatientFor)
		for time.Now().Before(over) {
			require.Equal(t, patienceShort, i.late())
		}
		ctx, end := i.bound(context.Background(), time.Now)
		until, _ := ctx.Deadline()
		require.Equal(t, patienceUsual, time.Until(until))
		require.Equal(t, patienceShort, i.late(), "while another tries")
		end() // answered
		require.Equal(t, patienceUsual, i.late())
	})
}

func TestImpatienceEndsWithAClockThatIsSetBack(t *testing.T) {
	var i impatience
	now := time.Now()
	until := now.Add(time.Hour)
	i.until.Store(&until)
	require.Equal(t, patienceUsual, i.patience(now))
	require.Equal(t, patienceShort, i.patience(now))
}

// An impatient wait that ends after the controller has answered another is no sign
// that it is gone.
func TestAnImpatientWaitSaysNothingOfTheController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var i impatience
		i.late()
		ctx, end := i.bound(context.Background(), time.Now)
		i.until.Store(nil) // another is answered
		<-ctx.Done()
		end()
		require.Equal(t, patienceUsual, i.late())
	})
}
