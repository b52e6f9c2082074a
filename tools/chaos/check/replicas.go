package check

import (
	"cmp"
	"fmt"
	"slices"
)

// Batch is a batch of a replica's log.
type Batch struct {
	Base, Last int64
	Epoch      int32  // of the leader
	Sum        uint64 // of all its bytes
	// Producer is the producer's id, -1 for none, ProducerEpoch its epoch.
	Producer      int64
	ProducerEpoch int16
}

// Replica is one replica's log as its broker left it.
type Replica struct {
	Node      string
	Partition string // "topic-partition"
	// HighWatermark is the one that the broker had stored, -1 for none.
	HighWatermark int64
	Start, End    int64
	Batches       []Batch
	// Problems are what is wrong with the files by themselves.
	Problems []string
}

// DivergentReplicas finds replicas of one partition that differ below the highest
// high watermark that any of them had stored: other batches at the same offset,
// a log that ends before it, files that are damaged. Above it they may differ,
// for nobody was told that those records are there.
func DivergentReplicas(all []Replica) Finding {
	f := Finding{Name: "divergent-replicas", Bad: true}
	byPartition := map[string][]Replica{}
	for _, r := range all {
		for _, p := range r.Problems {
			f.add("%s of %s: %s", r.Partition, r.Node, p)
		}
		byPartition[r.Partition] = append(byPartition[r.Partition], r)
	}
	for _, replicas := range byPartition {
		slices.SortFunc(replicas, func(a, b Replica) int { return cmp.Compare(a.Node, b.Node) })
		up := int64(-1)
		for _, r := range replicas {
			up = max(up, r.HighWatermark)
		}
		for _, r := range replicas {
			if r.End < up {
				f.add("%s of %s ends at %d, below the high watermark %d", r.Partition, r.Node, r.End, up)
			}
		}
		for _, r := range replicas[1:] {
			if what := differ(&replicas[0], &r, up); what != "" {
				f.add("%s: %s", r.Partition, what)
			}
		}
	}
	slices.Sort(f.Examples)
	return f
}

// differ tells where two replicas differ first below up, "" when they do not.
func differ(a, b *Replica, up int64) string {
	from := max(a.Start, b.Start)
	i, j := a.from(from), b.from(from)
	for ; i < len(a.Batches) && j < len(b.Batches); i, j = i+1, j+1 {
		p, q := a.Batches[i], b.Batches[j]
		if min(p.Base, q.Base) >= up {
			return ""
		}
		if p != q {
			return fmt.Sprintf("%s has offsets %d-%d of epoch %d (sum %x), %s has %d-%d of epoch %d (sum %x); high watermark %d",
				a.Node, p.Base, p.Last, p.Epoch, p.Sum, b.Node, q.Base, q.Last, q.Epoch, q.Sum, up)
		}
	}
	for _, rest := range [][]Batch{a.Batches[i:], b.Batches[j:]} {
		if len(rest) > 0 && rest[0].Base < up {
			return fmt.Sprintf("only one of %s and %s has offsets %d-%d; high watermark %d", a.Node, b.Node, rest[0].Base, rest[0].Last, up)
		}
	}
	return ""
}

// from is the first batch that holds an offset or comes after it.
func (r *Replica) from(offset int64) int {
	i, _ := slices.BinarySearchFunc(r.Batches, offset, func(b Batch, o int64) int { return cmp.Compare(b.Last, o) })
	return i
}

// at is the batch that holds an offset.
func (r *Replica) at(offset int64) (Batch, bool) {
	i := r.from(offset)
	if i == len(r.Batches) || r.Batches[i].Base > offset {
		return Batch{}, false
	}
	return r.Batches[i], true
}

// LostReplicas finds acknowledged records that a replica does not have below the
// high watermark: what a read from that replica alone would miss.
func LostReplicas(x *Index) Finding {
	f := Finding{Name: "lost-on-replica", Bad: true}
	keys := map[string]int32{}
	for i, k := range x.About.Keys {
		keys[k] = int32(i)
	}
	for _, r := range x.Replicas {
		key, ok := keys[r.Partition]
		if !ok || int(key) >= len(x.Keys) {
			continue
		}
		for _, q := range x.Keys[key].Places {
			if q.Offset < r.Start {
				continue
			}
			if _, ok := r.at(q.Offset); !ok {
				f.add("%s of %s lacks offset %d, %s (read by somebody: %v)", r.Partition, r.Node, q.Offset, name(q.Value), q.Polled)
			}
		}
	}
	return f
}
