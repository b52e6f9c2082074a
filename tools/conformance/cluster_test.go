//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
	"github.com/leatmq/leat/tools/zookeeper"
)

// cluster is three brokers on one ZooKeeper, with the settings of a small
// production cluster.
type cluster struct{ brokers []*spawn.Broker }

func startCluster(ctx context.Context, t *testing.T) *cluster {
	t.Helper()
	server := zookeeper.Start(t)
	dir := t.TempDir()
	bin, err := spawn.Build(ctx, dir)
	require.NoError(t, err)
	c := &cluster{}
	t.Cleanup(func() {
		for id, b := range c.brokers {
			if t.Failed() {
				t.Logf("broker %d:\n%s", id, b.Log())
			}
			if err := b.Kill(); err != nil {
				t.Log(err)
			}
		}
	})
	for id := range 3 {
		b, err := spawn.Start(ctx, spawn.Options{Bin: bin, DataDir: filepath.Join(dir, fmt.Sprint("data-", id)), Set: []string{
			"zookeeper.connect=" + server.Addr + "/conformance", fmt.Sprint("broker.id=", id), fmt.Sprint("broker.rack=rack-", id),
			"default.replication.factor=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3",
		}})
		require.NoError(t, err)
		c.brokers = append(c.brokers, b)
	}
	return c
}

// seeds are the brokers' addresses.
func (c *cluster) seeds() string {
	var all []string
	for _, b := range c.brokers {
		all = append(all, b.Addr)
	}
	return strings.Join(all, ",")
}

// stop ends the brokers, each of which must stop well.
func (c *cluster) stop(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, b := range c.brokers {
		require.NoError(t, b.Stop(ctx))
	}
}
