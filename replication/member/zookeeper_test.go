package member_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/replication/znode"
	"github.com/leatmq/leat/tools/zookeeper"
)

// TestOnZooKeeper: expiry, and one's own past, with real sessions.
func TestOnZooKeeper(t *testing.T) {
	server, chroot := zookeeper.Shared(t)
	var mu sync.Mutex
	var sessions []*zk.Tree
	open := func(ctx context.Context) (tree.Tree, error) {
		s, err := zk.Open(ctx, zk.Options{Servers: []string{server.Addr}, Chroot: chroot, SessionTimeout: 30 * time.Second})
		mu.Lock()
		defer mu.Unlock()
		sessions = append(sessions, s)
		return s, err
	}
	options := member.Options{
		BrokerID: 1, Open: open, Logger: slog.New(slog.DiscardHandler),
		Registration: func() znode.Broker { return znode.Broker{Endpoints: endpoint(9001)} },
	}
	start := func() (*member.Member, func()) {
		m := member.New(options)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		stop := func() {
			cancel()
			running.Wait()
		}
		t.Cleanup(stop)
		wait, done := context.WithTimeout(t.Context(), time.Minute)
		defer done()
		_, err := m.Await(wait)
		require.NoError(t, err)
		return m, stop
	}
	m, stop := start()
	first := m.Epoch()
	require.NoError(t, server.ExpireSession(t.Context(), sessions[0].Session()))
	require.Eventually(t, func() bool { return m.Epoch() > first }, time.Minute, 10*time.Millisecond)
	stop()

	look, err := zk.Open(t.Context(), zk.Options{Servers: []string{server.Addr}, Chroot: chroot})
	require.NoError(t, err)
	defer func() { require.NoError(t, look.Close()) }()
	require.Eventually(t, func() bool { // before the session could expire
		_, err := look.Exists(znode.BrokerPath(1), nil)
		return errors.Is(err, tree.ErrNoNode)
	}, 15*time.Second, 10*time.Millisecond)

	m, stop = start()
	second := m.Epoch()
	mu.Lock()
	sessions[len(sessions)-1].Abandon()
	mu.Unlock()
	stop()
	n, err := look.Get(znode.BrokerPath(1), nil)
	require.NoError(t, err, "the dead session lives on")
	require.Equal(t, second, n.Stat.Czxid)
	m, _ = start()
	require.Greater(t, m.Epoch(), second, "and is not waited for")
}
