package zk_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

// TestNothingIsDoneLate: what was given up before it was sent is not done when
// the server is back, perhaps after what was asked for later.
func TestNothingIsDoneLate(t *testing.T) {
	s := zookeeper.Start(t)
	lost := make(chan struct{}, 100)
	tr := open(t, zk.Options{Servers: []string{s.Addr}, SessionTimeout: lasting, Told: func(n zk.News) {
		if n == zk.Disconnected {
			lost <- struct{}{}
		}
	}})
	_, err := tr.Multi(tree.Create("/a", []byte("x"), 0))
	require.NoError(t, err)
	require.NoError(t, s.Kill())
	<-lost
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hit := make(chan struct{})
	given := make(chan error)
	for range 20 { // more than may be in flight
		go func() {
			_, err := tree.Within(ctx, tr).Multi(tree.Set("/a", []byte("late"), tree.AnyVersion))
			given <- err
		}()
	}
	for range 20 {
		require.ErrorIs(t, <-given, context.DeadlineExceeded)
	}
	require.NoError(t, s.Restart(t.Context()))
	for range 50 {
		n, err := tr.Get("/a", nil)
		require.NoError(t, err)
		require.Equal(t, "x", string(n.Data))
	}

	// What was given up does not take a watch along that was armed in time.
	ctx, cancel = context.WithCancel(t.Context())
	_, err = tree.Within(ctx, tr).Exists("/a", func(tree.Event) { close(hit) })
	require.NoError(t, err)
	cancel()
	_, err = tr.Multi(tree.Set("/a", []byte("now"), 0))
	require.NoError(t, err)
	<-hit
}
