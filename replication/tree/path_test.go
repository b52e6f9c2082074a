package tree_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
)

func TestPaths(t *testing.T) {
	for path, parent := range map[string]string{"/": "", "/a": "/", "/a/b": "/a", "/a/b/c": "/a/b"} {
		require.NoError(t, tree.ValidatePath(path))
		require.Equal(t, parent, tree.Parent(path))
	}
	for _, path := range []string{"", "a", "/a/", "//", "/a//b", "/.", "/..", "/a\x00b"} {
		require.ErrorIs(t, tree.ValidatePath(path), tree.ErrBadPath, "%q", path)
	}
}

func TestMultiErrorNamesItsCause(t *testing.T) {
	err := error(&tree.MultiError{Index: 2, Path: "/a", Err: tree.ErrNoNode})
	require.ErrorIs(t, err, tree.ErrNoNode)
	require.EqualError(t, err, "/a: no such node")
	var multi *tree.MultiError
	require.True(t, errors.As(err, &multi))
}
