package checkpoint_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/vfs"
)

func TestDecodeOffsets(t *testing.T) {
	p := func(topic string, index int32) checkpoint.Partition {
		return checkpoint.Partition{Topic: topic, Index: index}
	}
	tests := []struct {
		name, in string
		want     map[checkpoint.Partition]int64 // nil: corrupt
	}{
		{"empty file", "", map[checkpoint.Partition]int64{}},
		{"no entries", "0\n0\n", map[checkpoint.Partition]int64{}},
		{"two", "0\n2\na-b 0 7\nc 12 9223372036854775807\n", map[checkpoint.Partition]int64{p("a-b", 0): 7, p("c", 12): 9223372036854775807}},
		{"last line unfinished", "0\n1\na 0 7", map[checkpoint.Partition]int64{p("a", 0): 7}},
		{"tabs, returns and spaces", "0\r\n1\r\n a\t0  7 \r\n", map[checkpoint.Partition]int64{p("a", 0): 7}},
		{"other version", "1\n0\n", nil},
		{"no version", "x\n0\n", nil},
		{"no count", "0\n", nil},
		{"negative count", "0\n-1\n", nil},
		{"cut after an entry", "0\n2\na 0 7\n", nil},
		{"cut in an entry", "0\n1\na 0", nil},
		{"one too many", "0\n1\na 0 7\nb 0 7\n", nil},
		{"empty line", "0\n1\na 0 7\n\n", nil},
		{"four words", "0\n1\na 0 7 8\n", nil},
		{"partition not a number", "0\n1\na x 7\n", nil},
		{"partition too large", "0\n1\na 2147483648 7\n", nil},
		{"partition negative", "0\n1\na -1 7\n", nil},
		{"offset not a number", "0\n1\na 0 7x\n", nil},
		{"offset negative", "0\n1\na 0 -1\n", nil},
		{"twice", "0\n2\na 0 7\na 0 8\n", nil},
		{"zeros of a lost write", "\x00\x00\x00\x00\x00\x00", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := checkpoint.DecodeOffsets([]byte(tt.in))
			if tt.want == nil {
				require.ErrorIs(t, err, checkpoint.ErrCorrupt)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDecodeEpochs(t *testing.T) {
	got, err := checkpoint.DecodeEpochs([]byte("0\n2\n3 0\n5 17\n"))
	require.NoError(t, err)
	require.Equal(t, []epoch.Entry{{Epoch: 3}, {Epoch: 5, Start: 17}}, got)
	for _, bad := range []string{"0\n1\n3\n", "0\n1\n3 0 1\n", "0\n1\nx 0\n", "0\n1\n3 y\n", "0\n2\n3 0\n", "2\n0\n"} {
		_, err := checkpoint.DecodeEpochs([]byte(bad))
		require.ErrorIs(t, err, checkpoint.ErrCorrupt, "%q", bad)
	}
}

func TestDecodePartitionMeta(t *testing.T) {
	const id = "ltBn-rGZR7WWUwHzkPIhMA"
	for _, good := range []string{"version: 0\ntopic_id: " + id, "version: 0\r\ntopic_id: " + id + "\r\n"} {
		got, err := checkpoint.DecodePartitionMeta([]byte(good))
		require.NoError(t, err)
		require.Equal(t, byte(0x96), got[0])
	}
	for _, bad := range []string{
		"", "version: 0\n", "version: 1\ntopic_id: " + id, "topic_id: " + id, "version: 0\ntopic_id: short",
		"version: 0\ntopic_id: " + id + "AA", "version: 0\ntopic_id: ltBn+rGZR7WWUwHzkPIhMA",
		"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "version: 0\ntopic_id: " + id + "\nmore",
	} {
		_, err := checkpoint.DecodePartitionMeta([]byte(bad))
		require.ErrorIs(t, err, checkpoint.ErrCorrupt, "%q", bad)
	}
}

func TestDecodeClean(t *testing.T) {
	for in, want := range map[string]int64{"": -1, "\n": -1, `{"version":0,"brokerEpoch":77}`: 77} {
		got, err := checkpoint.DecodeClean([]byte(in))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"x", `{"version":1,"brokerEpoch":7}`, `{"version":0}`, `{"brokerEpoch":"7"}`} {
		_, err := checkpoint.DecodeClean([]byte(bad))
		require.ErrorIs(t, err, checkpoint.ErrCorrupt, "%q", bad)
	}
}

func TestDecodeMeta(t *testing.T) {
	m, err := checkpoint.DecodeMeta([]byte("#\n# comment\nnode.id=4\nversion : 1\ncluster.id=a\\=b\ndirectory.id=${HOME}\n"))
	require.NoError(t, err)
	require.Equal(t, checkpoint.Meta{
		Version: 1, BrokerID: 4, ClusterID: "a=b", Other: map[string]string{"directory.id": "${HOME}"},
	}, m)
	m, err = checkpoint.DecodeMeta(nil)
	require.NoError(t, err)
	require.Equal(t, int32(-1), m.BrokerID)
	for _, bad := range []string{"version=x", "version=-1", "broker.id=1.5", "broker.id=99999999999", "version=0\nbroker.id="} {
		_, err := checkpoint.DecodeMeta([]byte(bad))
		require.ErrorIs(t, err, checkpoint.ErrCorrupt, "%q", bad)
	}
}

func TestEncodeMeta(t *testing.T) {
	when := time.Date(2026, 3, 5, 6, 7, 8, 0, time.UTC)
	got := checkpoint.EncodeMeta(checkpoint.Meta{BrokerID: 2, ClusterID: "a b:é", Other: map[string]string{"x": " y\n"}}, when)
	require.Equal(t, "#\n#Thu Mar 05 06:07:08 UTC 2026\nbroker.id=2\ncluster.id=a\\ b\\:\\u00E9\nversion=0\nx=\\ y\\n\n", string(got))
}

func TestRoundTripThroughFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	offsets := map[checkpoint.Partition]int64{{Topic: "t", Index: 3}: 9, {Topic: "t", Index: 12}: 0}
	require.NoError(t, checkpoint.WriteOffsets(vfs.OS, path("offsets"), offsets))
	got, err := checkpoint.ReadOffsets(vfs.OS, path("offsets"))
	require.NoError(t, err)
	require.Equal(t, offsets, got)
	data, err := os.ReadFile(path("offsets"))
	require.NoError(t, err)
	require.Equal(t, "0\n2\nt 3 9\nt 12 0\n", string(data), "ordered by number")

	require.NoError(t, checkpoint.WriteEpochs(vfs.OS, path("epochs"), nil))
	entries, err := checkpoint.ReadEpochs(vfs.OS, path("epochs"))
	require.NoError(t, err)
	require.Empty(t, entries)

	require.NoError(t, checkpoint.WriteMeta(vfs.OS, path("meta"), checkpoint.Meta{BrokerID: -1, ClusterID: "c"}, time.Now()))
	m, err := checkpoint.ReadMeta(vfs.OS, path("meta"))
	require.NoError(t, err)
	require.Equal(t, int32(-1), m.BrokerID)
	require.Equal(t, "c", m.ClusterID)

	require.NoError(t, checkpoint.WritePartitionMeta(vfs.OS, path("partition"), [16]byte{1}))
	id, err := checkpoint.ReadPartitionMeta(vfs.OS, path("partition"))
	require.NoError(t, err)
	require.Equal(t, [16]byte{1}, id)

	require.NoError(t, checkpoint.WriteClean(vfs.OS, path("clean"), 5))

	require.NoError(t, os.WriteFile(path("offsets"), []byte("1\n"), 0o644))
	_, err = checkpoint.ReadOffsets(vfs.OS, path("offsets"))
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	require.ErrorContains(t, err, path("offsets"))
}

// TestMetaRoundTrip: any text survives Java's escaping.
func TestMetaRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := checkpoint.Meta{
			Version:   rapid.IntRange(0, 1).Draw(t, "version"),
			BrokerID:  rapid.Int32Range(-1, 1<<30).Draw(t, "id"),
			ClusterID: rapid.String().Draw(t, "cluster"),
			Other:     map[string]string{"directory.id": rapid.String().Draw(t, "other")},
		}
		got, err := checkpoint.DecodeMeta(checkpoint.EncodeMeta(m, time.Unix(0, 0)))
		if err != nil || got.ClusterID != m.ClusterID || got.Other["directory.id"] != m.Other["directory.id"] ||
			got.BrokerID != m.BrokerID || got.Version != m.Version {
			t.Fatalf("%+v became %+v, %v", m, got, err)
		}
	})
}
