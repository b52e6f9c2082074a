package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/tree/treetest"
)

func TestTree(t *testing.T) {
	treetest.Run(t, func(t *testing.T) treetest.Env {
		path := filepath.Join(t.TempDir(), embedded.FileName)
		return treetest.Env{
			Open: func(t *testing.T) tree.Tree { return open(t, path) },
			Crash: func(t *testing.T, tr tree.Tree) {
				require.NoError(t, tr.(*embedded.Tree).Abandon())
			},
		}
	})
}

func open(t *testing.T, path string) *embedded.Tree {
	t.Helper()
	tr, err := embedded.Open(path, embedded.Options{})
	require.NoError(t, err)
	return tr
}

func TestNullIsNotEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tr := open(t, path)
	_, err := tr.Multi(tree.Create("/null", nil, 0), tree.Create("/empty", []byte{}, 0))
	require.NoError(t, err)
	require.NoError(t, tr.Close())
	tr = open(t, path)
	defer func() { require.NoError(t, tr.Close()) }()
	n, err := tr.Get("/null", nil)
	require.NoError(t, err)
	require.Nil(t, n.Data)
	n, err = tr.Get("/empty", nil)
	require.NoError(t, err)
	require.NotNil(t, n.Data)
	require.Empty(t, n.Data)
}

func TestFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tr := open(t, path)
	require.True(t, tr.Fresh())
	require.EqualValues(t, 1, tr.Session())
	require.NoError(t, tr.Close())
	tr = open(t, path)
	require.False(t, tr.Fresh())
	require.EqualValues(t, 2, tr.Session())
	require.NoError(t, tr.Close())
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tr := open(t, path)
	defer func() { require.NoError(t, tr.Close()) }()
	_, err := embedded.Open(path, embedded.Options{})
	require.ErrorIs(t, err, tree.ErrLocked)
	require.ErrorContains(t, err, path)
}

func TestDamagedFileIsNamed(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "tree")
	tr := open(t, whole)
	ops := []tree.Op{tree.Create("/a", nil, 0)}
	for range 2000 {
		ops = append(ops, tree.Create("/a/n_", make([]byte, 200), tree.Sequential))
	}
	_, err := tr.Multi(ops...)
	require.NoError(t, err)
	require.NoError(t, tr.Close())
	good, err := os.ReadFile(whole)
	require.NoError(t, err)

	noise := make([]byte, 16<<10)
	for i := range noise {
		noise[i] = byte(i * 7)
	}
	for name, data := range map[string][]byte{
		"noise":          noise,
		"cut short":      good[:len(good)/4],
		"metas wiped":    append(make([]byte, 8<<10), good[8<<10:]...),
		"text":           []byte("this is not a tree\n"),
		"one page of it": good[:4096],
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tree")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			tr, err := embedded.Open(path, embedded.Options{})
			if err == nil {
				require.NoError(t, tr.Close())
			}
			require.ErrorIs(t, err, tree.ErrCorrupt)
			require.ErrorContains(t, err, path)
		})
	}
}

// TestBatchIsOneTransaction: ten thousand partitions in one Multi.
func TestBatchIsOneTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tr := open(t, path)
	ops := []tree.Op{tree.Create("/t", nil, 0)}
	for range 20_000 {
		ops = append(ops, tree.Create("/t/p_", []byte("state"), tree.Sequential))
	}
	results, err := tr.Multi(ops...)
	require.NoError(t, err)
	require.Equal(t, results[0].Stat.Czxid, results[20_000].Stat.Czxid)
	require.NoError(t, tr.Abandon())
	tr = open(t, path)
	names, _, err := tr.Children("/t", nil)
	require.NoError(t, err)
	require.Len(t, names, 20_000)
	require.NoError(t, tr.Close())
}

// TestAnyDamagedPage overwrites one page after the other: the file opens or is
// refused, and nothing panics.
func TestAnyDamagedPage(t *testing.T) {
	const page = 4096
	path := filepath.Join(t.TempDir(), "tree")
	tr := open(t, path)
	for i := range 40 {
		ops := []tree.Op{tree.Create("/n"+string(rune('a'+i)), nil, 0)}
		for range 10 {
			ops = append(ops, tree.Create(ops[0].Path+"/n_", make([]byte, 300), tree.Sequential))
		}
		_, err := tr.Multi(ops...)
		require.NoError(t, err)
	}
	require.NoError(t, tr.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := 0; at+page <= len(good); at += page {
		for _, fill := range []byte{0x00, 0x01, 0xff} {
			bad := append([]byte(nil), good...)
			for i := range page {
				bad[at+i] = fill
			}
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			tr, err := embedded.Open(path, embedded.Options{})
			if err != nil {
				require.ErrorIs(t, err, tree.ErrCorrupt)
				continue
			}
			require.NoError(t, tr.Close())
		}
	}
}
