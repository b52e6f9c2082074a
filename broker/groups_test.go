package broker_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/broker"
	"github.com/leatmq/leat/tools/spawn"
)

// running is a broker that can be stopped and started again in the same place.
type running struct {
	t    *testing.T
	dir  string
	addr string
	stop func()
	away sync.RWMutex // held while it is stopped
}

// newRunning starts a broker.
func newRunning(t *testing.T) *running {
	t.Helper()
	addr, err := spawn.FreeAddr()
	require.NoError(t, err)
	r := &running{t: t, dir: t.TempDir(), addr: addr}
	r.start()
	return r
}

func (r *running) start() {
	r.t.Helper()
	b, err := broker.New(broker.Config{DataDir: r.dir, Listen: r.addr})
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	r.stop = func() { cancel(); require.NoError(r.t, <-done) }
	select {
	case <-b.Ready():
	case err := <-done:
		done <- err
		require.NoError(r.t, err, "the broker ended before it was ready")
	}
}

// restart stops the broker and starts it. Members that connect meanwhile wait:
// after a few refusals they would join again of their own accord, and how many
// there are is a matter of how long a busy machine takes.
func (r *running) restart() {
	r.away.Lock()
	defer r.away.Unlock()
	r.stop()
	r.start()
}

func (r *running) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	r.away.RLock()
	defer r.away.RUnlock()
	var d net.Dialer
	return d.DialContext(context.WithoutCancel(ctx), network, addr)
}

// member makes a consumer of topic t in group g.
func (r *running) member(opts ...kgo.Opt) *kgo.Client {
	r.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(r.addr), kgo.Dialer(r.dial), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(100 * time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, opts...)...)
	require.NoError(r.t, err)
	r.t.Cleanup(cl.CloseAllowingRebalance)
	return cl
}

// poll reads n records and commits them.
func pollAndCommit(t *testing.T, cl *kgo.Client, n int) (values []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(values) < n {
		fetches := cl.PollRecords(ctx, n-len(values))
		require.NoError(t, ctx.Err(), "read %d of %d records", len(values), n)
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
		require.NoError(t, cl.CommitUncommittedOffsets(ctx))
	}
	return values
}

func publish(t *testing.T, cl *kgo.Client, from, to int) (values []string) {
	t.Helper()
	for i := from; i < to; i++ {
		values = append(values, fmt.Sprint(i))
		require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte(values[i-from])}).FirstErr())
	}
	return values
}

// A restart of the broker costs a group neither its members nor its place: the
// consumer goes on in the same generation, with the next record.
func TestGroupGoesOnAfterARestart(t *testing.T) {
	r := newRunning(t)
	defer func() { r.stop() }()
	a := adminAt(t, kgo.SeedBrokers(r.addr), kgo.AllowAutoTopicCreation())
	_, err := a.CreateTopic(t.Context(), 1, 1, nil, "t")
	require.NoError(t, err)
	producer, err := kgo.NewClient(kgo.SeedBrokers(r.addr))
	require.NoError(t, err)
	defer producer.Close()

	cl := r.member(kgo.InstanceID("i"))
	first := publish(t, producer, 0, 10)
	require.Equal(t, first, pollAndCommit(t, cl, 10))
	id, generation := cl.GroupMetadata()

	r.restart()
	second := publish(t, producer, 10, 20)
	require.Equal(t, second, pollAndCommit(t, cl, 10))
	again, then := cl.GroupMetadata()
	require.Equal(t, id, again)
	require.Equal(t, generation, then, "nobody had to join again")

	offsets, err := a.FetchOffsets(t.Context(), "g")
	require.NoError(t, err)
	o, ok := offsets.Lookup("t", 0)
	require.True(t, ok)
	require.EqualValues(t, 20, o.At)
}

// What an administrator sees of a group and may do to it.
func TestGroupAdministration(t *testing.T) {
	r := newRunning(t)
	defer func() { r.stop() }()
	a := adminAt(t, kgo.SeedBrokers(r.addr))
	_, err := a.CreateTopics(t.Context(), 1, 1, nil, "t", "other")
	require.NoError(t, err)
	cl := r.member(kgo.ClientID("reader"))
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr())
	pollAndCommit(t, cl, 1)

	described, err := a.DescribeGroups(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, "Stable", described["g"].State)
	require.Len(t, described["g"].Members, 1)
	require.Equal(t, "reader", described["g"].Members[0].ClientID)
	require.Equal(t, "/127.0.0.1", described["g"].Members[0].ClientHost)
	listed, err := a.ListGroups(t.Context(), "Stable")
	require.NoError(t, err)
	require.Contains(t, listed, "g")

	foreign := kadm.Offsets{}
	foreign.AddOffset("t", 0, 0, -1)
	committed, err := a.CommitOffsets(t.Context(), "g", foreign)
	require.NoError(t, err)
	require.ErrorContains(t, committed.Error(), "UNKNOWN_MEMBER_ID")
	_, err = a.DeleteGroup(t.Context(), "g")
	require.ErrorContains(t, err, "NON_EMPTY_GROUP")
	subscribed := kadm.TopicsSet{}
	subscribed.Add("t", 0)
	deleted, err := a.DeleteOffsets(t.Context(), "g", subscribed)
	require.NoError(t, err)
	require.ErrorContains(t, deleted.Error(), "GROUP_SUBSCRIBED_TO_TOPIC")

	cl.CloseAllowingRebalance()
	cl.LeaveGroup()
	require.Eventually(t, func() bool {
		_, err := a.DeleteGroup(t.Context(), "g")
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	_, err = a.DeleteGroup(t.Context(), "g")
	require.ErrorContains(t, err, "GROUP_ID_NOT_FOUND")
}

// adminAt returns an admin client.
func adminAt(t *testing.T, opts ...kgo.Opt) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(opts...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}
