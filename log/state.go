package log

import (
	"time"

	"github.com/leatmq/leat/log/producer"
)

// LastStableOffset returns the offset below which every transaction is decided,
// given the high watermark: never above it.
func (l *Log) LastStableOffset(highWatermark int64) int64 {
	if l.unstable.Load() == none {
		return highWatermark
	}
	l.state.Lock()
	defer l.state.Unlock()
	l.producers.Replicated(highWatermark)
	l.noteUnstable()
	if first := l.unstable.Load(); first != none {
		return min(first, highWatermark)
	}
	return highWatermark
}

// noteUnstable publishes the first undecided offset. The caller holds state.
func (l *Log) noteUnstable() {
	first, ok := l.producers.FirstUnstable()
	if !ok {
		first = none
	}
	if l.unstable.Load() != first {
		l.unstable.Store(first)
	}
}

// Producers returns what is known of each producer, ordered by id
// (DescribeProducers, KIP-664).
func (l *Log) Producers() []producer.State {
	l.state.Lock()
	defer l.state.Unlock()
	return l.producers.States()
}

// RemoveExpiredProducers forgets producers that have been idle for too long, and
// returns how many.
func (l *Log) RemoveExpiredProducers(now time.Time) int {
	l.state.Lock()
	defer l.state.Unlock()
	return l.producers.Expire(now.UnixMilli(), l.o.ProducerExpiry.Milliseconds())
}
