package member_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(main{m}) }

// main runs the tests with a ZooKeeper server for those that ask for one.
type main struct{ m *testing.M }

func (m main) Run() int { return zookeeper.Main(m.m) }

// cluster is a tree that several members have sessions on.
type cluster struct {
	t    *testing.T
	tree *embedded.Tree // the test's own session
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	tr, err := embedded.Open(filepath.Join(t.TempDir(), "tree"), embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return &cluster{t: t, tree: tr}
}

func endpoint(port int32) []image.Endpoint {
	return []image.Endpoint{{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "h", Port: port}}
}

// broker is a member and what its one task has seen.
type broker struct {
	*member.Member
	c    *cluster
	stop func() error
	done chan struct{}

	mu       sync.Mutex
	err      error
	opens    int
	trees    []*embedded.Tree
	sessions []member.Session
	ended    int
}

// options are those of a broker that listens on 9000 and its id.
func (c *cluster) options(id int32) member.Options {
	return member.Options{
		BrokerID:     id,
		Registration: func() znode.Broker { return znode.Broker{Endpoints: endpoint(9000 + id), JMXPort: -1} },
		Random:       func() [16]byte { return [16]byte{1, 2, byte(id)} },
		Logger:       slog.New(slog.DiscardHandler),
	}
}

// start runs a member until the test ends.
func (c *cluster) start(o member.Options) *broker {
	c.t.Helper()
	b := &broker{c: c, done: make(chan struct{})}
	o.Open = func(context.Context) (tree.Tree, error) {
		tr, err := c.tree.Join()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.opens++
		b.trees = append(b.trees, tr)
		return tr, err
	}
	o.Tasks = append(o.Tasks, b.task)
	b.Member = member.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := b.Run(ctx)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.err = err
		close(b.done)
	})
	b.stop = func() error {
		cancel()
		running.Wait()
		return b.err
	}
	c.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return b
}

func (b *broker) task(ctx context.Context, s member.Session) error {
	b.mu.Lock()
	b.sessions = append(b.sessions, s)
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended++
	return ctx.Err()
}

func (b *broker) await() member.Session {
	b.c.t.Helper()
	ctx, cancel := context.WithTimeout(b.c.t.Context(), time.Minute)
	defer cancel()
	s, err := b.Await(ctx)
	require.NoError(b.c.t, err)
	return s
}

// failed waits for the end of a membership that cannot be.
func (b *broker) failed() error {
	b.c.t.Helper()
	select {
	case <-b.done:
	case <-time.After(time.Minute):
		require.Fail(b.c.t, "the member goes on")
	}
	return b.stop()
}

func (c *cluster) registration(id int32) (znode.Broker, tree.Stat, bool) {
	c.t.Helper()
	n, err := c.tree.Get(znode.BrokerPath(id), nil)
	if errors.Is(err, tree.ErrNoNode) {
		return znode.Broker{}, tree.Stat{}, false
	}
	require.NoError(c.t, err)
	b, err := znode.DecodeBroker(n.Data)
	require.NoError(c.t, err)
	return b, n.Stat, true
}

func TestRegistration(t *testing.T) {
	c := newCluster(t)
	a, b := c.start(c.options(1)), c.start(c.options(2))
	s := a.await()
	r, stat, ok := c.registration(1)
	require.True(t, ok)
	require.Equal(t, endpoint(9001), r.Endpoints)
	require.Equal(t, stat.Czxid, s.Epoch)
	require.Equal(t, s.Epoch, a.Epoch())
	require.EqualValues(t, 1, stat.Version, "created empty, then set, as Kafka does")
	require.Equal(t, s.Tree.Session(), stat.EphemeralOwner)
	b.await()
	require.NotEqual(t, a.Epoch(), b.Epoch())
	require.Equal(t, a.ClusterID(), b.ClusterID())
	for _, path := range znode.Persistent() {
		_, err := c.tree.Exists(path, nil)
		require.NoError(t, err, path)
	}
	require.NoError(t, a.stop())
	_, _, ok = c.registration(1)
	require.False(t, ok, "gone with the end of the membership")
	require.Equal(t, 1, a.ended)
	_, err := a.Await(t.Context())
	require.ErrorIs(t, err, tree.ErrClosed)
}

// TestExpiry: each session has a registration and tasks of its own.
func TestExpiry(t *testing.T) {
	c := newCluster(t)
	b := c.start(c.options(1))
	first := b.await()
	require.NoError(t, b.trees[0].Expire())
	require.Eventually(t, func() bool {
		s, ok := b.Session()
		return ok && s.Epoch > first.Epoch
	}, time.Minute, time.Millisecond)
	_, stat, ok := c.registration(1)
	require.True(t, ok)
	require.Equal(t, stat.Czxid, b.Epoch())
	require.NoError(t, b.stop())
	require.Len(t, b.sessions, 2)
	require.Equal(t, 2, b.ended)
	require.Equal(t, 2, b.opens)
}

// TestOwnPast: what this broker left behind when it died is replaced at once,
// its office too.
func TestOwnPast(t *testing.T) {
	c := newCluster(t)
	dead, err := c.tree.Join()
	require.NoError(t, err)
	require.NoError(t, tree.EnsureAll(dead, znode.Persistent()...))
	_, err = dead.Multi(
		tree.Create(znode.BrokerPath(1), znode.EncodeBroker(znode.Broker{Endpoints: endpoint(9001)}), tree.Ephemeral),
		tree.Create(znode.ControllerPath, znode.EncodeController(znode.Controller{BrokerID: 1}), tree.Ephemeral),
	)
	require.NoError(t, err)
	require.NoError(t, dead.Abandon())
	_, old, _ := c.registration(1)

	s := c.start(c.options(1)).await()
	require.Greater(t, s.Epoch, old.Czxid)
	_, now, _ := c.registration(1)
	require.Equal(t, s.Tree.Session(), now.EphemeralOwner)
	_, err = c.tree.Exists(znode.ControllerPath, nil)
	require.ErrorIs(t, err, tree.ErrNoNode)
	require.NoError(t, dead.Expire())
	_, _, ok := c.registration(1)
	require.True(t, ok)
}

// TestForeignRegistration: a broker of the same id elsewhere is waited for.
func TestForeignRegistration(t *testing.T) {
	c := newCluster(t)
	other, err := c.tree.Join()
	require.NoError(t, err)
	require.NoError(t, tree.EnsureAll(other, znode.BrokerIDs))
	_, err = other.Multi(tree.Create(znode.BrokerPath(1), znode.EncodeBroker(znode.Broker{Endpoints: endpoint(7)}), tree.Ephemeral))
	require.NoError(t, err)
	b := c.start(c.options(1))
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.opens == 1
	}, time.Minute, time.Millisecond)
	_, ok := b.Session()
	require.False(t, ok)
	require.NoError(t, other.Close())
	b.await()

	o := c.options(1)
	o.SessionTimeout = time.Millisecond
	o.Registration = func() znode.Broker { return znode.Broker{Endpoints: endpoint(8)} }
	require.ErrorIs(t, c.start(o).failed(), member.ErrRegistered)
}

// TestRegistrationRemoved: a broker that is up and that nobody knows of registers
// again, and what it does begins anew.
func TestRegistrationRemoved(t *testing.T) {
	c := newCluster(t)
	b := c.start(c.options(1))
	first := b.await()
	_, err := c.tree.Multi(tree.Set(znode.BrokerPath(1), []byte("{}"), tree.AnyVersion)) // no reason to
	require.NoError(t, err)
	for range 3 {
		before := b.await()
		_, err := c.tree.Multi(tree.Delete(znode.BrokerPath(1), tree.AnyVersion))
		require.NoError(t, err)
		require.Eventually(t, func() bool { s, ok := b.Session(); return ok && s.Epoch > before.Epoch }, time.Minute, time.Millisecond)
	}
	r, stat, ok := c.registration(1)
	require.True(t, ok)
	require.Equal(t, endpoint(9001), r.Endpoints)
	require.Equal(t, stat.Czxid, b.Epoch())
	require.Eventually(t, func() bool { // a task begins after the session is shown
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.sessions) >= 4
	}, time.Minute, time.Millisecond)
	b.mu.Lock()
	opens, ended, sessions := b.opens, b.ended, len(b.sessions)
	b.mu.Unlock()
	require.Equal(t, 1, opens, "the session lives")
	require.Equal(t, first.Tree.Session(), stat.EphemeralOwner)
	require.Equal(t, 3, ended)
	require.Equal(t, 4, sessions)
	require.NoError(t, b.stop())
}

// TestRegistrationTaken: a broker that another one has replaced gives way, though
// that one advertises the same.
func TestRegistrationTaken(t *testing.T) {
	c := newCluster(t)
	o := c.options(1)
	o.SessionTimeout = time.Millisecond
	b := c.start(o)
	b.await()
	other := c.start(c.options(1))
	taken := other.await()
	require.ErrorIs(t, b.failed(), member.ErrRegistered)
	_, stat, _ := c.registration(1)
	require.Equal(t, taken.Epoch, stat.Czxid)
	require.Equal(t, taken.Epoch, other.Epoch())
}

func TestTakenEndpoint(t *testing.T) {
	c := newCluster(t)
	c.start(c.options(1)).await()
	o := c.options(2)
	o.Registration = c.options(1).Registration
	err := c.start(o).failed()
	require.ErrorIs(t, err, member.ErrEndpointTaken)
	require.ErrorContains(t, err, "broker 1 has h:9001")
}

func TestOtherCluster(t *testing.T) {
	c := newCluster(t)
	c.start(c.options(1)).await()
	o := c.options(2)
	o.ClusterID = "AAAAAAAAAAAAAAAAAAAAAA"
	require.ErrorIs(t, c.start(o).failed(), member.ErrInconsistentCluster)
}

// TestTaskFails: the membership ends with the error of a task.
func TestTaskFails(t *testing.T) {
	c := newCluster(t)
	o := c.options(1)
	broken := errors.New("broken")
	o.Tasks = []member.Task{func(context.Context, member.Session) error { return fmt.Errorf("task: %w", broken) }}
	require.ErrorIs(t, c.start(o).failed(), broken)
	_, _, ok := c.registration(1)
	require.False(t, ok)
}

func TestGenerateBrokerID(t *testing.T) {
	c := newCluster(t)
	for want := int32(1001); want < 1004; want++ {
		id, err := member.GenerateBrokerID(c.tree, 1000)
		require.NoError(t, err)
		require.Equal(t, want, id)
	}
}

// silent is a tree that does not answer any more until it is closed.
type silent struct {
	tree.Tree
	closed chan struct{}
	once   sync.Once
}

func (s *silent) Get(path string, w tree.Watch) (tree.Node, error) {
	if path != "/" {
		return s.Tree.Get(path, w)
	}
	<-s.closed
	return tree.Node{}, tree.ErrClosed
}

func (s *silent) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Tree.Close()
}

// TestSilentTree: a membership ends although the tree cannot be reached.
func TestSilentTree(t *testing.T) {
	c := newCluster(t)
	asking := make(chan struct{})
	o := c.options(1)
	o.Grace = time.Millisecond
	o.Open = func(context.Context) (tree.Tree, error) {
		tr, err := c.tree.Join()
		return &silent{Tree: tr, closed: make(chan struct{})}, err
	}
	o.Tasks = []member.Task{func(_ context.Context, s member.Session) error {
		close(asking)
		_, err := s.Tree.Get("/", nil)
		return err
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := member.New(o).Run(ctx); err != nil {
			t.Error(err)
		}
	})
	<-asking
	cancel()
	running.Wait()
}
