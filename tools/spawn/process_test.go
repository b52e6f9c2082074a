package spawn_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
)

// A paused process stands still when Pause returns, not a while later; one that
// has ended is no error.
func TestAPausedProcessStandsStill(t *testing.T) {
	var p spawn.Process
	_, err := p.Start(exec.Command("sh", "-c", "while :; do :; done"), nil)
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, p.Pause())
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
		require.NoError(t, err)
		_, state, ok := bytes.Cut(stat, []byte(") "))
		require.True(t, ok)
		require.Equal(t, "T", string(state[:1]))
		require.NoError(t, p.Resume())
	}
	require.NoError(t, p.Pause())
	require.NoError(t, p.Kill(), "a process that stands still can be killed")
	require.NoError(t, p.Pause())
}
