package controller_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/plan"
)

// Each event is told once, under what it was about; what is left to be deleted is
// counted until it is gone.
func TestWorkAndStanding(t *testing.T) {
	n := newNode(t)
	var mu sync.Mutex
	times := map[controller.State]int{}
	n.handled = func(w controller.Work) {
		mu.Lock()
		defer mu.Unlock()
		times[w.State]++
		assert.GreaterOrEqual(t, w.Waited, time.Duration(0))
	}
	handled := func(s controller.State) int {
		mu.Lock()
		defer mu.Unlock()
		return times[s]
	}
	n.start()
	require.Equal(t, 1, handled(controller.ControllerChange))
	n.create(spec("t", 3), spec("u", 1))
	_, err := n.ctl.ListReassignments(t.Context(), nil)
	require.NoError(t, err)
	_, err = n.ctl.ListReassignments(t.Context(), nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return handled(controller.ListReassignments) == 2 }, time.Minute, time.Millisecond)
	require.Positive(t, handled(controller.TopicChange))
	require.Positive(t, handled(controller.ResponseReceived))
	require.Zero(t, handled(controller.TopicDeletion))

	n.refuse = func(o plan.Order) error {
		if o.Kind == plan.Delete && o.Partition == 1 {
			return errors.New("disk")
		}
		return nil
	}
	require.ErrorIs(t, n.delete("t"), controller.ErrPending)
	require.Positive(t, handled(controller.TopicDeletion))
	s := n.ctl.Standing()
	require.Equal(t, []int{1, 1, 1, 0, 0}, []int{s.Brokers, s.Topics, s.Replicas, s.Held, s.Absent})
	n.stop()
	require.Zero(t, n.ctl.Standing(), "out of office there is nothing to do")
}
