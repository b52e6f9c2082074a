package dump_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/dump"
	"github.com/leatmq/leat/log/segment"
)

// The rows of every recorded partition are those that Kafka's own reader gave.
func TestRowsAreWhatKafkaRead(t *testing.T) {
	lists, err := filepath.Glob(filepath.Join(goldenDir, "*.records", "*.jsonl"))
	require.NoError(t, err)
	require.Greater(t, len(lists), 45)
	for _, list := range lists {
		set := strings.TrimSuffix(filepath.Base(filepath.Dir(list)), ".records")
		name := strings.TrimSuffix(filepath.Base(list), ".jsonl")
		t.Run(set+"/"+name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(goldenDir, set, name, "*.log"))
			require.NoError(t, err)
			var got []map[string]any
			for _, file := range files {
				require.NoError(t, dump.Rows(file, dump.Options{}, func(r *dump.Row) error {
					data, err := json.Marshal(r)
					if err != nil {
						return err
					}
					var m map[string]any
					got = append(got, m)
					return json.Unmarshal(data, &got[len(got)-1])
				}))
			}
			require.Equal(t, readLines(t, list), got)
		})
	}
}

func readLines(t *testing.T, path string) []map[string]any {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var all []map[string]any
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &m))
		all = append(all, m)
	}
	require.NoError(t, lines.Err())
	return all
}

func TestRowsEndWhereTheFileIsDamaged(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(goldenDir, "main/codec-none-0/00000000000000000000.log"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "00000000000000000000.log")
	require.NoError(t, os.WriteFile(path, data[:len(data)-10], 0o644))
	n := 0
	err = dump.Rows(path, dump.Options{}, func(*dump.Row) error { n++; return nil })
	var damage *segment.DamageError
	require.ErrorAs(t, err, &damage)
	require.Equal(t, 35, n)

	var out strings.Builder
	_, err = dump.File(&out, path, dump.Options{})
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(out.String(), "Found 69 invalid bytes at the end of 00000000000000000000.log\n"), out.String())

	enough := errors.New("enough")
	require.ErrorIs(t, dump.Rows(path, dump.Options{}, func(*dump.Row) error { return enough }), enough)
	_, err = dump.File(&out, "partition.metadata", dump.Options{})
	require.ErrorIs(t, err, dump.ErrUnknownFile)
}
