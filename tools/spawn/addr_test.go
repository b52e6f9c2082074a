package spawn_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
)

// An address is given once, and nobody is given its port by the kernel: it can be
// had again after a while without a listener.
func TestAFreeAddressStaysFree(t *testing.T) {
	given := map[string]bool{}
	for range 200 {
		addr, err := spawn.FreeAddr()
		require.NoError(t, err)
		require.False(t, given[addr], addr)
		given[addr] = true
		host, _, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		require.True(t, net.ParseIP(host).IsLoopback(), host)
		l, err := net.Listen("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
}
