package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/spawn"
	"github.com/leatmq/leat/tools/zookeeper"
)

// session is how long ZooKeeper waits for a silent broker: longer than a busy
// machine keeps one from speaking, or leaders would change of themselves. A killed
// broker's is ended at once (kill).
const session = 18 * time.Second

// lag is how long a follower may be behind before it is taken for out of sync:
// the same goes for it.
const lag = 15 * time.Second

// patience is how long a test waits for what should take a moment.
const patience = 30 * time.Second

// cluster is three broker processes on one ZooKeeper.
type cluster struct {
	t       *testing.T
	connect string // zookeeper.connect
	server  *zookeeper.Server
	brokers [3]*spawn.Broker
	addrs   [3]string
	admins  [3]string
	dirs    [3]string
	set     []string // beside what all clusters have
}

// startCluster starts three brokers side by side.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, "min.insync.replicas=2", "offsets.topic.num.partitions=3", "group.initial.rebalance.delay.ms=0")
	c.startAll()
	return c
}

// newCluster is a cluster that is yet to be started, with settings of its own.
func newCluster(t *testing.T, set ...string) *cluster {
	t.Helper()
	server := zookeeper.Start(t)
	c := &cluster{t: t, server: server, connect: server.Addr + "/e2e", set: set}
	for id := range c.brokers {
		var err error
		c.addrs[id], err = spawn.FreeAddr()
		require.NoError(t, err)
		c.admins[id], err = spawn.FreeAddr()
		require.NoError(t, err)
		c.dirs[id] = filepath.Join(t.TempDir(), fmt.Sprint("broker-", id))
	}
	return c
}

// startAll starts the brokers, until the end of the test.
func (c *cluster) startAll() {
	c.t.Helper()
	failed := make(chan error, len(c.brokers))
	for id := range c.brokers {
		go func() { failed <- c.run(id) }()
	}
	for range c.brokers {
		require.NoError(c.t, <-failed)
	}
	c.t.Cleanup(c.close)
}

// run starts a broker, for the first time or again, and waits until it is ready.
func (c *cluster) run(id int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := spawn.Start(ctx, spawn.Options{
		Bin: bin, DataDir: c.dirs[id], Listen: c.addrs[id], Admin: c.admins[id],
		Set: append([]string{
			"zookeeper.connect=" + c.connect, fmt.Sprint("broker.id=", id), fmt.Sprint("broker.rack=rack-", id),
			fmt.Sprint("zookeeper.session.timeout.ms=", session.Milliseconds()),
			fmt.Sprint("replica.lag.time.max.ms=", lag.Milliseconds()),
			"default.replication.factor=3", "replica.fetch.wait.max.ms=100", "leat.log.level=debug",
		}, c.set...),
	})
	c.brokers[id] = b
	return err
}

func (c *cluster) start(id int) {
	c.t.Helper()
	require.NoError(c.t, c.run(id))
}

// kill ends a broker as a crash does, and has ZooKeeper end its session as it
// would a while later.
func (c *cluster) kill(id int) {
	c.t.Helper()
	registered, err := c.tree().Exists(fmt.Sprint("/brokers/ids/", id), nil)
	require.NoError(c.t, err)
	require.NoError(c.t, c.brokers[id].Kill())
	require.NoError(c.t, c.server.ExpireSession(c.t.Context(), registered.EphemeralOwner))
}

// stop ends a broker by SIGTERM.
func (c *cluster) stop(id int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(c.t, c.brokers[id].Stop(ctx))
}

// close ends everything, and tells what the brokers said if the test has failed.
func (c *cluster) close() {
	for id, b := range c.brokers {
		if b == nil {
			continue
		}
		if c.t.Failed() {
			c.t.Logf("broker %d:\n%s", id, b.Log())
		}
		if err := b.Kill(); err != nil {
			c.t.Log(err)
		}
	}
}

// client makes a client of all three brokers.
func (c *cluster) client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.addrs[:]...), kgo.MetadataMinAge(50 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	}, opts...)...)
	require.NoError(c.t, err)
	c.t.Cleanup(cl.Close)
	return cl
}

// topic makes a topic with three replicas of each partition.
func (c *cluster) topic(admin *kadm.Client, name string, partitions int32) {
	c.t.Helper()
	made, err := admin.CreateTopic(c.t.Context(), partitions, 3, nil, name)
	require.NoError(c.t, err)
	require.NoError(c.t, made.Err, made.ErrMessage)
}

// partitions are a topic's, as the cluster tells.
func (c *cluster) partitions(admin *kadm.Client, topic string) map[int32]kadm.PartitionDetail {
	c.t.Helper()
	found, err := admin.ListTopics(c.t.Context(), topic)
	require.NoError(c.t, err)
	return found[topic].Partitions
}

// eventually waits until what the cluster tells of a topic meets a condition.
func (c *cluster) eventually(admin *kadm.Client, topic, what string, met func(p kadm.PartitionDetail) bool) {
	c.t.Helper()
	var last kadm.PartitionDetails
	require.Eventually(c.t, func() bool {
		found, err := admin.ListTopics(c.t.Context(), topic)
		if err != nil || len(found[topic].Partitions) == 0 {
			return false
		}
		last = found[topic].Partitions
		for _, p := range last {
			if !met(p) {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, "%s: not %s", topic, what)
}

// whole waits until all replicas of a topic are in sync.
func (c *cluster) whole(admin *kadm.Client, topic string) {
	c.t.Helper()
	c.eventually(admin, topic, "in sync", func(p kadm.PartitionDetail) bool { return p.Leader >= 0 && len(p.ISR) == 3 })
}

// hears waits until every broker has heard of a topic's setting, KEY=VALUE or KEY
// alone: who alters it is answered by one of them, and the others follow.
func (c *cluster) hears(topic, pair string) {
	c.t.Helper()
	key, value, _ := strings.Cut(pair, "=")
	cl := c.client()
	defer cl.Close()
	for id, b := range c.brokers {
		if b.Alive() {
			require.Eventually(c.t, func() bool { return setting(c.t, cl.Broker(id), topic, key) == value }, patience, 10*time.Millisecond,
				"broker %d: %s of %s is not %q", id, key, topic, value)
		}
	}
}

// setting is the value of a topic's setting as a broker has it; "unknown" when it
// does not say.
func setting(t *testing.T, from *kgo.Broker, topic, key string) string {
	q := kmsg.NewPtrDescribeConfigsRequest()
	row := kmsg.NewDescribeConfigsRequestResource()
	row.ResourceType, row.ResourceName, row.ConfigNames = kmsg.ConfigResourceTypeTopic, topic, []string{key}
	q.Resources = append(q.Resources, row)
	got, err := q.RequestWith(t.Context(), from)
	if err != nil || len(got.Resources) != 1 || len(got.Resources[0].Configs) != 1 {
		return "unknown"
	}
	return deref(got.Resources[0].Configs[0].Value)
}

// tree is the cluster's coordination tree, to write to as other tools do.
func (c *cluster) tree() *zk.Tree {
	c.t.Helper()
	servers, chroot, err := zk.ParseConnect(c.connect)
	require.NoError(c.t, err)
	t, err := zk.Open(c.t.Context(), zk.Options{Servers: servers, Chroot: chroot, SessionTimeout: session})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, t.Close()) })
	return t
}

// all is the address of all brokers.
func (c *cluster) all() string { return strings.Join(c.addrs[:], ",") }
