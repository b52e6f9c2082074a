package probe

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at makes times of milliseconds.
func at(ms int) time.Time { return time.UnixMilli(int64(ms)) }

func acks(ms ...int) (all []Ack) {
	for _, m := range ms {
		all = append(all, Ack{Sent: at(m - 1), Acked: at(m)})
	}
	return all
}

func TestOutage(t *testing.T) {
	for _, c := range []struct {
		name     string
		acks     []Ack
		from, to int
		want     int // milliseconds
	}{
		{"spans the fault", acks(10, 20, 900, 910), 25, 920, 880},
		{"an answer on its way at the fault", acks(10, 20, 30, 900, 910), 25, 920, 870},
		{"a longer one before does not count", acks(0, 500, 510, 600, 605), 550, 610, 90},
		{"a longer one after does not count", acks(10, 20, 30, 40, 900), 15, 35, 10},
		{"the later of two", acks(10, 60, 70, 200), 15, 200, 130},
		{"still going on", acks(10, 20), 25, 920, 900},
		{"goes on beyond the time", acks(10, 20, 2000), 25, 920, 1980},
		{"none before", acks(40, 50), 25, 60, 15},
		{"none at all", nil, 25, 60, 35},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, time.Duration(c.want)*time.Millisecond, Outage(c.acks, at(c.from), at(c.to)))
		})
	}
}

func TestQuantiles(t *testing.T) {
	require.Zero(t, QuantilesOf(nil))
	require.Equal(t, Quantiles{1, 7, 7, 7}, QuantilesOf([]float64{7}))
	require.Equal(t, Quantiles{4, 2, 4, 4}, QuantilesOf([]float64{4, 1, 3, 2}))
	var v []float64
	for i := 200; i > 0; i-- {
		v = append(v, float64(i))
	}
	require.Equal(t, Quantiles{200, 100, 198, 200}, QuantilesOf(v))
	require.Equal(t, 200.0, v[0], "the figures stay as they are")
}

func TestSet(t *testing.T) {
	s := New("topic", 2, "127.0.0.1:1")
	require.False(t, s.Since(at(0)), "nothing is acknowledged")
	s.parts[0].note(Ack{at(10), at(20)})
	s.parts[0].note(Ack{at(30), at(40)})
	require.False(t, s.Since(at(10)), "the other partition has nothing")
	s.parts[1].note(Ack{at(29), at(60)})
	require.True(t, s.Since(at(29)))
	require.False(t, s.Since(at(30)), "acknowledged after it, but sent before")
	require.Equal(t, []time.Duration{40 * time.Millisecond, 45 * time.Millisecond}, s.Outages(at(15), at(80)))

	lost := errors.New("lost")
	s.parts[1].fail(lost)
	require.Equal(t, []error{lost}, s.Forget())
	require.Empty(t, s.Forget())
	require.Equal(t, []Ack{{at(30), at(40)}}, s.parts[0].acks)
}
