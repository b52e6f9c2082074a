package zk_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

// TestCallsEndWithTheirContext: while the server is silent, and no other call is
// kept from its answer by it.
func TestCallsEndWithTheirContext(t *testing.T) {
	s := zookeeper.Start(t)
	tr := open(t, zk.Options{Servers: []string{s.Addr}, SessionTimeout: lasting})
	_, err := tr.Multi(tree.Create("/a", []byte("x"), 0))
	require.NoError(t, err)
	over := errors.New("no patience left")
	calls := func(b tree.Tree) map[string]error {
		_, get := b.Get("/a", nil)
		_, all := b.GetAll([]string{"/a", "/b"})
		_, exists := b.Exists("/a", nil)
		_, _, children := b.Children("/", nil)
		_, multi := b.Multi(tree.Set("/a", nil, tree.AnyVersion))
		return map[string]error{"Get": get, "GetAll": all, "Exists": exists, "Children": children, "Multi": multi, "Sync": tree.Sync(b)}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	for name, err := range calls(tree.Within(ctx, tr)) {
		require.NoError(t, err, name)
	}
	require.NoError(t, s.Pause())
	timer := time.AfterFunc(100*time.Millisecond, func() { cancel(over) })
	defer timer.Stop()
	for name, err := range calls(tree.Within(ctx, tr)) {
		require.ErrorIs(t, err, over, name)
	}
	require.NoError(t, s.Resume())
	_, err = tr.Get("/a", nil)
	require.NoError(t, err)
	require.NoError(t, tr.Close())
	_, err = tree.Within(t.Context(), tr).Get("/a", nil)
	require.ErrorIs(t, err, tree.ErrClosed)
}
