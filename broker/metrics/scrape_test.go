package metrics

import (
	"iter"
	"net/http/httptest"
	"testing"
)

// many is a broker's view of so many partitions.
func many(n int) func() iter.Seq[Partition] {
	return func() iter.Seq[Partition] {
		return func(yield func(Partition) bool) {
			for i := range n {
				p := Partition{Topic: "topic", Index: int32(i), Leader: int32(i % 3), Replicas: []int32{0, 1, 2}, ISR: []int32{0, 1, 2},
					MinISR: 2, Here: true, HighWatermark: 9, End: 9, Bytes: 100, Segments: 1}
				if !yield(p) {
					return
				}
			}
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	m := busy()
	m.options.Sources.Partitions = many(10_000)
	b.ReportAllocs()
	for b.Loop() {
		m.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics?family=leat,kafka_exporter,jmx", nil))
	}
}
