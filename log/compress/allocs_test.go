//go:build !race

package compress_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compress"
)

// TestNoAllocationsAtSteadyState is left out of race builds, where pools forget at random.
func TestNoAllocationsAtSteadyState(t *testing.T) {
	data := text(64 << 10)
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			packed := deflate(t, c, data)
			dst := make([]byte, 0, 256<<10)
			inflating := testing.AllocsPerRun(100, func() {
				_, err := compress.Inflate(dst, c, packed, wide)
				require.NoError(t, err)
			})
			require.LessOrEqual(t, inflating, 0.0, "inflating")
			deflating := testing.AllocsPerRun(100, func() {
				_, err := compress.Deflate(dst, c, data, compress.DefaultLevel)
				require.NoError(t, err)
			})
			require.LessOrEqual(t, deflating, 0.0, "deflating")
		})
	}
}
