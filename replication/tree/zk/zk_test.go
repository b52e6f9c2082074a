package zk_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/treetest"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) { os.Exit(zookeeper.Main(m)) }

const patience = 30 * time.Second

func TestTree(t *testing.T) {
	treetest.Run(t, func(t *testing.T) treetest.Env {
		s, chroot := zookeeper.Shared(t)
		return treetest.Env{
			Open: func(t *testing.T) tree.Tree {
				return open(t, zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: 2 * time.Second})
			},
			Crash: func(_ *testing.T, tr tree.Tree) { tr.(*zk.Tree).Abandon() },
		}
	})
}

func open(t *testing.T, o zk.Options) *zk.Tree {
	t.Helper()
	o.ConnectTimeout = patience
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	tr, err := zk.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}
