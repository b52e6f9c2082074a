package broker

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
)

// unwilling is a session on which the next writes fail.
type unwilling struct {
	tree.Tree
	errs []error
}

func (u *unwilling) Multi(ops ...tree.Op) ([]tree.Result, error) {
	if len(u.errs) > 0 {
		err := u.errs[0]
		u.errs = u.errs[1:]
		return nil, err
	}
	return u.Tree.Multi(ops...)
}

// The controller is told of lost replicas whatever stands in the way, until the
// session or the broker ends.
func TestALossIsAnnounced(t *testing.T) {
	tr, err := embedded.Open(filepath.Join(t.TempDir(), "tree"), embedded.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, tr.Close()) }()
	quiet := slog.New(slog.DiscardHandler)
	announced := func() int {
		names, _, err := tr.Children(znode.LogDirEvents, nil)
		require.NoError(t, err)
		return len(names)
	}
	synctest.Test(t, func(t *testing.T) {
		require.True(t, announceLoss(t.Context(), tr, 7, quiet), "nobody has made the folder")
		require.Equal(t, 1, announced())
		trouble := &unwilling{tr, []error{tree.ErrNoAuth, errors.New("a code that nobody knows"), tree.ErrTooLarge}}
		require.True(t, announceLoss(t.Context(), trouble, 7, quiet))
		require.Equal(t, 2, announced())
		for _, over := range []error{tree.ErrExpired, tree.ErrClosed} {
			require.False(t, announceLoss(t.Context(), &unwilling{tr, []error{over}}, 7, quiet))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, announceLoss(ended, &unwilling{tr, []error{tree.ErrNoAuth}}, 7, quiet))
		require.Equal(t, 2, announced())
	})
}
