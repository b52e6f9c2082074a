package zk_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

// What becomes of a session is told as often as it happens: opening it gives one
// connection up, which nobody hears of.
func TestNewsOfASession(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	gate := newGate(t, s.Addr)
	var mu sync.Mutex
	var news []zk.News
	asked := 0
	tr := open(t, zk.Options{
		Servers: []string{gate.addr()}, Chroot: chroot, SessionTimeout: lasting,
		Told:  func(n zk.News) { mu.Lock(); defer mu.Unlock(); news = append(news, n) },
		Asked: func(took time.Duration) { mu.Lock(); defer mu.Unlock(); asked++ },
	})
	told := func(want ...zk.News) {
		t.Helper()
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(news) >= len(want) }, patience, patience/500)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, want, news)
	}
	_, err := tr.Exists("/", nil)
	require.NoError(t, err)
	told(zk.Connected)
	mu.Lock()
	before := asked
	mu.Unlock()
	_, err = tr.Multi(tree.Create("/one", nil, 0))
	require.NoError(t, err)
	_, err = tr.Get("/one", nil)
	require.NoError(t, err)
	mu.Lock()
	require.GreaterOrEqual(t, asked, before+2)
	mu.Unlock()

	gate.shut()
	told(zk.Connected, zk.Disconnected)
	gate.open()
	told(zk.Connected, zk.Disconnected, zk.Connected)
	require.NoError(t, s.ExpireSession(t.Context(), tr.Session()))
	select {
	case <-tr.Expired():
	case <-time.After(patience):
		t.Fatal("the session does not expire")
	}
	last := func() zk.News { mu.Lock(); defer mu.Unlock(); return news[len(news)-1] }
	require.Eventually(t, func() bool { return last() == zk.Expired }, patience, patience/500)
}
