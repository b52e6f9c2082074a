package zk_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/treetest"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) { os.Exit(zookeeper.Main(m)) }

const (
	patience = 60 * time.Second // for what must happen soon, on a machine that stalls
	lasting  = 30 * time.Second // a session that only expires if a test ends it
)

func TestTree(t *testing.T) {
	treetest.Run(t, func(t *testing.T) treetest.Env {
		s, chroot := zookeeper.Shared(t)
		return treetest.Env{
			Open: func(t *testing.T) tree.Tree {
				return open(t, zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: 10 * time.Second})
			},
			Crash: func(_ *testing.T, tr tree.Tree) { tr.(*zk.Tree).Abandon() },
		}
	})
}

// refused opens a session in vain until the log names the cause, and returns
// the error of Open.
func refused(t *testing.T, o zk.Options, cause string) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.ConnectTimeout = patience
	o.Logger = slog.New(slog.NewTextHandler(listener{cause, cancel}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, err := zk.Open(ctx, o)
	return err
}

// listener calls once it has heard a word.
type listener struct {
	word string
	call func()
}

func (l listener) Write(line []byte) (int, error) {
	if strings.Contains(string(line), l.word) {
		l.call()
	}
	return len(line), nil
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
