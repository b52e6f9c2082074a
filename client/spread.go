package client

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Spread are the wishes for PlanMoves.
type Spread struct {
	// Topics to look at; none means all but the internal ones.
	Topics []string
	// Brokers that may hold replicas; none means all that are alive.
	Brokers []int32
	// Replicas of each partition; 0 leaves their number.
	Replicas int
}

// PlanMoves gives every broker about as many replicas and preferred leaders, and
// moves no replica that may stay. Replicas of a partition go to different racks
// as far as there are. Partitions whose replicas do not change are left out.
func (c *Cluster) PlanMoves(s Spread) ([]Move, error) {
	racks := make(map[int32]string)
	for _, n := range c.Brokers {
		racks[n.ID] = n.Rack
	}
	brokers := slices.Sorted(slices.Values(s.Brokers))
	if len(brokers) == 0 {
		for _, n := range c.Brokers {
			brokers = append(brokers, n.ID)
		}
	}
	for _, id := range brokers {
		if !c.Has(id) {
			return nil, fmt.Errorf("broker %d is not in the cluster", id)
		}
	}
	var partitions []PartitionState
	for _, p := range c.Partitions {
		if slices.Contains(s.Topics, p.Topic) || len(s.Topics) == 0 && !strings.HasPrefix(p.Topic, "__") {
			partitions = append(partitions, p)
		}
	}
	for _, topic := range s.Topics {
		if !slices.ContainsFunc(partitions, func(p PartitionState) bool { return p.Topic == topic }) {
			return nil, fmt.Errorf("there is no topic %q", topic)
		}
	}
	sp := &spreader{racks: racks, brokers: slices.Compact(brokers), held: make(map[int32]int), led: make(map[int32]int)}
	return sp.plan(partitions, s.Replicas)
}

// spreader counts what each broker has been given.
type spreader struct {
	brokers []int32
	racks   map[int32]string
	held    map[int32]int
	led     map[int32]int
}

func (s *spreader) plan(partitions []PartitionState, replicas int) ([]Move, error) {
	want := make([]int, len(partitions))
	total := 0
	for i, p := range partitions {
		want[i] = len(p.Replicas)
		if replicas > 0 {
			want[i] = replicas
		}
		if want[i] > len(s.brokers) {
			return nil, fmt.Errorf("%s needs %d brokers for its replicas; there are %d", p.Name(), want[i], len(s.brokers))
		}
		total += want[i]
	}
	// First what stays, up to a broker's share; then what must be found a place.
	share := (total + len(s.brokers) - 1) / max(len(s.brokers), 1)
	next := make([][]int32, len(partitions))
	for i, p := range partitions {
		for _, id := range p.Replicas {
			if len(next[i]) < want[i] && slices.Contains(s.brokers, id) && s.held[id] < share {
				next[i] = append(next[i], id)
				s.held[id]++
			}
		}
	}
	for i := range partitions {
		for len(next[i]) < want[i] {
			id := s.place(next[i])
			next[i] = append(next[i], id)
			s.held[id]++
		}
	}
	for s.level(next) { // until there is nothing to gain
		continue
	}
	var moves []Move
	for i, p := range partitions {
		s.lead(next[i])
		if !slices.Equal(next[i], p.Replicas) {
			moves = append(moves, Move{Topic: p.Topic, Partition: p.Partition, Replicas: next[i]})
		}
	}
	return moves, nil
}

// place picks the broker for one more replica: of a new rack if it can be, with
// the fewest replicas.
func (s *spreader) place(taken []int32) int32 {
	var free []int32
	for _, id := range s.brokers {
		if !slices.Contains(taken, id) {
			free = append(free, id)
		}
	}
	return slices.MinFunc(free, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.beside(a, taken), s.beside(b, taken)), cmp.Compare(s.held[a], s.held[b]), cmp.Compare(a, b))
	})
}

// beside counts the replicas in the same rack as a broker, other than its own.
func (s *spreader) beside(id int32, replicas []int32) int {
	n := 0
	for _, other := range replicas {
		if other != id && s.racks[id] != "" && s.racks[id] == s.racks[other] {
			n++
		}
	}
	return n
}

// level moves one replica from a broker to one that has at least two fewer,
// where that puts no more replicas into one rack. It says whether there was one.
func (s *spreader) level(all [][]int32) bool {
	byLoad := slices.Clone(s.brokers)
	slices.SortFunc(byLoad, func(a, b int32) int { return cmp.Or(cmp.Compare(s.held[a], s.held[b]), cmp.Compare(a, b)) })
	for _, from := range slices.Backward(byLoad) {
		for _, to := range byLoad {
			if s.held[from] < s.held[to]+2 {
				break
			}
			for _, replicas := range all {
				at := slices.Index(replicas, from)
				if at < 0 || slices.Contains(replicas, to) {
					continue
				}
				rest := slices.Delete(slices.Clone(replicas), at, at+1)
				if s.beside(to, rest) > s.beside(from, rest) {
					continue
				}
				replicas[at] = to
				s.held[from]--
				s.held[to]++
				return true
			}
		}
	}
	return false
}

// lead puts the replica first that leads the fewest; the present order decides
// between equals.
func (s *spreader) lead(replicas []int32) {
	if len(replicas) == 0 {
		return
	}
	best := 0
	for i, id := range replicas {
		if s.led[id] < s.led[replicas[best]] {
			best = i
		}
	}
	first := replicas[best]
	copy(replicas[1:best+1], replicas[:best])
	replicas[0] = first
	s.led[first]++
}
