package throttle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/replication/throttle"
)

var start = time.UnixMilli(1_700_000_000_000)

func at(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }

func TestMeter(t *testing.T) {
	m := throttle.NewMeter(3, time.Second)
	require.Zero(t, m.Rate(at(0)))
	m.Record(at(0), 600)
	require.EqualValues(t, 600, m.Rate(at(0)), "over one window at least")
	require.EqualValues(t, 600, m.Rate(at(0.5)))
	require.EqualValues(t, 300, m.Rate(at(2)))
	m.Record(at(2), 600)
	require.EqualValues(t, 600, m.Rate(at(2)))
	require.EqualValues(t, 600, m.Rate(at(3)), "the first window is forgotten")
	require.EqualValues(t, 600.0/2, m.Rate(at(4)))
	require.Zero(t, m.Rate(at(5)))
}

func TestWait(t *testing.T) {
	m := throttle.NewMeter(11, time.Second)
	require.Zero(t, m.Wait(at(0), 100))
	m.Record(at(0), 500)
	require.Equal(t, 5*time.Second, m.Wait(at(0), 100))
	require.Equal(t, 3*time.Second, m.Wait(at(2), 100))
	require.Zero(t, m.Wait(at(5), 100))
	require.Equal(t, 11*time.Second, m.Wait(at(0), 0), "nothing may pass; what did is forgotten at last")
	require.Equal(t, 11*time.Second, m.Wait(at(0), 1))
}

// TestWaitingIsLongEnough holds for whatever passes when: after the wait the rate
// is kept, and whoever waits each time keeps it over any long stretch.
func TestWaitingIsLongEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := throttle.NewMeter(rapid.IntRange(1, 12).Draw(t, "windows"), time.Second)
		limit := rapid.Int64Range(1, 10_000).Draw(t, "limit")
		now, total := start, int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "chunks") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 3_000).Draw(t, "pause")) * time.Millisecond)
			for range 50 {
				wait := m.Wait(now, limit)
				if wait == 0 {
					break
				}
				now = now.Add(wait)
			}
			if got := m.Rate(now); got > float64(limit)*1.01 {
				t.Fatalf("%f where %d are allowed", got, limit)
			}
			bytes := rapid.Int64Range(0, limit).Draw(t, "bytes")
			m.Record(now, bytes)
			total += bytes
		}
		if elapsed := now.Sub(start).Seconds() + 1; float64(total) > 2*float64(limit)*(elapsed+1) {
			t.Fatalf("%d bytes in %f s at %d/s", total, elapsed, limit)
		}
	})
}

func TestReplicas(t *testing.T) {
	for value, want := range map[string][3]bool{ // (0, broker 1), (1, broker 2), (7, broker 1)
		"":              {},
		"  ":            {},
		"*":             {true, true, true},
		"0:1":           {true, false, false},
		"0:1,1:2":       {true, true, false},
		" 0:2 , 7:1 ":   {false, false, true},
		"0:1,0:2,1:102": {true, false, false},
	} {
		r, err := throttle.ParseReplicas(value)
		require.NoError(t, err, value)
		require.Equal(t, want, [3]bool{r.Has(0, 1), r.Has(1, 2), r.Has(7, 1)}, value)
	}
	for _, bad := range []string{"0", "0:", ":1", "a:b", "0:1,", "0:1;1:2", "-1:0", "0:-1", "*,0:1", "99999999999:1"} {
		_, err := throttle.ParseReplicas(bad)
		require.Error(t, err, bad)
	}
}

func TestQuota(t *testing.T) {
	q := throttle.NewQuota(1, 11, time.Second)
	listed, err := throttle.ParseReplicas("0:1,1:2")
	require.NoError(t, err)
	require.False(t, q.Holds("t", 0))
	q.SetReplicas("t", listed)
	require.True(t, q.Holds("t", 0))
	require.False(t, q.Holds("t", 1), "another broker's")
	require.False(t, q.Holds("u", 0))
	q.Record(at(0), 1000)
	require.False(t, q.Exceeded(at(0)), "without a rate")
	q.SetRate(500)
	require.True(t, q.Exceeded(at(0)))
	require.Equal(t, 2*time.Second, q.Wait(at(0)))
	require.EqualValues(t, 1000, q.Rate(at(0)))
	require.False(t, q.Exceeded(at(2)))
	q.SetReplicas("t", throttle.Replicas{})
	require.False(t, q.Holds("t", 0))
	require.Zero(t, testing.AllocsPerRun(100, func() { q.Holds("t", 0); q.Record(at(3), 1); q.Exceeded(at(3)) }))
}
