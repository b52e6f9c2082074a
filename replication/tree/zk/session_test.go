package zk_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestExpiredSessionIsNotReplaced(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	o := zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: lasting}
	tr := open(t, o)
	_, err := tr.Multi(tree.Create("/mine", nil, tree.Ephemeral), tree.Create("/seen", nil, 0))
	require.NoError(t, err)
	events := make(chan tree.Event, 4)
	told := func(e tree.Event) { events <- e }
	_, err = tr.Get("/seen", told)
	require.NoError(t, err)
	_, _, err = tr.Children("/", told)
	require.NoError(t, err)

	require.NoError(t, s.ExpireSession(t.Context(), tr.Session()))
	select {
	case <-tr.Expired():
	case <-time.After(patience):
		t.Fatal("the session does not expire")
	}
	_, err = tr.Get("/seen", nil)
	require.ErrorIs(t, err, tree.ErrExpired)
	_, err = tr.Multi(tree.Set("/seen", nil, tree.AnyVersion))
	require.ErrorIs(t, err, tree.ErrExpired)
	_, err = tr.GetAll([]string{"/seen"})
	require.ErrorIs(t, err, tree.ErrExpired)

	var kinds []tree.EventType
	require.Eventually(t, func() bool {
		for len(events) > 0 {
			kinds = append(kinds, (<-events).Type)
		}
		return len(kinds) >= 2
	}, patience, patience/500)
	require.Contains(t, kinds, tree.SessionExpired)

	again := open(t, o)
	require.NotEqual(t, tr.Session(), again.Session())
	_, err = again.Exists("/mine", nil)
	require.ErrorIs(t, err, tree.ErrNoNode)
}

// TestNoLostOrDoubledWrite kills and freezes the server under many writers.
// Each counts with conditional writes, and keeps a chain of creations: what was
// answered is there, and nothing is there twice.
func TestNoLostOrDoubledWrite(t *testing.T) {
	e := zookeeper.StartEnsemble(t, 1)
	s := e.Servers[0]
	tr := open(t, zk.Options{Servers: []string{s.Addr}, Chroot: "/a/chroot", SessionTimeout: lasting})
	const writers, kills = 6, 3
	require.NoError(t, tree.EnsureAll(tr, "/counts", "/names"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	var done [writers]int
	for w := range writers {
		path := fmt.Sprintf("/counts/%d", w)
		_, err := tr.Multi(tree.Create(path, nil, 0))
		require.NoError(t, err)
		wg.Go(func() {
			for version := int32(0); ctx.Err() == nil; version++ {
				results, err := tr.Multi(
					tree.Set(path, fmt.Appendf(nil, "%d", version), version),
					tree.Create(fmt.Sprintf("/names/%d-%d", w, version), []byte(path), 0),
					tree.Create(fmt.Sprintf("/names/e-%d-%d", w, version), nil, tree.Ephemeral),
				)
				if err != nil {
					t.Errorf("writer %d, version %d: %v", w, version, err)
					return
				}
				if results[0].Stat.Version != version+1 || results[1].Stat.Czxid != results[0].Stat.Mzxid {
					t.Errorf("writer %d: %+v", w, results)
					return
				}
				done[w]++
			}
		})
	}
	for range kills {
		before := mustGet(t, tr, "/counts/0").Stat.Version
		require.NoError(t, s.Restart(t.Context()))
		require.Eventually(t, func() bool {
			n, err := tr.Get("/counts/0", nil)
			return err == nil && n.Stat.Version > before+10
		}, patience, 10*time.Millisecond)
	}
	require.NoError(t, s.Pause())
	require.NoError(t, s.Resume())
	stop()
	wg.Wait()
	total := 0
	for w, n := range done {
		require.EqualValues(t, n, mustGet(t, tr, fmt.Sprintf("/counts/%d", w)).Stat.Version)
		total += n
	}
	names, _, err := tr.Children("/names", nil)
	require.NoError(t, err)
	require.Len(t, names, 2*total)
}

func mustGet(t *testing.T, tr tree.Tree, path string) tree.Node {
	t.Helper()
	n, err := tr.Get(path, nil)
	require.NoError(t, err)
	return n
}

// TestWatchesOutliveTheConnection: what happens while this client has no
// connection is told when it has one again.
func TestWatchesOutliveTheConnection(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	gate := newGate(t, s.Addr)
	tr := open(t, zk.Options{Servers: []string{gate.addr()}, Chroot: chroot, SessionTimeout: lasting})
	other := open(t, zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: lasting})
	require.NoError(t, tree.EnsureAll(tr, "/set", "/gone", "/children", "/same"))
	for round := range 20 {
		events := make(chan tree.Event, 64)
		told := func(e tree.Event) { events <- e }
		_, err := tr.Get("/set", told)
		require.NoError(t, err)
		_, err = tr.Exists("/gone", told)
		require.NoError(t, err)
		_, err = tr.Exists(fmt.Sprintf("/new-%d", round), told)
		require.ErrorIs(t, err, tree.ErrNoNode)
		_, _, err = tr.Children("/children", told)
		require.NoError(t, err)
		silent := make(chan tree.Event, 1)
		_, err = tr.Get("/same", func(e tree.Event) { silent <- e })
		require.NoError(t, err)

		gate.shut()
		// Calls that wait for the connection compete with the watches for it.
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := tr.Multi(tree.Create(fmt.Sprintf("/w-%d-%d", round, i), nil, 0))
				if err != nil {
					t.Error(err)
				}
			})
		}
		_, err = other.Multi(tree.Set("/set", nil, tree.AnyVersion), tree.Delete("/gone", tree.AnyVersion),
			tree.Create(fmt.Sprintf("/new-%d", round), nil, 0), tree.Create(fmt.Sprintf("/children/%d", round), nil, 0))
		require.NoError(t, err)
		gate.open()
		got := map[tree.Event]bool{}
		for len(got) < 4 {
			select {
			case e := <-events:
				got[e] = true
			case <-time.After(patience):
				t.Fatalf("round %d: only %v", round, got)
			}
		}
		require.Equal(t, map[tree.Event]bool{
			{Type: tree.NodeDataChanged, Path: "/set"}:                    true,
			{Type: tree.NodeDeleted, Path: "/gone"}:                       true,
			{Type: tree.NodeCreated, Path: fmt.Sprintf("/new-%d", round)}: true,
			{Type: tree.NodeChildrenChanged, Path: "/children"}:           true,
		}, got)
		wg.Wait()
		require.Empty(t, silent)
		require.NoError(t, tree.EnsureAll(other, "/gone"))
	}
}

func TestEnsembleGoesOnWithoutAServer(t *testing.T) {
	e := zookeeper.StartEnsemble(t, 3)
	servers := make([]string, len(e.Servers))
	for i, s := range e.Servers {
		servers[i] = s.Addr
	}
	tr := open(t, zk.Options{Servers: servers, SessionTimeout: lasting})
	_, err := tr.Multi(tree.Create("/e", nil, tree.Ephemeral), tree.Create("/n", nil, 0))
	require.NoError(t, err)
	session := tr.Session()
	for i, s := range e.Servers {
		if i%2 == 0 {
			require.NoError(t, s.Kill())
		} else {
			require.NoError(t, s.Pause())
		}
		for range 10 {
			n := mustGet(t, tr, "/n")
			_, err := tr.Multi(tree.Set("/n", append(n.Data, 'x'), n.Stat.Version))
			require.NoError(t, err)
		}
		if i%2 == 0 {
			require.NoError(t, s.Restart(t.Context()))
		} else {
			require.NoError(t, s.Resume())
		}
	}
	require.Equal(t, session, tr.Session())
	n := mustGet(t, tr, "/n")
	require.Len(t, n.Data, 30)
	require.EqualValues(t, 30, n.Stat.Version)
	require.Equal(t, session, mustGet(t, tr, "/e").Stat.EphemeralOwner)
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and is silent
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	for _, o := range []zk.Options{
		{Servers: []string{l.Addr().String()}, SessionTimeout: time.Second, ConnectTimeout: 300 * time.Millisecond},
		{Servers: []string{"127.0.0.1:1"}, SessionTimeout: time.Second, ConnectTimeout: 300 * time.Millisecond},
	} {
		_, err = zk.Open(t.Context(), o)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, o.Servers[0])
	}
	_, err = zk.Open(t.Context(), zk.Options{})
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = zk.Open(ctx, zk.Options{Servers: []string{"127.0.0.1:1"}})
	require.ErrorIs(t, err, context.Canceled)
}

func TestCloseEndsWaitingCalls(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	gate := newGate(t, s.Addr)
	tr := open(t, zk.Options{Servers: []string{gate.addr()}, Chroot: chroot, SessionTimeout: lasting})
	gate.shut()
	errs := make(chan error, 20)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for {
				if _, err := tr.Get("/", nil); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	require.NoError(t, tr.Close())
	wg.Wait()
	close(errs)
	for err := range errs {
		require.ErrorIs(t, err, tree.ErrClosed)
	}
	<-tr.Expired()
}

func TestTooLarge(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	tr := open(t, zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: lasting})
	_, err := tr.Multi(tree.Create("/n", make([]byte, 2<<20), 0))
	require.ErrorIs(t, err, tree.ErrTooLarge, "more than this server takes")
	_, err = tr.Multi(tree.Create("/n", make([]byte, 5<<20), 0))
	require.ErrorIs(t, err, tree.ErrTooLarge, "more than any client takes")
	_, err = tr.Multi(tree.Create("/n", make([]byte, 900<<10), 0))
	require.NoError(t, err)
	var multi *tree.MultiError
	_, err = tr.Multi(tree.Create("/m", nil, 0), tree.Create("/n", nil, 0))
	require.True(t, errors.As(err, &multi))
	require.Equal(t, "/n", multi.Path)
}
