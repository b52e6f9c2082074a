package treetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/replication/tree"
)

// model is a tree in its simplest form: path to data and version.
type model map[string]modelNode

type modelNode struct {
	data    string
	version int32
}

// apply does what the tree must do, or says why not.
func (m model) apply(op tree.Op) error {
	n, there := m[op.Path]
	if op.Kind == tree.OpCreate {
		_, up := m[tree.Parent(op.Path)]
		switch {
		case !up:
			return tree.ErrNoNode
		case there:
			return tree.ErrNodeExists
		}
		m[op.Path] = modelNode{data: string(op.Data)}
		return nil
	}
	switch {
	case !there:
		return tree.ErrNoNode
	case op.Version != tree.AnyVersion && op.Version != n.version:
		return tree.ErrBadVersion
	case op.Kind == tree.OpSet:
		m[op.Path] = modelNode{data: string(op.Data), version: n.version + 1}
	case op.Kind == tree.OpDelete && len(m.children(op.Path)) > 0:
		return tree.ErrNotEmpty
	case op.Kind == tree.OpDelete:
		delete(m, op.Path)
	}
	return nil
}

func (m model) children(path string) []string {
	var names []string
	for p := range m {
		if p != path && tree.Parent(p) == path {
			names = append(names, strings.TrimPrefix(p, path+"/"))
		}
	}
	slices.Sort(names)
	return names
}

// testModel runs random multis against the model, crashing now and then.
func testModel(t *testing.T, env Env) {
	run := 0
	tr := open(t, env)
	rapid.Check(t, func(r *rapid.T) {
		run++
		base := fmt.Sprintf("%s/run%d", root, run)
		require.NoError(r, tree.EnsureAll(tr, base))
		m := model{base: {}}
		paths := []string{"/a", "/b", "/a/x", "/a/y", "/a/x/1"}
		drawOp := rapid.Custom(func(r *rapid.T) tree.Op {
			return tree.Op{
				Kind:    rapid.SampledFrom([]tree.OpKind{tree.OpCreate, tree.OpCreate, tree.OpSet, tree.OpDelete, tree.OpCheck}).Draw(r, "kind"),
				Path:    base + rapid.SampledFrom(paths).Draw(r, "path"),
				Data:    []byte(rapid.StringMatching("[a-z]{1,3}").Draw(r, "data")),
				Version: rapid.Int32Range(-1, 1).Draw(r, "version"),
			}
		})
		for range rapid.IntRange(1, 6).Draw(r, "multis") {
			checkMulti(r, tr, m, rapid.SliceOfN(drawOp, 1, 4).Draw(r, "ops"))
		}
		if rapid.IntRange(0, 9).Draw(r, "crash") == 0 {
			env.Crash(t, tr)
			tr = env.Open(t)
			t.Cleanup(func() { require.NoError(t, tr.Close()) })
		}
		for _, path := range append(paths, "") {
			n, there := m[base+path]
			got, err := tr.Get(base+path, nil)
			if !there {
				require.ErrorIs(r, err, tree.ErrNoNode)
				continue
			}
			require.NoError(r, err)
			require.Equal(r, n, modelNode{data: string(got.Data), version: got.Stat.Version})
			names, _, err := tr.Children(base+path, nil)
			require.NoError(r, err)
			require.ElementsMatch(r, m.children(base+path), names)
		}
	})
}

func checkMulti(r *rapid.T, tr tree.Tree, m model, ops []tree.Op) {
	next := maps.Clone(m)
	var want error
	for _, op := range ops {
		if want = next.apply(op); want != nil {
			break
		}
	}
	_, err := tr.Multi(ops...)
	if want != nil {
		require.ErrorIs(r, err, want)
		return
	}
	require.NoError(r, err)
	clear(m)
	maps.Copy(m, next)
}
