package zookeeper_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) { os.Exit(zookeeper.Main(m)) }

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func connect(t *testing.T, addrs ...string) *zk.Conn {
	t.Helper()
	c, _, err := zk.Connect(addrs, 15*time.Second, zk.WithLogger(quiet{}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestServerKeepsItsDataOverARestart(t *testing.T) {
	s := zookeeper.Start(t)
	c := connect(t, s.Addr)
	_, err := c.Create("/kept", []byte("here"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	require.NoError(t, s.Restart(t.Context()))
	data, _, err := connect(t, s.Addr).Get("/kept")
	require.NoError(t, err)
	require.Equal(t, "here", string(data))
}

func TestPausedServerAnswersNothing(t *testing.T) {
	s := zookeeper.Start(t)
	require.NoError(t, s.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := s.Command(ctx, "ruok")
	require.Error(t, err)
	require.NoError(t, s.Resume())
	answer, err := s.Command(t.Context(), "ruok")
	require.NoError(t, err)
	require.Equal(t, "imok", answer)
}

func TestExpireSession(t *testing.T) {
	s, root := zookeeper.Shared(t)
	c := connect(t, s.Addr)
	_, err := c.Create(root, nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	watcher := connect(t, s.Addr)
	require.NoError(t, s.ExpireSession(t.Context(), c.SessionID()))
	there, _, err := watcher.Exists(root)
	require.NoError(t, err)
	require.False(t, there)
	require.Error(t, s.ExpireSession(t.Context(), 12345), "no such session")
}

func TestEnsembleGoesOnWithoutItsLeader(t *testing.T) {
	e := zookeeper.StartEnsemble(t, 3)
	leader := e.Leader(t.Context())
	require.NotNil(t, leader)
	require.NoError(t, leader.Kill())
	for _, s := range e.Servers {
		if s == leader {
			continue
		}
		c := connect(t, s.Addr)
		require.Eventually(t, func() bool { // it may not have noticed yet, or elect
			_, _, err := c.Get("/zookeeper/config")
			return err == nil
		}, time.Minute, 20*time.Millisecond)
	}
	require.NoError(t, leader.Restart(t.Context()))
}
