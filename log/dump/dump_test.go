package dump_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/dump"
	"github.com/leatmq/leat/log/record"
)

const goldenDir = "../testdata/golden"

// Every file of every recorded partition is printed as Kafka printed it, complaints
// and all.
func TestFilesAreShownAsKafkaShowsThem(t *testing.T) {
	lists, err := filepath.Glob(filepath.Join(goldenDir, "*.dump", "*.txt"))
	require.NoError(t, err)
	require.Greater(t, len(lists), 45)
	for _, list := range lists {
		set := strings.TrimSuffix(filepath.Base(filepath.Dir(list)), ".dump")
		name := strings.TrimSuffix(filepath.Base(list), ".txt")
		t.Run(set+"/"+name, func(t *testing.T) {
			want, err := os.ReadFile(list)
			require.NoError(t, err)
			var got strings.Builder
			for line := range strings.Lines(string(want)) {
				if command, ok := strings.CutPrefix(line, "$ dump-log --files "); ok {
					got.WriteString(line)
					got.WriteString(show(t, filepath.Join(goldenDir, set, name), strings.Fields(command)))
				}
			}
			decoded := strings.Contains(string(want), "-decoder")
			require.Equal(t, comparable(string(want), decoded), comparable(got.String(), decoded))
		})
	}
}

// show runs one recorded command.
func show(t *testing.T, dir string, args []string) string {
	var out bytes.Buffer
	o := dump.Options{Data: len(args) > 1}
	if len(args) > 2 { // Kafka was asked to decode keys and values of its own topics
		o.Decode = func(*record.Record) (key, value string, hasKey, hasValue bool) { return }
	}
	complaints, err := dump.File(&out, filepath.Join(dir, args[0]), o)
	require.NoError(t, err)
	text := out.String()
	if len(complaints) > 0 {
		text += "--- stderr\n" + strings.Join(complaints, "\n") + "\n"
	}
	return strings.ReplaceAll(text, dir+"/", "")
}

// comparable leaves out keys and values that Kafka decoded.
func comparable(text string, decoded bool) []string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if decoded && strings.HasPrefix(line, "| ") {
			line, _, _ = strings.Cut(line, " key: ")
			lines[i], _, _ = strings.Cut(line, " payload: ")
		}
	}
	return lines
}
