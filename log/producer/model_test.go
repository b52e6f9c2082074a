package producer_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/producer"
)

// TestExactlyOnce drives one table with producers that retry at will over a
// network that repeats and loses batches, and checks that the log holds each
// record once and in order, and that no duplicate is answered with other offsets.
func TestExactlyOnce(t *testing.T) {
	type placed struct{ first, last int64 }
	rapid.Check(t, func(t *rapid.T) {
		table := producer.New()
		var end int64
		written := map[int64][]producer.BatchInfo{} // per producer, in log order
		where := map[producer.BatchInfo]placed{}
		next := map[int64]int32{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.Int64Range(1, 3).Draw(t, "producer")
			var b producer.BatchInfo
			fresh := len(written[id]) == 0 || rapid.Bool().Draw(t, "fresh")
			if fresh {
				n := rapid.Int32Range(1, 5).Draw(t, "records")
				skip := rapid.SampledFrom([]int32{0, 0, 0, 1}).Draw(t, "lost")
				b = by(id, data(0, next[id]+skip, next[id]+skip+n-1))
			} else {
				b = rapid.SampledFrom(written[id]).Draw(t, "retry")
			}
			v, err := table.Check([]producer.BatchInfo{b}, producer.Client)
			switch {
			case err != nil:
				continue
			case v.Duplicate:
				if got := (placed{v.FirstOffset, v.LastOffset}); got != where[b] {
					t.Fatalf("duplicate %+v answered %v, it is at %v", b, got, where[b])
				}
			default:
				if _, twice := where[b]; twice {
					t.Fatalf("%+v is written twice", b)
				}
				if len(written[id]) > 0 && b.FirstSequence != next[id] {
					t.Fatalf("%+v follows sequence %d", b, next[id]-1)
				}
				p := at(b, end)
				table.Apply(p)
				where[b] = placed{p.FirstOffset, p.LastOffset}
				written[id] = append(written[id], b)
				next[id], end = b.LastSequence+1, p.LastOffset+1
			}
		}
	})
}
