package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWatch(t *testing.T) {
	const (
		second = time.Second
		kib    = 1 << 10
	)
	limits := Timeouts{Idle: 60 * second, Read: 30 * second, Write: 20 * second}
	// step is how a connection looks at a time; the same from then on.
	type step struct {
		at time.Duration
		sample
	}
	for name, c := range map[string]struct {
		steps []step
		cause Cause
		at    time.Duration
	}{
		"idle from the start": {[]step{{0, sample{}}}, CauseIdle, 60 * second},
		"idle after traffic":  {[]step{{0, sample{}}, {50 * second, sample{bytesIn: 10, frames: 1}}}, CauseIdle, 111 * second},
		"waiting for an answer is not idle": {[]step{
			{0, sample{inflight: 1}}}, "", 0},
		"handling is not idle": {[]step{{0, sample{phase: phaseWorking}}}, "", 0},
		"half a request": {[]step{
			{0, sample{}}, {10 * second, sample{phase: phaseReading, bytesIn: 4}}}, CauseSlowRead, 40 * second},
		"a byte now and then": {[]step{
			{0, sample{phase: phaseReading, bytesIn: 4}},
			{9 * second, sample{phase: phaseReading, bytesIn: 5}},
			{19 * second, sample{phase: phaseReading, bytesIn: 6}},
			{29 * second, sample{phase: phaseReading, bytesIn: 7}}}, CauseSlowRead, 30 * second},
		"slow, but at the least rate": {[]step{
			{0, sample{phase: phaseReading, bytesIn: 4}},
			{25 * second, sample{phase: phaseReading, bytesIn: 40 * kib}},
			{55 * second, sample{phase: phaseReading, bytesIn: 80 * kib}}}, CauseSlowRead, 90 * second},
		"another request each time": {[]step{
			{0, sample{phase: phaseReading, bytesIn: 4, frames: 1}},
			{25 * second, sample{phase: phaseReading, bytesIn: 8, frames: 2}},
			{50 * second, sample{phase: phaseReading, bytesIn: 12, frames: 3}}}, CauseSlowRead, 80 * second},
		"no memory for the rest": {[]step{
			{0, sample{phase: phaseStarved, bytesIn: 4}},
			{10 * second, sample{phase: phaseStarved, bytesIn: 40}}}, CauseMemory, 41 * second},
		"answers not taken": {[]step{
			{0, sample{phase: phaseWorking}},
			{5 * second, sample{phase: phaseWorking, blocked: true, bytesOut: 100}},
			{15 * second, sample{phase: phaseWorking, blocked: true, bytesOut: 200}}}, CauseSlowWrite, 36 * second},
	} {
		t.Run(name, func(t *testing.T) {
			var w watched
			start := time.Unix(1_000_000, 0)
			var got Cause
			var at time.Duration
			for at = 0; at < 150*second && got == ""; at += second {
				var s sample
				for _, st := range c.steps {
					if st.at <= at {
						s = st.sample
					}
				}
				s.now = start.Add(at)
				got = w.look(s, limits)
			}
			require.Equal(t, c.cause, got)
			if got != "" {
				require.Equal(t, c.at, at-second)
			}
		})
	}
}

func TestWatchInterval(t *testing.T) {
	require.Equal(t, 3750*time.Millisecond, Timeouts{Idle: 10 * time.Minute, Read: 30 * time.Second, Write: time.Minute}.interval())
	require.Equal(t, lookMin, Timeouts{Idle: time.Millisecond}.interval())
	require.Equal(t, lookMax, Timeouts{Idle: -1, Read: -1, Write: -1}.interval())
}
