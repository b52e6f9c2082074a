package treetest

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
)

func testNodes(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "one")
	n := get(t, tr, "/a")
	require.Equal(t, "one", string(n.Data))
	require.Zero(t, n.Stat.Version)

	s := set(t, tr, "/a", "two")
	require.EqualValues(t, 1, s.Version)
	require.Equal(t, "two", string(get(t, tr, "/a").Data))

	create(t, tr, "/a/b", "")
	require.Empty(t, get(t, tr, "/a/b").Data)
	remove(t, tr, "/a/b")
	absent(t, tr, "/a/b")
	remove(t, tr, "/a")
	absent(t, tr, "/a")

	big := bytes.Repeat([]byte("0123456789abcdef"), 30_000)
	_, err := tr.Multi(tree.Create(root+"/big", big, 0))
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, get(t, tr, "/big").Data))
}

func testRefusals(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "")
	create(t, tr, "/a/b", "")
	_, err := tr.Multi(tree.Create(root+"/e", nil, tree.Ephemeral))
	require.NoError(t, err)

	for _, c := range []struct {
		op   tree.Op
		want error
	}{
		{tree.Create(root+"/a", nil, 0), tree.ErrNodeExists},
		{tree.Create(root+"/no/child", nil, 0), tree.ErrNoNode},
		{tree.Create(root+"/e/child", nil, 0), tree.ErrNoChildren},
		{tree.Set(root+"/no", nil, tree.AnyVersion), tree.ErrNoNode},
		{tree.Set(root+"/a", nil, 1), tree.ErrBadVersion},
		{tree.Delete(root+"/no", tree.AnyVersion), tree.ErrNoNode},
		{tree.Delete(root+"/a", tree.AnyVersion), tree.ErrNotEmpty},
		{tree.Delete(root+"/a/b", 7), tree.ErrBadVersion},
		{tree.Check(root+"/a", 1), tree.ErrBadVersion},
		{tree.Check(root+"/no", 0), tree.ErrNoNode},
	} {
		_, err := tr.Multi(c.op)
		require.ErrorIs(t, err, c.want, "%+v", c.op)
		var multi *tree.MultiError
		require.ErrorAs(t, err, &multi)
		require.Equal(t, c.op.Path, multi.Path)
		require.Zero(t, multi.Index)
	}
	_, err = tr.Exists(root+"/no", nil)
	require.ErrorIs(t, err, tree.ErrNoNode)
	_, _, err = tr.Children(root+"/no", nil)
	require.ErrorIs(t, err, tree.ErrNoNode)
}

func testPaths(t *testing.T, env Env) {
	tr := open(t, env)
	for _, path := range []string{"", "a", "/a/", "//a", "/a//b", "/a/./b", "/a/../b", "/a\x00"} {
		_, err := tr.Multi(tree.Create(path, nil, 0))
		require.ErrorIs(t, err, tree.ErrBadPath, "create %q", path)
		_, err = tr.Get(path, nil)
		require.ErrorIs(t, err, tree.ErrBadPath, "get %q", path)
	}
	for _, name := range []string{"<default>", "my%20client", "ä", "config_change_0000000001", "a.b-c_d"} {
		create(t, tr, "/"+name, name)
		require.Equal(t, name, string(get(t, tr, "/"+name).Data))
	}
}

func testStat(t *testing.T, env Env) {
	tr := open(t, env)
	created := create(t, tr, "/a", "12345")
	require.Equal(t, created.Czxid, created.Mzxid)
	require.Equal(t, created.Czxid, created.Pzxid)
	require.NotZero(t, created.Ctime)
	require.EqualValues(t, 5, created.DataLength)

	written := set(t, tr, "/a", "1")
	require.Equal(t, created.Czxid, written.Czxid)
	require.Greater(t, written.Mzxid, created.Mzxid)
	require.GreaterOrEqual(t, written.Mtime, created.Mtime)
	require.EqualValues(t, 1, written.Version)

	child := create(t, tr, "/a/b", "")
	s := get(t, tr, "/a").Stat
	require.Equal(t, child.Czxid, s.Pzxid)
	require.Equal(t, written.Mzxid, s.Mzxid, "a child is no change of the data")
	require.EqualValues(t, 1, s.NumChildren)
	require.EqualValues(t, 1, s.Cversion)

	remove(t, tr, "/a/b")
	s, err := tr.Exists(root+"/a", nil)
	require.NoError(t, err)
	require.Zero(t, s.NumChildren)
	require.EqualValues(t, 2, s.Cversion, "deletions count too")
	require.Greater(t, s.Pzxid, child.Czxid)
}

func testChildren(t *testing.T, env Env) {
	tr := open(t, env)
	for _, name := range []string{"/b", "/a", "/a/x", "/a/y", "/a-b", "/ab", "/a/x/deep"} {
		create(t, tr, name, "")
	}
	names, s, err := tr.Children(root, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a-b", "ab", "b"}, names)
	require.EqualValues(t, 4, s.NumChildren)
	names, _, err = tr.Children(root+"/a", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x", "y"}, names)
	names, _, err = tr.Children(root+"/b", nil)
	require.NoError(t, err)
	require.Empty(t, names)
}

func testGetAll(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/a", "1")
	create(t, tr, "/b", "2")
	nodes, err := tr.GetAll([]string{root + "/b", root + "/missing", root + "/a"})
	require.NoError(t, err)
	require.Len(t, nodes, 3)
	require.Equal(t, "2", string(nodes[0].Data))
	require.Negative(t, nodes[1].Stat.Version)
	require.Equal(t, "1", string(nodes[2].Data))
}

func testSequential(t *testing.T, env Env) {
	tr := open(t, env)
	next := func() string {
		r, err := tr.Multi(tree.Create(root+"/n_", []byte("x"), tree.Sequential))
		require.NoError(t, err)
		return r[0].Path
	}
	require.Equal(t, root+"/n_0000000000", next())
	require.Equal(t, root+"/n_0000000001", next())
	remove(t, tr, "/n_0000000001")
	require.Equal(t, root+"/n_0000000002", next(), "a number is never given twice")
	create(t, tr, "/other", "")
	require.Equal(t, root+"/n_0000000004", next(), "the counter is the parent's")
}

// testCompareAndSet lets many writers count by conditional writes: not one
// count may be lost.
func testCompareAndSet(t *testing.T, env Env) {
	tr := open(t, env)
	create(t, tr, "/n", "")
	const writers, each = 4, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				n, err := tr.Get(root+"/n", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := tr.Multi(tree.Set(root+"/n", append(n.Data, 'x'), n.Stat.Version)); err == nil {
					done++
				}
			}
		})
	}
	wg.Wait()
	n := get(t, tr, "/n")
	require.Len(t, n.Data, writers*each)
	require.EqualValues(t, writers*each, n.Stat.Version)
}

func testEnsure(t *testing.T, env Env) {
	tr := open(t, env)
	paths := []string{root + "/x/y/z", root + "/x", root + "/x/y/w"}
	require.NoError(t, tree.EnsureAll(tr, paths...))
	require.NoError(t, tree.EnsureAll(tr, paths...))
	all, err := tree.Subtree(tr, root+"/x")
	require.NoError(t, err)
	require.Equal(t, []string{root + "/x/y/w", root + "/x/y/z", root + "/x/y", root + "/x"}, all)
	ops := make([]tree.Op, len(all))
	for i, path := range all {
		ops[i] = tree.Delete(path, tree.AnyVersion)
	}
	_, err = tr.Multi(ops...)
	require.NoError(t, err)
	absent(t, tr, "/x")
	all, err = tree.Subtree(tr, root+"/x")
	require.NoError(t, err)
	require.Empty(t, all)
}
