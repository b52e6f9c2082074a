package entry

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden is the one copy of what Kafka wrote; see its README.
const golden = "../../../log/testdata/golden"

type goldenRecord struct {
	Offset     int64  `json:"offset"`
	Key        string `json:"key_base64"`
	Value      string `json:"value_base64"`
	Control    bool   `json:"control"`
	EmptyBatch bool   `json:"emptyBatch"`
}

func goldenRecords(t testing.TB) (keys, values [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(golden, "*.records", "__consumer_offsets-*.jsonl"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(golden, "cluster", "*__consumer_offsets-*.jsonl"))
	require.NoError(t, err)
	for _, name := range append(files, more...) {
		f, err := os.Open(name)
		require.NoError(t, err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r goldenRecord
			require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
			if r.Control || r.EmptyBatch {
				continue
			}
			key, err := base64.StdEncoding.DecodeString(r.Key)
			require.NoError(t, err)
			value, err := base64.StdEncoding.DecodeString(r.Value)
			require.NoError(t, err)
			keys, values = append(keys, key), append(values, value)
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
	}
	require.NotEmpty(t, keys)
	return keys, values
}

// Every key and value that Kafka wrote is read, and is written again to the same bytes.
func TestGoldenRecordsAreWrittenAgainByteForByte(t *testing.T) {
	seen := map[string]int{}
	keys, values := goldenRecords(t)
	for i, key := range keys {
		k, err := ReadKey(key)
		require.NoError(t, err)
		switch k.Kind {
		case Offset:
			require.Equal(t, key, AppendOffsetKey(nil, string(k.Group), string(k.Topic), k.Partition))
		case Group:
			require.Equal(t, key, AppendGroupKey(nil, string(k.Group)))
		default:
			t.Fatalf("key of kind %v", k.Kind)
		}
		value := values[i]
		if len(value) == 0 {
			seen["tombstone"]++
			continue
		}
		if k.Kind == Offset {
			v, err := ReadOffset(value)
			require.NoError(t, err)
			require.Equal(t, value, AppendOffset(nil, v))
			seen["offset"]++
			if v.ExpireMs >= 0 {
				seen["expiring"]++
			}
			continue
		}
		v, err := ReadGroup(value)
		require.NoError(t, err)
		require.Equal(t, value, AppendGroup(nil, v))
		seen["group"]++
		for _, m := range v.Members {
			if m.InstanceID != nil {
				seen["static"]++
			}
		}
	}
	for _, what := range []string{"offset", "group", "tombstone", "expiring", "static"} {
		require.NotZero(t, seen[what], what)
	}
}
