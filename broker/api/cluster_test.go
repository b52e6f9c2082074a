package api_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/api"
	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// node is a broker of these APIs over real logs in a temporary directory and a
// real server on the loopback: everything but the controller and the groups.
type node struct {
	t     testing.TB
	dirs  *dir.Set
	set   *partition.Set
	api   *api.API
	addr  string
	store *config.Store
	stop  func()

	mu    sync.Mutex
	image *image.Image
}

// options are what a test may want different.
type options struct {
	groupCommit bool
	memory      bool // a disk in memory: faster for many partitions
	settings    map[string]string
	now         func() time.Time
	cluster     *api.Cluster
	alterConfig func(context.Context, image.Entity, func(map[string]string) (map[string]string, error)) error
	producerIDs func(context.Context) (first, count int64, err error)
}

func start(t testing.TB) *node { return startWith(t, options{}) }

func startWith(t testing.TB, o options) *node {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	n := &node{t: t, image: image.Empty()}
	var err error
	var all []string
	for k, v := range o.settings {
		all = append(all, k+"="+v)
	}
	n.store, _, err = config.Load(config.Sources{Set: all})
	require.NoError(t, err)
	on := dir.Options{Logger: quiet, BrokerID: 1, MinFree: -1, Now: o.now}
	if o.memory {
		on.FS = crashfs.New(crashfs.Options{})
	}
	n.dirs, err = dir.Open([]string{t.TempDir()}, on)
	require.NoError(t, err)
	n.set = partition.NewSet(partition.Options{Dirs: n.dirs, GroupCommit: o.groupCommit, Logger: quiet})
	n.api = api.New(api.Deps{
		BrokerID: 1, Partitions: n.set, Dirs: n.dirs, Image: n.Image, Config: n.store, Logger: quiet, Now: o.now,
		Cluster: o.cluster, AlterConfig: o.alterConfig, ProducerIDs: o.producerIDs,
	})
	s, err := server.New(server.Config{
		Listeners: []server.Listener{{Name: "PLAINTEXT", Address: "127.0.0.1:0"}}, Logger: quiet, Now: o.now,
	}, n.api)
	require.NoError(t, err)
	n.addr = s.Addr().String()
	n.run(s)
	return n
}

// run serves until the test ends or stop is called.
func (n *node) run(s *server.Server) {
	serving, stopServing := context.WithCancel(context.Background())
	working, stopWorking := context.WithCancel(context.Background())
	var served, worked sync.WaitGroup
	served.Go(func() { n.check(s.Serve(serving)) })
	served.Go(func() { n.check(n.api.Run(serving)) })
	worked.Go(func() { n.check(n.set.Run(working)) })
	n.stop = sync.OnceFunc(func() {
		stopServing()
		served.Wait()
		n.set.Close()
		stopWorking()
		worked.Wait()
		n.check(n.dirs.Close(context.Background()))
	})
	n.t.Cleanup(n.stop)
}

func (n *node) check(err error) {
	if err != nil {
		n.t.Error(err)
	}
}

// Image is the present picture.
func (n *node) Image() *image.Image {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.image
}

func (n *node) change(c image.Changes) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.image = n.image.With(c)
}

// idOf makes a topic's id of its name.
func idOf(name string) (id topic.ID) {
	copy(id[:], "id-"+name)
	return id
}

// topic makes a topic that this broker leads at epoch 0, with a configuration
// of key and value pairs.
func (n *node) topic(name string, partitions int, pairs ...string) {
	n.t.Helper()
	own := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		own[pairs[i]] = pairs[i+1]
	}
	require.NoError(n.t, n.store.ValidateTopic(own))
	t := &image.Topic{Name: name, ID: idOf(name), Internal: topic.Internal(name), Config: own}
	for range partitions {
		t.Partitions = append(t.Partitions, image.Partition{Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
	}
	for i := range partitions {
		n.lead(name, int32(i), 0, n.store.Topic(own))
	}
	n.change(image.Changes{Topics: map[string]*image.Topic{name: t}})
}

func (n *node) lead(name string, index, epoch int32, c log.Config) {
	n.t.Helper()
	require.NoError(n.t, n.set.Lead(checkpoint.Partition{Topic: name, Index: index}, partition.State{
		TopicID: idOf(name), Leader: 1, LeaderEpoch: epoch, ISR: []int32{1}, Replicas: []int32{1}, Config: c, New: epoch == 0,
	}))
}

// elsewhere says that a broker 2 leads all partitions of a topic.
func (n *node) elsewhere(name string, partitions int) {
	t := &image.Topic{Name: name, ID: idOf(name)}
	for range partitions {
		t.Partitions = append(t.Partitions, image.Partition{Replicas: []int32{2}, ISR: []int32{2}, Leader: 2, LeaderEpoch: 9})
	}
	n.change(image.Changes{
		Topics: map[string]*image.Topic{name: t},
		Brokers: []image.Broker{{ID: 2, Rack: "r2", Endpoints: []image.Endpoint{
			{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "two.example", Port: 9092},
		}}},
	})
}

// gone deletes a topic.
func (n *node) gone(name string) {
	n.t.Helper()
	t := n.Image().Topic(name)
	n.change(image.Changes{Topics: map[string]*image.Topic{name: nil}})
	for i := range t.Partitions {
		require.NoError(n.t, n.set.Delete(checkpoint.Partition{Topic: name, Index: int32(i)}))
	}
}

func (n *node) log(name string, index int32) *log.Log {
	n.t.Helper()
	r, err := n.set.Get(checkpoint.Partition{Topic: name, Index: index})
	require.NoError(n.t, err)
	return r.Log()
}

// client is one connection to the node.
type client struct {
	t    testing.TB
	conn net.Conn
	next int32
}

func (n *node) connect() *client {
	n.t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { conn.Close() })
	// Less than the minute that fetches would wait which nobody wakes.
	require.NoError(n.t, conn.SetDeadline(time.Now().Add(50*time.Second)))
	return &client{t: n.t, conn: conn}
}

// send sends a request at its version and returns its correlation id.
func (c *client) send(q kmsg.Request) int32 {
	c.t.Helper()
	c.next++
	_, err := c.conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, q, c.next))
	require.NoError(c.t, err)
	return c.next
}

// frame reads one answer without its length; nil when the connection is closed.
func (c *client) frame() []byte {
	c.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		return nil
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.conn, b)
	require.NoError(c.t, err)
	return b
}

// receive reads the answer to q.
func receive[A kmsg.Response](c *client, q kmsg.Request) A {
	c.t.Helper()
	b := c.frame()
	require.NotNil(c.t, b, "the connection was closed")
	require.EqualValues(c.t, c.next, binary.BigEndian.Uint32(b))
	a := q.ResponseKind().(A)
	a.SetVersion(q.GetVersion())
	body := b[4:]
	if a.IsFlexible() && a.Key() != 18 {
		require.Zero(c.t, body[0], "tagged fields in the header")
		body = body[1:]
	}
	require.NoError(c.t, a.ReadFrom(body))
	require.Equal(c.t, a.AppendTo(nil), body, "the answer is not what kmsg writes")
	return a
}

// ask sends a request at a version and reads the answer.
func ask[A kmsg.Response](c *client, version int16, q kmsg.Request) A {
	c.t.Helper()
	q.SetVersion(version)
	c.send(q)
	return receive[A](c, q)
}

// closed waits until the node has closed the connection without an answer.
func (c *client) closed() {
	c.t.Helper()
	require.Nil(c.t, c.frame(), "an answer came")
}
