package check_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
)

// replica has batches of two records each, from start to end.
func replica(node string, start, end int64) check.Replica {
	r := check.Replica{Node: node, Partition: "a-0", HighWatermark: end, Start: start, End: end}
	for at := start; at < end; at += 2 {
		r.Batches = append(r.Batches, check.Batch{Base: at, Last: at + 1, Epoch: int32(at / 10), Sum: uint64(at) * 7919})
	}
	return r
}

func TestDivergentReplicas(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func([]check.Replica) []check.Replica
		want  int
		says  string
	}{
		{"alike", func(r []check.Replica) []check.Replica { return r }, 0, ""},
		{"one lags, but not behind the high watermark", func(r []check.Replica) []check.Replica {
			r[1] = replica("b2", 0, 36)
			for i := range r {
				r[i].HighWatermark = 36
			}
			return r
		}, 0, ""},
		{"one has begun later", func(r []check.Replica) []check.Replica { r[1] = replica("b2", 10, 40); return r }, 0, ""},
		{"other bytes", func(r []check.Replica) []check.Replica { r[1].Batches[7].Sum++; return r }, 1, "14-15"},
		{"another epoch", func(r []check.Replica) []check.Replica { r[2].Batches[0].Epoch++; return r }, 1, "epoch 1"},
		{"other bytes above the high watermark", func(r []check.Replica) []check.Replica {
			r[1].Batches[19].Sum++
			for i := range r {
				r[i].HighWatermark = 38
			}
			return r
		}, 0, ""},
		{"one ends too early", func(r []check.Replica) []check.Replica { r[1] = replica("b2", 0, 30); return r }, 2, "below the high watermark 40"},
		{"a batch is missing", func(r []check.Replica) []check.Replica {
			r[1].Batches = slices.Delete(r[1].Batches, 5, 6)
			return r
		}, 1, "10-11"},
		{"damaged files", func(r []check.Replica) []check.Replica { r[0].Problems = []string{"crc"}; return r }, 1, "crc"},
		{"another partition", func(r []check.Replica) []check.Replica { r[1] = replica("b2", 0, 6); r[1].Partition = "a-1"; return r }, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := check.DivergentReplicas(c.plant([]check.Replica{replica("b1", 0, 40), replica("b2", 0, 40), replica("b3", 0, 40)}))
			require.True(t, f.Bad)
			require.Equal(t, c.want, f.Count, "%v", f.Examples)
			if c.want > 0 {
				require.Contains(t, f.Examples[0], c.says)
			}
		})
	}
}

func TestLostOnReplica(t *testing.T) {
	x := check.NewIndex(&good().History) // offsets 0-9 and 11-20
	whole := replica("b1", 0, 22)
	count := func(r check.Replica) int {
		x.Replicas = []check.Replica{r}
		return check.LostReplicas(x).Count
	}
	require.Zero(t, count(whole))
	require.Zero(t, count(replica("b1", 12, 22)), "what retention took")
	whole.Batches = slices.Delete(slices.Clone(whole.Batches), 2, 3)
	require.Equal(t, 2, count(whole))
	require.Equal(t, 1, count(replica("b1", 0, 20)), "the tail")
}

func TestADuplicateOfTwoProducerEpochsIsItsLibrarys(t *testing.T) {
	tape := good()
	tape.send(idempotent, 0, 150, 21)
	tape.poll(reader, run(0, 21, 150, 150))
	x := check.NewIndex(&tape.History)
	for _, c := range []struct {
		name          string
		first, second check.Batch
		want          []int // bad, of a plain producer, renumbered
	}{
		{"one epoch", check.Batch{Producer: 7}, check.Batch{Producer: 7}, []int{1, 0, 0}},
		{"the next epoch", check.Batch{Producer: 7}, check.Batch{Producer: 7, ProducerEpoch: 1}, []int{0, 0, 1}},
		{"an older epoch", check.Batch{Producer: 7, ProducerEpoch: 1}, check.Batch{Producer: 7}, []int{1, 0, 0}},
		{"another producer", check.Batch{Producer: 7}, check.Batch{Producer: 8, ProducerEpoch: 1}, []int{1, 0, 0}},
		{"none", check.Batch{Producer: -1}, check.Batch{Producer: -1, ProducerEpoch: 1}, []int{1, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.first.Base, c.first.Last, c.second.Base, c.second.Last = 21, 21, 22, 22
			x.Replicas = []check.Replica{{Partition: "a-1"}, {Partition: "a-0"}, {Partition: "a-0", Batches: []check.Batch{c.first, c.second}}}
			var got []int
			for _, f := range check.Duplicates(x) {
				got = append(got, f.Count)
			}
			require.Equal(t, c.want, got)
		})
	}
}
