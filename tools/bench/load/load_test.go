package load_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/tools/bench/load"
	"github.com/leatmq/leat/tools/bench/null"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startNull serves a null broker until the test ends.
func startNull(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	b := null.New(t.TempDir())
	go func() { done <- b.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return l.Addr().String()
}

// What is produced into the null broker comes out again, whatever the sizes.
func TestProduceAndConsume(t *testing.T) {
	for name, w := range map[string]load.Workload{
		"16 KiB":      {Batch: 16 << 10, Fetch: 64 << 10},
		"64 KiB":      {Batch: 64 << 10, Fetch: 1 << 20},
		"64 KiB, lz4": {Batch: 64 << 10, Fetch: 64 << 10, LZ4: true},
		"1 MiB":       {Batch: 1 << 20, Fetch: 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			address := startNull(t)
			w.Connections, w.Inflight, w.Bytes, w.FillBytes = 3, 5, 12<<20, 6<<20
			produced, err := load.Run(t.Context(), address, w)
			require.NoError(t, err)
			require.GreaterOrEqual(t, produced.Bytes, w.Bytes)
			require.InEpsilon(t, produced.Bytes, produced.Records*1034, 0.01)
			w.Consume = true
			consumed, err := load.Run(t.Context(), address, w)
			require.NoError(t, err)
			if !w.LZ4 {
				require.GreaterOrEqual(t, consumed.Bytes, w.Bytes)
				require.InEpsilon(t, consumed.Bytes, consumed.Records*1034, 0.01)
			}
		})
	}
}
