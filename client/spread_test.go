package client

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func cluster(racks ...string) *Cluster {
	c := &Cluster{}
	for i, rack := range racks {
		c.Brokers = append(c.Brokers, Node{ID: int32(i), Rack: rack})
	}
	return c
}

func (c *Cluster) with(topic string, assignments ...[]int32) *Cluster {
	for i, replicas := range assignments {
		c.Partitions = append(c.Partitions, PartitionState{Topic: topic, Partition: int32(i), Leader: replicas[0], Replicas: replicas, ISR: replicas, MinISR: 1})
	}
	return c
}

func TestPlanMovesToANewBroker(t *testing.T) {
	c := cluster("", "", "").with("t", []int32{0, 1}, []int32{1, 0}, []int32{0, 1}).with("__consumer_offsets", []int32{0})
	moves, err := c.PlanMoves(Spread{})
	require.NoError(t, err)
	require.Equal(t, []Move{{"t", 0, []int32{2, 1}}, {"t", 2, []int32{0, 2}}}, moves)
}

func TestPlanMovesSpreadsRacks(t *testing.T) {
	c := cluster("a", "a", "b", "b").with("t", []int32{0})
	moves, err := c.PlanMoves(Spread{Replicas: 2, Topics: []string{"t"}})
	require.NoError(t, err)
	require.Equal(t, []Move{{"t", 0, []int32{0, 2}}}, moves)
}

// TestPlanMovesIsEven: whatever was before, brokers end with the same number of
// replicas, one more or less, and no broker is twice in a partition.
func TestPlanMovesIsEven(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		brokers := rapid.IntRange(1, 7).Draw(r, "brokers")
		c := cluster(make([]string, brokers)...)
		for i := range rapid.IntRange(1, 20).Draw(r, "partitions") {
			n := rapid.IntRange(1, brokers).Draw(r, "replicas")
			replicas := rapid.Permutation(ids(brokers)).Draw(r, "order")[:n]
			c.with(fmt.Sprintf("t%d", i), replicas)
		}
		moves, err := c.PlanMoves(Spread{})
		require.NoError(r, err)
		for _, m := range moves {
			for i := range c.Partitions {
				if p := &c.Partitions[i]; p.Topic == m.Topic {
					require.Len(r, m.Replicas, len(p.Replicas))
					p.Replicas = m.Replicas
				}
			}
		}
		held := make(map[int32]int)
		for _, p := range c.Partitions {
			seen := make(map[int32]bool)
			for _, id := range p.Replicas {
				require.False(r, seen[id])
				seen[id] = true
				held[id]++
			}
		}
		for a := range int32(brokers) {
			for b := range int32(brokers) {
				require.LessOrEqual(r, held[a], held[b]+1)
			}
		}
	})
}

func ids(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

func TestObstacles(t *testing.T) {
	c := &Cluster{Brokers: []Node{{ID: 1}, {ID: 2}, {ID: 3}}}
	add := func(topic string, leader int32, minISR int, isr ...int32) {
		c.Partitions = append(c.Partitions, PartitionState{Topic: topic, Leader: leader, Replicas: []int32{1, 2, 3}, ISR: isr, MinISR: minISR})
	}
	add("fine", 1, 2, 1, 2, 3)
	add("elsewhere", 2, 2, 2, 3)
	require.Empty(t, c.Obstacles(1))
	add("short", 1, 2, 1, 2)
	add("alone", 1, 1, 1)
	add("offline", -1, 1, 2)
	add("already", 2, 2, 2)
	why := make(map[string]string)
	for _, o := range c.Obstacles(1) {
		why[o.Topic] = o.Why
	}
	require.Equal(t, map[string]string{
		"short":   "would have 1 in sync, and min.insync.replicas is 2",
		"alone":   "would have no leader",
		"offline": "has no leader even now",
		"already": "has 1 in sync even now, and min.insync.replicas is 2",
	}, why)
}
