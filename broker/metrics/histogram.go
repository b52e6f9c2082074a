package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// bounds are the upper ends of the buckets of a duration, in seconds: fine where
// a broker answers from memory, coarse where it waits.
var bounds = [...]float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// histogram counts durations in fixed buckets; the last has what is beyond the
// bounds. Buckets are read one by one, so that a scrape can be ahead of itself
// by the calls that come in meanwhile.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	nanos   atomic.Uint64
}

func (h *histogram) observe(d time.Duration) {
	seconds, i := d.Seconds(), 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(uint64(max(d, 0)))
}

// metric turns the counts into Prometheus's cumulative ones.
func (h *histogram) metric(desc *prometheus.Desc, labels ...string) (m prometheus.Metric, used bool) {
	cumulative, sum := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, bound := range bounds {
		sum += h.buckets[i].Load()
		cumulative[bound] = sum
	}
	sum += h.buckets[len(bounds)].Load()
	seconds := time.Duration(h.nanos.Load()).Seconds()
	return prometheus.MustNewConstHistogram(desc, sum, seconds, cumulative, labels...), sum > 0
}
