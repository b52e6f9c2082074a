package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKazoo has a script write to ZooKeeper what tools wrote that do not ask a
// broker, and look whether the cluster obeys.
func TestKazoo(t *testing.T) {
	c := startCluster(t)
	out := command(t, nil, "/usr/bin/python3", "testdata/old_tools.py", c.connect, c.all())
	require.Equal(t, "ok\n", string(out))
}
