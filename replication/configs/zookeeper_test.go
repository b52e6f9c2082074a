package configs_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

// twoOnZooKeeper are two brokers with sessions on a ZooKeeper server.
func twoOnZooKeeper(t testing.TB) (a, b *broker) {
	server, chroot := zookeeper.Shared(t)
	open := func() *zk.Tree {
		s, err := zk.Open(context.Background(), zk.Options{Servers: []string{server.Addr}, Chroot: chroot, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	first, second := open(), open()
	prepare(t, first)
	return newBroker(t, first), newBroker(t, second)
}

// TestOnZooKeeper is what matters most of the tests on the embedded tree.
func TestOnZooKeeper(t *testing.T) {
	t.Run("every broker follows", func(t *testing.T) { follows(t, twoOnZooKeeper) })
	t.Run("changes are not lost", func(t *testing.T) { notLost(t, twoOnZooKeeper) })
	t.Run("a session begins with everything", func(t *testing.T) { beginsWithEverything(t, twoOnZooKeeper) })
}
