package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
)

// bin is the leat binary that all tests run.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

// testMain builds the binary once.
func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "leat-e2e-")
	if err == nil {
		bin, err = spawn.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// startBroker runs a broker in a new directory; it is stopped, and must stop
// well, when the test ends.
func startBroker(t *testing.T, set ...string) *spawn.Broker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := spawn.Start(ctx, spawn.Options{Bin: bin, DataDir: filepath.Join(t.TempDir(), "data"), Set: set})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := b.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("broker's log:\n%s", b.Log())
		}
	})
	return b
}

// command runs a program to its end and returns its standard output.
func command(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is not installed: `make test` installs what the tests need", name)
	}
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), stderr.String())
	return out
}

// lines makes n log lines.
func lines(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WriteLines(&b, n, 7))
	return b.Bytes()
}

// createTopic makes a topic by leat's own command line.
func createTopic(t *testing.T, b *spawn.Broker, name string, partitions int, configs ...string) {
	t.Helper()
	args := []string{"topic", "create", name, "--bootstrap", b.Addr, "-p", fmt.Sprint(partitions)}
	for _, c := range configs {
		args = append(args, "-c", c)
	}
	command(t, nil, bin, args...)
}

// checkPerPartition holds what was read, as PARTITION<tab>LINE, against the
// lines that went in: each once, in order within its partition.
func checkPerPartition(t *testing.T, want, read []byte) {
	t.Helper()
	last := map[string]string{}
	seen := map[string]bool{}
	for row := range strings.Lines(string(read)) {
		partition, line, ok := strings.Cut(row, "\t")
		require.True(t, ok, "row %q", row)
		require.False(t, seen[line], "twice: %q", line)
		seen[line] = true
		require.Less(t, last[partition], line, "partition %s is out of order", partition)
		last[partition] = line
	}
	n := 0
	for line := range strings.Lines(string(want)) {
		n++
		require.True(t, seen[line], "lost: %q", line)
	}
	require.Len(t, seen, n)
}
