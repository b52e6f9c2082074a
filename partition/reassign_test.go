package partition_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A replica knows of a reassignment from the order that begins it until the one
// that ends it, or its role's end.
func TestAReplicaKnowsOfItsReassignment(t *testing.T) {
	w := start(t)
	r := w.lead(1).Replica()
	require.False(t, r.Reassigning())
	moving := state(2)
	moving.Replicas, moving.Adding, moving.Removing = []int32{2, 1}, []int32{2}, []int32{1}
	require.NoError(t, w.Lead(p, moving))
	require.True(t, r.Reassigning())
	require.True(t, r.Adds(2))
	require.False(t, r.Adds(1))

	stale := state(1)
	require.Error(t, w.Lead(p, stale))
	require.True(t, r.Reassigning(), "an order that is not obeyed says nothing")

	require.NoError(t, w.Lead(p, state(3)))
	require.False(t, r.Reassigning())
	require.False(t, r.Adds(2))

	moving.LeaderEpoch = 4
	require.NoError(t, w.Follow(p, moving))
	require.True(t, r.Adds(2))
	w.Stop(p)
	require.False(t, r.Reassigning())
}
