package zk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

// lostAnswer is a write that is done and whose answer is lost.
type lostAnswer struct {
	name   string
	before []tree.Op
	ops    []tree.Op
	after  []tree.Op // by another session, before the caller can look
	proof  string    // a path that is there once the write is done
	gone   string    // or one that is gone then
	want   error
}

var lostAnswers = []lostAnswer{
	{name: "create", ops: []tree.Op{tree.Create("/a", []byte("x"), 0)}, proof: "/a"},
	{name: "create ephemeral", ops: []tree.Op{tree.Create("/a", nil, tree.Ephemeral)}, proof: "/a"},
	{name: "registration", ops: []tree.Op{tree.Create("/a", nil, tree.Ephemeral), tree.Set("/a", []byte("me"), 0)}, proof: "/a"},
	{name: "sequence", before: []tree.Op{tree.Create("/n_", []byte("x"), tree.Sequential)},
		ops: []tree.Op{tree.Create("/n_", []byte("x"), tree.Sequential)}, proof: "/n_0000000001"},
	{name: "set", before: []tree.Op{tree.Create("/a", nil, 0)},
		ops: []tree.Op{tree.Check("/a", 0), tree.Set("/a", []byte("2"), 0), tree.Create("/mark", nil, 0)}, proof: "/mark"},
	{name: "delete", before: []tree.Op{tree.Create("/a", nil, 0)}, ops: []tree.Op{tree.Delete("/a", 0)}, gone: "/a"},
	{name: "set and overwritten", before: []tree.Op{tree.Create("/a", nil, 0)},
		ops:   []tree.Op{tree.Set("/a", []byte("2"), 0), tree.Create("/mark", nil, 0)},
		after: []tree.Op{tree.Set("/a", []byte("3"), 1)}, proof: "/mark"},
	{name: "all overwritten", before: []tree.Op{tree.Create("/a", nil, 0)},
		ops:   []tree.Op{tree.Set("/a", []byte("2"), 0), tree.Create("/mark", nil, 0)},
		after: []tree.Op{tree.Set("/a", []byte("3"), 1), tree.Set("/mark", []byte("3"), 0)}, proof: "/mark", want: tree.ErrBadVersion},
}

// TestLostAnswers does each kind of write so that it is done and its answer is
// lost: the caller gets the answer all the same, and the write is there once.
func TestLostAnswers(t *testing.T) {
	for _, c := range lostAnswers {
		t.Run(c.name, func(t *testing.T) {
			s, chroot := zookeeper.Shared(t)
			gate := newGate(t, s.Addr)
			tr := open(t, zk.Options{Servers: []string{gate.addr()}, Chroot: chroot, SessionTimeout: lasting})
			other := open(t, zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: lasting})
			if c.before != nil {
				_, err := tr.Multi(c.before...)
				require.NoError(t, err)
			}
			type answer struct {
				results []tree.Result
				err     error
			}
			answered := make(chan answer, 1)
			gate.drop()
			go func() {
				results, err := tr.Multi(c.ops...)
				answered <- answer{results, err}
			}()
			require.Eventually(t, func() bool {
				if c.gone != "" {
					_, err := other.Exists(c.gone, nil)
					return err != nil
				}
				_, err := other.Exists(c.proof, nil)
				return err == nil
			}, patience, 5*time.Millisecond)
			if c.after != nil {
				_, err := other.Multi(c.after...)
				require.NoError(t, err)
			}
			before, err := other.Exists("/", nil)
			require.NoError(t, err)
			gate.shut()
			gate.open()
			got := <-answered
			after, err := other.Exists("/", nil)
			require.NoError(t, err)
			require.Equal(t, before, after, "nothing is made or deleted twice")
			if c.want != nil {
				require.ErrorIs(t, got.err, c.want)
				return
			}
			require.NoError(t, got.err)
			require.Len(t, got.results, len(c.ops))
			for i, op := range c.ops {
				if op.Kind != tree.OpCreate {
					continue
				}
				n := mustGet(t, tr, got.results[i].Path)
				require.Equal(t, n.Stat.Czxid, got.results[i].Stat.Czxid)
				require.Equal(t, n.Stat.EphemeralOwner, got.results[i].Stat.EphemeralOwner)
			}
		})
	}
}
