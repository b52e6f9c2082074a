package controller_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// failing is a session on which some Multis fail.
type failing struct {
	tree.Tree
	fail func(ops []tree.Op) error
}

func (f failing) Multi(ops ...tree.Op) ([]tree.Result, error) {
	if err := f.fail(ops); err != nil {
		return nil, err
	}
	return f.Tree.Multi(ops...)
}

// failingCluster is one whose sessions fail where fail says so.
func failingCluster(t *testing.T, n int, fail func(ops []tree.Op) error) *cluster {
	t.Helper()
	c := newCluster(t, 0)
	join := c.join
	return startCluster(t, n, &cluster{
		t: t, tree: c.tree, expire: c.expire,
		join: func(ctx context.Context) (tree.Tree, error) {
			s, err := join(ctx)
			return failing{s, fail}, err
		},
	})
}

// TestEndOfADecisionUnwritten: what is to be written when all are told cannot be. The
// picture says more than the tree then, so the office is given up, and whoever is next
// finds what is left to do.
func TestEndOfADecisionUnwritten(t *testing.T) {
	var failures atomic.Int32
	c := failingCluster(t, 3, func(ops []tree.Op) error {
		if len(ops) == 2 && ops[1].Path == znode.TopicPath("t") && ops[1].Kind == tree.OpSet && failures.Add(1) == 1 {
			return errors.New("disk full")
		}
		return nil
	})
	c.create("t", []int32{0, 1})
	_, err := c.active().ctl.Reassign(t.Context(), []plan.Reassignment{{Ref: plan.Ref{Topic: "t"}, Replicas: []int32{1}}})
	require.ErrorIs(t, err, controller.ErrNotController)
	c.eventually("it is written", func() bool {
		n, err := c.tree.Get(znode.TopicPath("t"), nil)
		require.NoError(t, err)
		z, err := znode.DecodeTopic(n.Data)
		require.NoError(t, err)
		return fmt.Sprint(z.Partitions, len(z.Removing)) == "[[1]] 0"
	})
	c.leads(1, "t", 0)
}

// TestHalfWritten: a write that breaks off in the middle is finished by who
// finds it.
func TestHalfWritten(t *testing.T) {
	var left atomic.Int32
	left.Store(1 << 30)
	c := failingCluster(t, 1, func(ops []tree.Op) error {
		if len(ops) > 500 && left.Add(-1) < 0 {
			left.Store(1 << 30)
			return errors.New("disk full")
		}
		return nil
	})
	left.Store(2)
	results, err := c.active().ctl.CreateTopics(t.Context(), []plan.TopicSpec{{Name: "t", Partitions: 2500, Replication: 1}}, controller.CreateOptions{})
	require.ErrorContains(t, err, "disk full", "%v", results)
	c.eventually("finished all the same", func() bool { _, led := c.brokers[0].role("t", 2499); return led })
	s, version := c.state("t", 2499)
	require.EqualValues(t, 0, s.Leader)
	require.Zero(t, version)
}

// TestWritesAreSplit: no Multi is larger than a ZooKeeper server takes.
func TestWritesAreSplit(t *testing.T) {
	var most, largest atomic.Int64
	c := failingCluster(t, 1, func(ops []tree.Op) error {
		size := 0
		for _, op := range ops {
			size += len(op.Path) + len(op.Data)
		}
		most.Store(max(most.Load(), int64(len(ops))))
		largest.Store(max(largest.Load(), int64(size)))
		return nil
	})
	specs := make([]plan.TopicSpec, 300)
	for i := range specs {
		specs[i] = plan.TopicSpec{
			Name: fmt.Sprintf("t-%d", i), Partitions: 1, Replication: 1,
			Config: map[string]string{"x": strings.Repeat("y", 8000)},
		}
	}
	specs[0] = plan.TopicSpec{Name: "wide", Partitions: 1500, Replication: 1}
	results, err := c.active().ctl.CreateTopics(t.Context(), specs, controller.CreateOptions{})
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	require.LessOrEqual(t, most.Load(), int64(1001))
	require.Greater(t, most.Load(), int64(900))
	require.LessOrEqual(t, largest.Load(), int64(600_000))
	require.Greater(t, largest.Load(), int64(500_000))
	s, _ := c.state("wide", 1499)
	require.EqualValues(t, 0, s.Leader)
}

// TestWriteFailsInOffice: what cannot be written about an event ends the term;
// the next one does it.
func TestWriteFailsInOffice(t *testing.T) {
	var broken atomic.Bool
	c := failingCluster(t, 2, func(ops []tree.Op) error {
		for _, op := range ops {
			if op.Kind == tree.OpSet && op.Path != "/controller_epoch" && broken.Swap(false) {
				return errors.New("disk full")
			}
		}
		return nil
	})
	b := c.other()
	c.create("t", []int32{b.id, c.active().id})
	broken.Store(true)
	b.stop()
	c.leads(1-b.id, "t", 0)
	require.False(t, broken.Load())
	require.Greater(t, c.active().ctl.Image().ControllerEpoch, int32(1))
}

// TestBrokerHangs: what is decided is not known to be obeyed in time; other
// brokers are not kept waiting.
func TestBrokerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		b := c.other()
		b.setUp(false)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		results, err := c.active().ctl.CreateTopics(ctx, []plan.TopicSpec{
			{Name: "t", Partitions: 1, Replication: 3}, {Name: "bad name", Partitions: 1, Replication: 1},
		}, controller.CreateOptions{})
		require.NoError(t, err)
		require.ErrorIs(t, results[0].Err, controller.ErrPending)
		require.ErrorIs(t, results[1].Err, plan.ErrInvalidTopic)
		s, _ := c.state("t", 0)
		c.leads(s.Leader, "t", 0)
		began := time.Now()
		results, err = c.active().ctl.CreateTopics(t.Context(), []plan.TopicSpec{{Name: "u", Partitions: 1, Replication: 3}}, controller.CreateOptions{})
		require.NoError(t, err)
		require.NoError(t, results[0].Err, "one that hangs is not waited for as long as its session may last")
		require.Less(t, time.Since(began), 15*time.Second)
		b.setUp(true)
		c.eventually("told when it wakes", func() bool { _, ok := b.role("u", 0); return ok })
	})
}

// TestBalance: partitions go back to their preferred leaders by themselves.
func TestBalance(t *testing.T) {
	c := newCluster(t, 2)
	c.create("t", []int32{0, 1})
	c.away(0, "t")
	c.setBalance(controller.Balance{Enabled: true, Interval: time.Second, Percentage: 10})
	c.leads(0, "t", 0)
}

func TestProducerIDsOfBrokers(t *testing.T) {
	c := newCluster(t, 2)
	b := c.other()
	q := kmsg.NewPtrAllocateProducerIDsRequest()
	q.BrokerID, q.BrokerEpoch = b.id, b.m.Epoch()
	a := c.active().ctl.AnswerProducerIDs(t.Context(), q)
	require.Zero(t, a.ErrorCode)
	require.EqualValues(t, 0, a.ProducerIDStart)
	require.EqualValues(t, 1000, a.ProducerIDLen)
	n, err := c.tree.Get("/latest_producer_id_block", nil)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(`{"version":1,"broker":%d,"block_start":"0","block_end":"999"}`, b.id), string(n.Data))
	first, _, err := c.active().ctl.AllocateProducerIDs(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1000, first)
	q.BrokerEpoch++
	require.Equal(t, kerr.StaleBrokerEpoch.Code, c.active().ctl.AnswerProducerIDs(t.Context(), q).ErrorCode)
	require.Equal(t, kerr.NotController.Code, b.ctl.AnswerProducerIDs(t.Context(), q).ErrorCode)

	// Somebody else has taken a block meanwhile.
	c.write(tree.Set("/latest_producer_id_block", []byte(`{"version":1,"broker":9,"block_start":"2000","block_end":"2999"}`), tree.AnyVersion))
	first, _, err = c.active().ctl.AllocateProducerIDs(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3000, first)
}
