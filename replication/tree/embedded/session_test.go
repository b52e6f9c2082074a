package embedded_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
)

// two are two sessions on one file.
func two(t *testing.T) (a, b *embedded.Tree) {
	t.Helper()
	a = open(t, filepath.Join(t.TempDir(), "tree"))
	b, err := a.Join()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	})
	require.NotEqual(t, a.Session(), b.Session())
	return a, b
}

func exists(t *testing.T, tr tree.Tree, path string) bool {
	t.Helper()
	_, err := tr.Exists(path, nil)
	if err != nil {
		require.ErrorIs(t, err, tree.ErrNoNode)
	}
	return err == nil
}

// TestSessionsShareTheFile: what one writes the other reads and watches; the end
// of one takes its ephemeral nodes only.
func TestSessionsShareTheFile(t *testing.T) {
	a, b := two(t)
	events := make(chan tree.Event, 4)
	_, err := b.Exists("/a", func(e tree.Event) { events <- e })
	require.ErrorIs(t, err, tree.ErrNoNode)
	_, err = a.Multi(tree.Create("/a", nil, tree.Ephemeral))
	require.NoError(t, err)
	require.Equal(t, tree.NodeCreated, (<-events).Type)
	_, err = b.Multi(tree.Create("/b", nil, tree.Ephemeral))
	require.NoError(t, err)

	_, err = b.Get("/a", func(e tree.Event) { events <- e })
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.Equal(t, tree.NodeDeleted, (<-events).Type)
	require.False(t, exists(t, b, "/a"))
	require.True(t, exists(t, b, "/b"))
}

func TestExpiry(t *testing.T) {
	a, b := two(t)
	events := make(chan tree.Event, 4)
	_, err := a.Multi(tree.Create("/a", nil, tree.Ephemeral))
	require.NoError(t, err)
	_, err = a.Get("/", func(e tree.Event) { events <- e })
	require.NoError(t, err)
	select {
	case <-a.Expired():
		require.Fail(t, "the session runs")
	default:
	}
	require.NoError(t, a.Expire())
	<-a.Expired()
	require.Equal(t, tree.SessionExpired, (<-events).Type)
	require.False(t, exists(t, b, "/a"))
	_, err = a.Multi(tree.Create("/c", nil, 0))
	require.ErrorIs(t, err, tree.ErrExpired)
	_, err = a.Get("/", nil)
	require.ErrorIs(t, err, tree.ErrExpired)
	require.NoError(t, a.Close())
	require.True(t, exists(t, b, "/"))
}

// TestAbandonedSessionLingers: the nodes of a dead process stay until its
// session expires.
func TestAbandonedSessionLingers(t *testing.T) {
	a, b := two(t)
	_, err := a.Multi(tree.Create("/a", nil, tree.Ephemeral))
	require.NoError(t, err)
	require.NoError(t, a.Abandon())
	require.True(t, exists(t, b, "/a"))
	require.NoError(t, a.Expire())
	require.False(t, exists(t, b, "/a"))
	_, err = a.Get("/", nil)
	require.ErrorIs(t, err, tree.ErrClosed)
}
