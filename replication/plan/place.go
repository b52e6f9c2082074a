package plan

import (
	"fmt"
	"slices"
	"sort"

	"github.com/leatmq/leat/replication/image"
)

// placement is what Place is asked: how many lists of how many replicas.
type placement struct {
	partitions  int32
	replication int
	first       int32 // number of the first partition
	start       int   // index of the broker that gets the first replica of partition 0; -1: by chance
}

// place gives each partition its replicas as Kafka does: first replicas go
// round the brokers, the others follow at a distance that grows by one with
// each round, so that the load of a dead broker is spread over all others. With
// racks (all brokers have one), the order of brokers alternates between racks
// and the replicas of a partition use each rack before using one again.
func place(brokers []image.Broker, pl placement, random func(int) int) ([][]int32, error) {
	switch {
	case pl.partitions <= 0:
		return nil, refuse(ErrInvalidPartitions, "Number of partitions must be larger than 0.")
	case pl.replication <= 0:
		return nil, refuse(ErrInvalidReplication, "Replication factor must be larger than 0.")
	case pl.replication > len(brokers):
		return nil, refuse(ErrInvalidReplication, fmt.Sprintf(
			"Replication factor: %d larger than available brokers: %d.", pl.replication, len(brokers)))
	}
	racks, err := racksOf(brokers)
	if err != nil {
		return nil, err
	}
	ring := newRing(brokers, racks)
	start, shift := pl.start, pl.start
	if start < 0 {
		start, shift = random(len(ring.ids)), random(len(ring.ids))
	}
	out := make([][]int32, pl.partitions)
	for i := range out {
		number := int(pl.first) + i
		if number > 0 && number%len(ring.ids) == 0 {
			shift++
		}
		out[i] = ring.replicas((number+start)%len(ring.ids), shift, pl.replication)
	}
	return out, nil
}

// racksOf maps brokers to racks, empty if none has one.
func racksOf(brokers []image.Broker) (map[int32]string, error) {
	racks := make(map[int32]string)
	for _, b := range brokers {
		if b.Rack != "" {
			racks[b.ID] = b.Rack
		}
	}
	if len(racks) > 0 && len(racks) < len(brokers) {
		return nil, refuse(ErrRacks, "Not all brokers have rack information for replica rack aware assignment.")
	}
	return racks, nil
}

// ring is the order in which brokers are given replicas.
type ring struct {
	ids   []int32
	racks map[int32]string // empty: racks are not looked at
	count int              // of different racks
}

func newRing(brokers []image.Broker, racks map[int32]string) ring {
	r := ring{racks: racks}
	if len(racks) == 0 {
		for _, b := range brokers {
			r.ids = append(r.ids, b.ID)
		}
		return r
	}
	byRack := map[string][]int32{}
	for _, b := range brokers {
		byRack[b.Rack] = append(byRack[b.Rack], b.ID)
	}
	names := make([]string, 0, len(byRack))
	for name := range byRack {
		names = append(names, name)
	}
	sort.Strings(names)
	r.count = len(names)
	for i := 0; len(r.ids) < len(brokers); i++ {
		for _, name := range names {
			if i < len(byRack[name]) {
				r.ids = append(r.ids, byRack[name][i])
			}
		}
	}
	return r
}

// replicas is one partition's list. The first replica stands at the given
// index.
func (r *ring) replicas(first, shift, n int) []int32 {
	list := []int32{r.ids[first]}
	if r.count == 0 {
		for k := 0; k < n-1; k++ {
			list = append(list, r.ids[r.follow(first, shift, k)])
		}
		return list
	}
	used := map[string]bool{r.racks[r.ids[first]]: true}
	for k := 0; len(list) < n; k++ {
		id := r.ids[r.follow(first, shift*r.count, k)]
		rackFull := used[r.racks[id]] && len(used) < r.count
		if rackFull || slices.Contains(list, id) {
			continue
		}
		list = append(list, id)
		used[r.racks[id]] = true
	}
	return list
}

// follow is the index of the replica k+1 places behind the first, never the
// first itself.
func (r *ring) follow(first, shift, k int) int {
	n := len(r.ids)
	return (first + 1 + (shift+k)%(n-1)) % n
}
