package throttle

import "time"

// Meter measures a rate over the last few windows of time.
//
//	    ├ window ┼ window ┼ window ┼ now
//	sum │   b    │   b    │   b    │ b
//
// The rate is what the windows hold, divided by the time since the first of
// them began, or by one window if that is longer. Windows that are too old are
// forgotten whole.
type Meter struct {
	width   time.Duration
	windows []window // a ring
	last    int      // the present window
}

// window is what passed in one stretch of time; the zero value is none.
type window struct {
	from  time.Time
	bytes int64
}

// NewMeter returns a meter of that many windows, at least one, of the given
// width.
func NewMeter(windows int, width time.Duration) Meter {
	return Meter{width: max(width, time.Millisecond), windows: make([]window, max(windows, 1))}
}

// Record counts bytes that pass now.
func (m *Meter) Record(now time.Time, bytes int64) {
	w := &m.windows[m.last]
	if w.from.IsZero() || now.Sub(w.from) >= m.width {
		if !w.from.IsZero() {
			m.last = (m.last + 1) % len(m.windows)
			w = &m.windows[m.last]
		}
		*w = window{from: now}
	}
	w.bytes += bytes
}

// Rate is how many bytes passed per second of late.
func (m *Meter) Rate(now time.Time) float64 {
	sum, first := m.sum(now)
	if sum == 0 {
		return 0
	}
	return float64(sum) / max(now.Sub(first), m.width).Seconds()
}

// Wait says how long it takes, when nothing more passes, until the rate is no
// more than limit bytes per second.
func (m *Meter) Wait(now time.Time, limit int64) time.Duration {
	if m.Rate(now) <= float64(limit) {
		return 0
	}
	// Nothing passes, so the rate only falls: a little each moment, and at once
	// when a window is forgotten. It is within bounds at the first of the moments
	// that either way allows.
	sum, first := m.sum(now)
	wait := m.expiry(first).Sub(now)
	if limit > 0 {
		wait = min(wait, time.Duration(float64(sum)/float64(limit)*float64(time.Second))-now.Sub(first))
	}
	return max(wait, time.Millisecond)
}

// expiry is when a window that began then is forgotten.
func (m *Meter) expiry(from time.Time) time.Time {
	return from.Add(m.width * time.Duration(len(m.windows)))
}

// sum is what the windows hold that are not too old, and when the first began.
func (m *Meter) sum(now time.Time) (sum int64, first time.Time) {
	first = now
	for _, w := range m.windows {
		if w.from.IsZero() || !m.expiry(w.from).After(now) {
			continue
		}
		sum += w.bytes
		if w.from.Before(first) {
			first = w.from
		}
	}
	return sum, first
}
