package probe

import (
	"math"
	"slices"
	"time"
)

// Outage is the longest time between two acknowledgements that follow each other and
// that have a part of the time between from and to between them: the first may be
// before from, the second after to. Where there is none before, it counts from from;
// where there is none after, until to. The acks are in order.
func Outage(acks []Ack, from, to time.Time) (longest time.Duration) {
	last := from
	for _, a := range acks {
		if a.Acked.Before(from) {
			last = a.Acked
			continue
		}
		longest = max(longest, a.Acked.Sub(last))
		if last = a.Acked; last.After(to) {
			return longest
		}
	}
	return max(longest, to.Sub(last))
}

// Quantiles are the p50, the p99 and the largest of some figures.
type Quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// QuantilesOf takes the smallest figure that so many of all are not above: always one
// that was measured.
func QuantilesOf(v []float64) Quantiles {
	if len(v) == 0 {
		return Quantiles{}
	}
	v = slices.Sorted(slices.Values(v))
	rank := func(share float64) float64 { return v[max(0, int(math.Ceil(share*float64(len(v))))-1)] }
	return Quantiles{len(v), rank(0.5), rank(0.99), v[len(v)-1]}
}
