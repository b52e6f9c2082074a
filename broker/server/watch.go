package server

import "time"

// minRate is what a slow sender must send of a request, bytes per second, to be
// given more time than Timeouts.Read.
const minRate = 1 << 10

// sample is what a look at a connection shows.
type sample struct {
	now               time.Time
	phase             int32
	frames            int64 // requests read so far
	bytesIn, bytesOut int64
	blocked           bool // a writer waits for the peer
	inflight          int
}

// watched is what earlier looks at a connection have shown. Timeouts are looked
// for by one goroutine for all connections, a few times in the shortest of them:
// a deadline per read and write would cost more than many a request.
type watched struct {
	last sample
	// Since when the connection has been idle, the request in reading has been
	// looked at, memory has been waited for, the writer has been stuck; zero: it
	// is not.
	idle, reading, starved, stuck time.Time
	readingFrom                   int64 // bytesIn at reading
}

// look compares with earlier looks and says whether to close, "" if not.
func (w *watched) look(s sample, t Timeouts) Cause {
	moved := s.bytesIn != w.last.bytesIn || s.bytesOut != w.last.bytesOut
	idle := s.phase == phaseIdle && s.inflight == 0
	if since(&w.idle, idle && !moved, s.now) && over(w.idle, t.Idle, s.now) {
		return CauseIdle
	}

	sameFrame := s.phase == phaseReading && s.frames == w.last.frames
	if !sameFrame {
		w.reading = time.Time{}
	}
	if w.reading.IsZero() {
		w.readingFrom = s.bytesIn
	}
	if since(&w.reading, s.phase == phaseReading, s.now) && over(w.reading, t.Read, s.now) {
		if s.bytesIn-w.readingFrom < int64(t.Read.Seconds()*minRate) {
			return CauseSlowRead
		}
		w.reading, w.readingFrom = s.now, s.bytesIn
	}

	// Those who wait hold memory too, so without an end to it all could wait for all.
	starved := s.phase == phaseStarved && s.bytesIn == w.last.bytesIn
	if since(&w.starved, starved, s.now) && over(w.starved, t.Read, s.now) {
		return CauseMemory
	}

	if since(&w.stuck, s.blocked && s.bytesOut == w.last.bytesOut, s.now) && over(w.stuck, t.Write, s.now) {
		return CauseSlowWrite
	}
	w.last = s
	return ""
}

// since keeps in at since when holds is true, and returns holds.
func since(at *time.Time, holds bool, now time.Time) bool {
	switch {
	case !holds:
		*at = time.Time{}
	case at.IsZero():
		*at = now
	}
	return holds
}

// over reports whether limit has passed since from; a negative limit never does.
func over(from time.Time, limit time.Duration, now time.Time) bool {
	return limit >= 0 && now.Sub(from) >= limit
}

// Bounds of the time between two looks.
const (
	lookMin = 5 * time.Millisecond
	lookMax = 5 * time.Second
)

// interval returns the time between two looks.
func (t Timeouts) interval() time.Duration {
	shortest := lookMax * 8
	for _, d := range []time.Duration{t.Idle, t.Read, t.Write} {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	return max(shortest/8, lookMin)
}

// watch looks at all connections until stop is closed.
func (s *Server) watch(stop <-chan struct{}) {
	t := s.config.Timeouts
	ticker := time.NewTicker(t.interval())
	defer ticker.Stop()
	var conns []*Conn
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		conns = s.snapshot(conns[:0])
		now := s.config.Now()
		for i, c := range conns {
			if cause := c.seen.look(c.sample(now), t); cause != "" {
				c.abort(ending{cause: cause})
			}
			conns[i] = nil
		}
	}
}

// sample looks at the connection.
func (c *Conn) sample(now time.Time) sample {
	return sample{
		now: now, phase: c.phase.Load(), frames: c.frames.Load(),
		bytesIn: c.bytesIn.Load(), bytesOut: c.bytesOut.Load(),
		blocked: c.blocked.Load(), inflight: c.order.inflight(),
	}
}
