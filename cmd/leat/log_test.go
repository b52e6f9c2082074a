package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goldenLogs = "../../log/testdata/golden"

// Records of the internal topics are decoded as Kafka's own tool decodes them.
func TestInternalTopicsAreDecodedAsKafkaDoes(t *testing.T) {
	n := 0
	for partition, decoder := range map[string]string{
		"main/__consumer_offsets-0": "--offsets-decoder", "legacy/__consumer_offsets-0": "--offsets-decoder",
		"main/__transaction_state-0": "--transaction-log-decoder", "legacy/__transaction_state-0": "--transaction-log-decoder",
		"unclean/__transaction_state-0": "--transaction-log-decoder",
	} {
		set, name := filepath.Split(partition)
		want, err := os.ReadFile(filepath.Join(goldenLogs, strings.TrimSuffix(set, "/")+".dump", name+".txt"))
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join(goldenLogs, partition, "*.log"))
		require.NoError(t, err)
		for _, file := range files {
			var out strings.Builder
			root := newRoot()
			root.SetOut(&out)
			root.SetErr(&out)
			root.SetArgs([]string{"log", "dump", file, decoder})
			require.NoError(t, root.Execute())
			expected := records(section(t, string(want), filepath.Base(file)))
			require.Equal(t, expected, records(out.String()), file)
			n += len(expected)
		}
	}
	require.Greater(t, n, 150)
}

// section is the recorded output for one file.
func section(t *testing.T, recorded, file string) string {
	_, rest, ok := strings.Cut(recorded, "$ dump-log --files "+file+" ")
	require.True(t, ok)
	s, _, _ := strings.Cut(rest, "\n$ ")
	return s
}

// records are the lines of records.
func records(dump string) (lines []string) {
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "| ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}
