package metrics

import (
	"math"
	"sync"
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
	recent  recent
}

func (h *histogram) observe(d time.Duration) {
	seconds, i := d.Seconds(), 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(uint64(max(d, 0)))
}

// used says whether there are any.
func (h *histogram) used() bool {
	for i := range h.buckets {
		if h.buckets[i].Load() > 0 {
			return true
		}
	}
	return false
}

// metric turns the counts into Prometheus's cumulative ones.
func (h *histogram) metric(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	cumulative, sum := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, bound := range bounds {
		sum += h.buckets[i].Load()
		cumulative[bound] = sum
	}
	sum += h.buckets[len(bounds)].Load()
	seconds := time.Duration(h.nanos.Load()).Seconds()
	return prometheus.MustNewConstHistogram(desc, sum, seconds, cumulative, labels...)
}

// quantiles are those that the JMX exporter shows of a histogram of Kafka's.
var quantiles = [...]float64{.5, .75, .95, .98, .99, .999}

// summary turns the counts into what the JMX exporter makes of a histogram of
// Kafka's, in milliseconds: the number of all, and quantiles of late.
func (h *histogram) summary(desc *prometheus.Desc, now time.Time, labels ...string) prometheus.Metric {
	var counts [len(bounds) + 1]uint64
	all := uint64(0)
	for i := range counts {
		counts[i] = h.buckets[i].Load()
		all += counts[i]
	}
	late := h.recent.since(now, counts)
	of := make(map[float64]float64, len(quantiles))
	for _, q := range quantiles {
		of[q] = quantile(q, late)
	}
	millis := float64(h.nanos.Load()) / float64(time.Millisecond)
	return prometheus.MustNewConstSummary(desc, all, millis, of, labels...)
}

// quantile estimates one in milliseconds, as if within a bucket the durations
// were spread evenly; 0 if there are none.
func quantile(q float64, counts [len(bounds) + 1]uint64) float64 {
	all := uint64(0)
	for _, n := range counts {
		all += n
	}
	rank, low := q*float64(all), 0.0
	for i, bound := range bounds {
		if n := float64(counts[i]); n > 0 {
			if rank <= n {
				return math.Round(1e6*(low+(bound-low)*rank/n)) / 1e3
			}
			rank -= n
		}
		low = bound
	}
	if all == 0 {
		return 0
	}
	return 1000 * low
}

// recently is how far back quantiles look at least, and twice as far at most.
const recently = 5 * time.Minute

// recent is what the counts were before, to tell what has come since. It only
// moves on at a scrape, so counting costs nothing more.
type recent struct {
	mu           sync.Mutex
	at           time.Time // when newer was
	older, newer [len(bounds) + 1]uint64
}

// since takes what the counts are now and returns what of them is recent.
func (r *recent) since(now time.Time, counts [len(bounds) + 1]uint64) [len(bounds) + 1]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch past := now.Sub(r.at); {
	case r.at.IsZero():
		r.at = now
	case past >= recently:
		r.older, r.newer, r.at = r.newer, counts, now
	}
	late := counts
	for i := range late {
		late[i] -= r.older[i]
	}
	return late
}
