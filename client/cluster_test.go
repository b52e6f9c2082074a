package client

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// With min.insync.replicas=2 for the whole cluster a topic of one replica takes
// acks=all as long as that is there.
func TestMoreInSyncThanThereAreReplicasIsNotAskedFor(t *testing.T) {
	c := cluster("", "", "")
	for _, p := range []PartitionState{
		{Topic: "one", Leader: 0, Replicas: []int32{0}, ISR: []int32{0}, MinISR: 2},
		{Topic: "two", Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1}, MinISR: 2},
	} {
		c.add(p, map[int32]*Node{})
	}
	require.Equal(t, c.Partitions[1:], c.UnderMinISR)
	obstacles := func(id int32) (names []string) {
		for _, o := range c.Obstacles(id) {
			names = append(names, o.Topic+" "+o.Why)
		}
		return names
	}
	short := "two has 1 in sync even now, and min.insync.replicas is 2"
	require.Equal(t, []string{"one would have no leader", short}, obstacles(0))
	require.Equal(t, []string{"two would have no leader"}, obstacles(1))
	require.Equal(t, []string{short}, obstacles(2))
	c.Partitions[1].ISR = []int32{1, 2}
	require.Equal(t, []string{"two would have 1 in sync, and min.insync.replicas is 2"}, obstacles(1))
	c.Partitions = c.Partitions[:1]
	require.Empty(t, obstacles(2), "it has no part in it")
}
