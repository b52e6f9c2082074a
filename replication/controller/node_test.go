package controller_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
)

// node is a single broker reduced to what obeys: which partitions it leads, at
// which epoch. It and the tree's file survive restarts of the controller.
type node struct {
	t    *testing.T
	path string

	led     map[plan.Ref]int32
	refuse  func(plan.Order) error
	handled func(controller.Work) // nil: nobody is told
	cutOff  chan struct{}         // not nil: closed by the next orders, which nobody obeys

	existing []plan.Existing
	settings plan.Settings
	now      time.Time

	ctl  *controller.Controller
	tree *embedded.Tree
	stop func()
}

func newNode(t *testing.T) *node {
	var drawn uint32
	n := &node{
		t: t, path: filepath.Join(t.TempDir(), embedded.FileName), now: time.UnixMilli(1_700_000_000_000),
		led: map[plan.Ref]int32{},
		settings: plan.Settings{
			Partitions: 2, Replication: 1, DeleteTopics: true,
			Random: func(int) int { return 0 },
			RandomBytes: func() [16]byte {
				drawn++
				return [16]byte{byte(drawn), byte(drawn >> 8), byte(drawn >> 16)}
			},
			Internal: map[string]plan.TopicSpec{topic.ConsumerOffsets: {
				Partitions: 50, Replication: 3, Config: map[string]string{"cleanup.policy": "compact"}, Clamp: true,
			}},
		},
	}
	t.Cleanup(func() {
		if n.stop != nil {
			n.stop()
		}
	})
	return n
}

// send obeys orders at once. It is the controller's goroutine that calls it.
func (n *node) send(d controller.Dispatch) func(context.Context) error {
	if n.cutOff != nil && len(d.Orders) > 0 {
		close(n.cutOff)
		n.cutOff = nil
		return func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
	}
	roles := &kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: d.Epoch, BrokerEpoch: -1}
	taken := &kmsg.LeaderAndISRResponse{Version: 7}
	stops := &kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: d.Epoch, BrokerEpoch: -1}
	stopped := &kmsg.StopReplicaResponse{Version: 4}
	for _, o := range d.Orders {
		ref := plan.Ref{Topic: o.Topic, Partition: o.Partition}
		code := int16(0)
		if n.refuse != nil && n.refuse(o) != nil {
			code = kerr.KafkaStorageError.Code
		}
		switch o.Kind {
		case plan.Assign:
			if code == 0 {
				n.led[ref] = o.State.LeaderEpoch
			}
			taken.Topics = append(taken.Topics, kmsg.LeaderAndISRResponseTopic{TopicID: o.TopicID,
				Partitions: []kmsg.LeaderAndISRResponseTopicPartition{{Partition: o.Partition, ErrorCode: code}}})
		case plan.Delete:
			if code == 0 {
				delete(n.led, ref)
			}
			stops.Topics = append(stops.Topics, kmsg.StopReplicaRequestTopic{Topic: o.Topic,
				PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: o.Partition, Delete: true}}})
			stopped.Partitions = append(stopped.Partitions, kmsg.StopReplicaResponsePartition{Topic: o.Topic, Partition: o.Partition, ErrorCode: code})
		}
	}
	n.ctl.Answered(0, roles, taken)
	n.ctl.Answered(0, stops, stopped)
	return nil
}

// start runs a controller over the node's tree until it is in office.
func (n *node) start() {
	n.t.Helper()
	var err error
	n.tree, err = embedded.Open(n.path, embedded.Options{Now: func() time.Time { return n.now }})
	require.NoError(n.t, err)
	n.ctl = controller.New(controller.Options{
		Send:     n.send,
		Handled:  n.handled,
		Existing: func() []plan.Existing { return n.existing },
		Settings: func() plan.Settings { return n.settings },
		Now:      func() time.Time { return n.now }, Logger: slog.New(slog.DiscardHandler),
	})
	m := member.New(member.Options{
		Open: func(context.Context) (tree.Tree, error) { return n.tree, nil }, Tasks: []member.Task{n.ctl.Serve},
		Registration: func() znode.Broker {
			return znode.Broker{JMXPort: -1, Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "h", Port: 9092}}}
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			n.t.Error(err)
		}
	})
	n.stop = func() {
		cancel()
		running.Wait()
		n.stop = nil
	}
	select {
	case <-n.ctl.Ready():
	case <-time.After(time.Minute):
		require.FailNow(n.t, "controller is not ready")
	}
}

// crash ends the controller as the death of the process would.
func (n *node) crash() {
	require.NoError(n.t, n.tree.Abandon())
	n.stop()
	n.led = map[plan.Ref]int32{}
}

// restart ends the controller and starts another over the same tree.
func (n *node) restart() {
	n.stop()
	n.led = map[plan.Ref]int32{}
	n.start()
}

func (n *node) create(specs ...plan.TopicSpec) []plan.TopicResult {
	n.t.Helper()
	results, err := n.ctl.CreateTopics(n.t.Context(), specs, controller.CreateOptions{})
	require.NoError(n.t, err)
	return results
}

func (n *node) delete(name string) error {
	n.t.Helper()
	results, err := n.ctl.DeleteTopics(n.t.Context(), []plan.TopicRef{{Name: name}})
	require.NoError(n.t, err)
	return results[0].Err
}

// gone waits for the end of a deletion.
func (n *node) gone(name string) {
	n.t.Helper()
	require.Eventually(n.t, func() bool { return !n.ctl.Image().Deleting(name) }, time.Minute, time.Millisecond)
}

// paths lists the whole tree.
func (n *node) paths() []string {
	n.t.Helper()
	all, err := tree.Subtree(n.tree, "/")
	require.NoError(n.t, err)
	slices.Sort(all)
	return all
}

func (n *node) data(path string) string {
	n.t.Helper()
	got, err := n.tree.Get(path, nil)
	require.NoError(n.t, err)
	return string(got.Data)
}

func spec(name string, partitions int32) plan.TopicSpec {
	return plan.TopicSpec{Name: name, Partitions: partitions, Replication: 1}
}
