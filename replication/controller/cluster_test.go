package controller_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
)

// cluster is several brokers over one tree, each with a session of its own. A
// broker is reduced to what answers the controller's requests.
type cluster struct {
	t        *testing.T
	tree     tree.Tree // the test's own session
	join     func(ctx context.Context) (tree.Tree, error)
	expire   func(tree.Tree) error
	brokers  []*broker // by id
	settings plan.Settings
	balance  atomic.Pointer[controller.Balance]
	validate atomic.Pointer[func()] // called when the configuration of a new topic is looked at; nil: nothing is
}

// role is what a broker was last told about a replica of its own.
type role struct {
	leader, epoch, partitionEpoch int32
	isr                           string
	fresh                         bool
}

// broker is one of the cluster.
type broker struct {
	c   *cluster
	id  int32
	ctl *controller.Controller
	ch  *channel.Channel
	m   *member.Member

	stop func() // in an orderly way
	kill func() // as a crash would; the session lives on until it expires

	mu      sync.Mutex
	up      bool // answers requests
	session tree.Tree
	epoch   int32 // latest controller epoch seen
	roles   map[plan.Ref]role
	ids     map[string]topic.ID // of the topics that it was given replicas of, the latest
	known   map[plan.Ref]int32  // leader of each partition, as announced
	brokers []int32             // as announced
	log     []string            // requests obeyed
	broken  map[plan.Ref]bool   // replicas that it cannot have
	code    int16               // why
	undying map[string]bool     // topics whose data cannot be deleted
	ended   map[topic.ID]bool   // topics that it was told the end of

	fatal      func(controller.Dispatch) bool // its session ends with what it has to say; nil: not
	cannotLead func(plan.Ref) bool            // replicas that it can have and not lead; nil: none
}

// newCluster starts brokers over one embedded tree.
func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	tr, err := embedded.Open(filepath.Join(t.TempDir(), "tree"), embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return startCluster(t, n, &cluster{
		t: t, tree: tr,
		join:   func(context.Context) (tree.Tree, error) { return tr.Join() },
		expire: func(s tree.Tree) error { return s.(*embedded.Tree).Expire() },
	})
}

func startCluster(t *testing.T, n int, c *cluster) *cluster {
	t.Helper()
	var mu sync.Mutex
	var drawn uint32
	c.settings = plan.Settings{
		Partitions: 1, Replication: 1, DeleteTopics: true, Random: func(int) int { return 0 },
		RandomBytes: func() [16]byte {
			mu.Lock()
			defer mu.Unlock()
			drawn++
			return [16]byte{byte(drawn), byte(drawn >> 8), 1}
		},
		ValidateConfig: func(map[string]string) error {
			if f := c.validate.Swap(nil); f != nil {
				(*f)()
			}
			return nil
		},
	}
	for id := range n {
		c.brokers = append(c.brokers, &broker{c: c, id: int32(id)})
	}
	for _, b := range c.brokers {
		b.start()
	}
	if n > 0 {
		c.settled()
	}
	return c
}

func (c *cluster) setBalance(b controller.Balance) { c.balance.Store(&b) }

func (c *cluster) balanced() controller.Balance {
	if b := c.balance.Load(); b != nil {
		return *b
	}
	return controller.Balance{Interval: time.Second}
}

// start runs the broker anew, with nothing known.
func (b *broker) start() {
	b.mu.Lock()
	b.up, b.epoch = true, 0
	b.roles, b.known, b.brokers = map[plan.Ref]role{}, map[plan.Ref]int32{}, nil
	b.ids, b.ended = map[string]topic.ID{}, map[topic.ID]bool{}
	b.mu.Unlock()
	logger := slog.New(slog.DiscardHandler)
	b.ctl = controller.New(controller.Options{
		BrokerID: b.id, Settings: func() plan.Settings { return b.c.settings },
		Send: func(d controller.Dispatch) func(context.Context) error {
			if b.dies(d) {
				return func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			}
			return controller.Through(b.ch, "PLAINTEXT")(d)
		},
		Reset:   func() { b.ch.Reset() },
		Balance: b.c.balanced,
		Logger:  logger,
	})
	b.ch = channel.New(channel.Options{
		Self: b.id, Answered: b.ctl.Answered, Logger: logger,
		Local: func(_ context.Context, q kmsg.Request) (kmsg.Response, error) {
			resp := q.ResponseKind()
			return resp, b.obey(q, resp)
		},
		Remote: func(_ context.Context, to *image.Broker, q kmsg.Request, resp kmsg.Response) error {
			return b.c.brokers[to.ID].obey(q, resp)
		},
	})
	b.m = member.New(member.Options{
		BrokerID: b.id, Open: b.open, Tasks: []member.Task{b.ctl.Serve}, Logger: logger,
		Registration: func() znode.Broker {
			return znode.Broker{JMXPort: -1, Endpoints: []image.Endpoint{
				{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: fmt.Sprintf("b%d", b.id), Port: 9092},
			}}
		},
	})
	b.run()
}

// dies says whether a controller is gone before it has sent something.
func (b *broker) dies(d controller.Dispatch) bool {
	b.mu.Lock()
	dies := b.fatal != nil && b.fatal(d)
	if dies {
		b.fatal = nil
	}
	b.mu.Unlock()
	if dies {
		b.expire()
	}
	return dies
}

// open begins a session; a broker that is being killed has its last.
func (b *broker) open(ctx context.Context) (tree.Tree, error) {
	b.mu.Lock()
	up := b.up
	b.mu.Unlock()
	if !up {
		return nil, errDown
	}
	s, err := b.c.join(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = s
	return s, err
}

// run starts the broker's goroutines and says how they end.
func (b *broker) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running, channels sync.WaitGroup
	running.Go(func() {
		if err := b.m.Run(ctx); err != nil {
			b.c.t.Errorf("broker %d: %v", b.id, err)
		}
	})
	channelCtx, cancelChannel := context.WithCancel(context.Background())
	channels.Go(func() {
		if err := b.ch.Run(channelCtx); err != nil {
			b.c.t.Errorf("channel of broker %d: %v", b.id, err)
		}
	})
	end := sync.OnceFunc(func() {
		cancel()
		running.Wait()
		cancelChannel()
		channels.Wait()
	})
	b.stop = func() {
		b.setUp(false)
		end()
	}
	b.kill = func() {
		b.setUp(false)
		b.mu.Lock()
		session := b.session
		b.mu.Unlock()
		require.NoError(b.c.t, session.(*embedded.Tree).Abandon())
		end()
	}
	b.c.t.Cleanup(end)
}

func (b *broker) setUp(up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = up
}

// expire ends the session of a broker, dead or alive.
func (b *broker) expire() {
	b.mu.Lock()
	session := b.session
	b.mu.Unlock()
	require.NoError(b.c.t, b.c.expire(session))
}

// die is kill, and the end of the session.
func (b *broker) die() {
	b.kill()
	b.expire()
}

var errDown = errors.New("connection refused")

// obey answers a request of a controller.
func (b *broker) obey(q kmsg.Request, resp kmsg.Response) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.up {
		return errDown
	}
	switch q := q.(type) {
	case *kmsg.LeaderAndISRRequest:
		a := resp.(*kmsg.LeaderAndISRResponse)
		if a.ErrorCode = b.stale(q.ControllerEpoch); a.ErrorCode == 0 {
			b.obeyRoles(q, a)
		}
	case *kmsg.UpdateMetadataRequest:
		a := resp.(*kmsg.UpdateMetadataResponse)
		if a.ErrorCode = b.stale(q.ControllerEpoch); a.ErrorCode == 0 {
			b.obeyNews(q)
		}
	case *kmsg.StopReplicaRequest:
		b.stopAll(q, resp.(*kmsg.StopReplicaResponse))
	case channel.StopReplica:
		b.stopAll(q.StopReplicaRequest, resp.(*kmsg.StopReplicaResponse))
	}
	return nil
}

func (b *broker) stopAll(q *kmsg.StopReplicaRequest, a *kmsg.StopReplicaResponse) {
	if a.ErrorCode = b.stale(q.ControllerEpoch); a.ErrorCode == 0 {
		b.obeyStops(q, a)
	}
}

func (b *broker) stale(epoch int32) int16 {
	if epoch < b.epoch {
		b.log = append(b.log, "stale")
		return kerr.StaleControllerEpoch.Code
	}
	b.epoch = epoch
	return 0
}

func (b *broker) obeyRoles(q *kmsg.LeaderAndISRRequest, a *kmsg.LeaderAndISRResponse) {
	taken := map[plan.Ref]bool{}
	for _, ts := range q.TopicStates {
		b.ids[ts.Topic] = ts.TopicID
		row := kmsg.NewLeaderAndISRResponseTopic()
		row.TopicID = ts.TopicID
		for _, p := range ts.PartitionStates {
			ref := plan.Ref{Topic: ts.Topic, Partition: p.Partition}
			cell := kmsg.NewLeaderAndISRResponseTopicPartition()
			cell.Partition = p.Partition
			if taken[ref] { // only the first counts
				cell.ErrorCode = kerr.StaleControllerEpoch.Code
			} else if taken[ref] = true; b.broken[ref] || p.Leader == b.id && b.cannotLead != nil && b.cannotLead(ref) {
				cell.ErrorCode = b.code
			} else {
				b.roles[ref] = role{p.Leader, p.LeaderEpoch, p.ZKVersion, fmt.Sprint(p.ISR), p.IsNew}
			}
			row.Partitions = append(row.Partitions, cell)
		}
		a.Topics = append(a.Topics, row)
	}
	b.log = append(b.log, fmt.Sprintf("roles of %d topics from %d", len(q.TopicStates), q.ControllerID))
}

func (b *broker) obeyNews(q *kmsg.UpdateMetadataRequest) {
	b.brokers = nil
	for _, l := range q.LiveBrokers {
		b.brokers = append(b.brokers, l.ID)
	}
	for _, ts := range q.TopicStates {
		for _, p := range ts.PartitionStates {
			ref := plan.Ref{Topic: ts.Topic, Partition: p.Partition}
			if b.known[ref] = p.Leader; p.Leader == -2 {
				delete(b.known, ref)
				b.ended[ts.TopicID] = true
			}
		}
	}
	b.log = append(b.log, fmt.Sprintf("news of %d topics from %d", len(q.TopicStates), q.ControllerID))
}

func (b *broker) obeyStops(q *kmsg.StopReplicaRequest, a *kmsg.StopReplicaResponse) {
	for _, ts := range q.Topics {
		for _, p := range ts.PartitionStates {
			cell := kmsg.NewStopReplicaResponsePartition()
			cell.Topic, cell.Partition = ts.Topic, p.Partition
			id, had := b.ids[ts.Topic]
			switch {
			case p.Delete && b.undying[ts.Topic]:
				cell.ErrorCode = kerr.KafkaStorageError.Code
			case p.LeaderEpoch == -2 && had && !b.ended[id]: // it may be about an earlier topic of that name
				cell.ErrorCode = kerr.FencedLeaderEpoch.Code
			default:
				delete(b.roles, plan.Ref{Topic: ts.Topic, Partition: p.Partition})
			}
			a.Partitions = append(a.Partitions, cell)
		}
	}
	b.log = append(b.log, fmt.Sprintf("stops of %d topics from %d", len(q.Topics), q.ControllerID))
}

// eventually waits for what must happen soon. f is asked on the test's goroutine.
func (c *cluster) eventually(what string, f func() bool) {
	c.t.Helper()
	late := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-late:
			require.FailNow(c.t, "it does not happen", what)
		}
	}
}

// active is the broker in office, nil while there is none.
func (c *cluster) active() *broker {
	for _, b := range c.brokers {
		if b.ctl.Active() {
			return b
		}
	}
	return nil
}

// settled waits for a controller that knows every broker that is up, and has
// told them so.
func (c *cluster) settled() *broker {
	c.t.Helper()
	var up []int32
	for _, b := range c.brokers {
		b.mu.Lock()
		if b.up {
			up = append(up, b.id)
		}
		b.mu.Unlock()
	}
	var now *broker
	c.eventually("all know all", func() bool {
		for _, id := range up {
			b := c.brokers[id]
			b.mu.Lock()
			same := fmt.Sprint(b.brokers) == fmt.Sprint(up)
			b.mu.Unlock()
			if !same {
				return false
			}
		}
		now = c.active()
		return now != nil
	})
	return now
}

// role is what a broker believes about its replica.
func (b *broker) role(name string, partition int32) (role, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.roles[plan.Ref{Topic: name, Partition: partition}]
	return r, ok
}

// leader is who a broker believes leads.
func (b *broker) leader(name string, partition int32) int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, ok := b.known[plan.Ref{Topic: name, Partition: partition}]
	if !ok {
		return -3
	}
	return id
}

func (c *cluster) state(name string, partition int32) (znode.State, int32) {
	c.t.Helper()
	n, err := c.tree.Get(znode.StatePath(name, partition), nil)
	require.NoError(c.t, err)
	s, err := znode.DecodeState(n.Data)
	require.NoError(c.t, err)
	return s, n.Stat.Version
}

// leads waits until the tree, and every broker that is up, has a leader.
func (c *cluster) leads(id int32, name string, partition int32) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%d leads %s-%d", id, name, partition), func() bool {
		if s, _ := c.state(name, partition); s.Leader != id {
			return false
		}
		for _, b := range c.brokers {
			b.mu.Lock()
			up := b.up
			b.mu.Unlock()
			if up && b.leader(name, partition) != id {
				return false
			}
		}
		return true
	})
}

func (c *cluster) create(name string, lists ...[]int32) topic.ID {
	c.t.Helper()
	assignment := map[int32][]int32{}
	for p, replicas := range lists {
		assignment[int32(p)] = replicas
	}
	results, err := c.active().ctl.CreateTopics(c.t.Context(), []plan.TopicSpec{
		{Name: name, Partitions: plan.Default, Replication: plan.Default, Assignment: assignment},
	}, controller.CreateOptions{})
	require.NoError(c.t, err)
	require.NoError(c.t, results[0].Err)
	return results[0].ID
}

func (c *cluster) write(ops ...tree.Op) {
	c.t.Helper()
	_, err := c.tree.Multi(ops...)
	require.NoError(c.t, err)
}

func (c *cluster) exists(path string) bool {
	c.t.Helper()
	_, err := c.tree.Exists(path, nil)
	if err != nil {
		require.ErrorIs(c.t, err, tree.ErrNoNode)
	}
	return err == nil
}
