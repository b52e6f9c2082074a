package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKcatGetsBackWhatItSentWithEveryCodec(t *testing.T) {
	b := startBroker(t)
	want := lines(t, 20_000)
	file := filepath.Join(t.TempDir(), "lines")
	require.NoError(t, os.WriteFile(file, want, 0o644))
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic := "kcat-" + codec
			createTopic(t, b, topic, 1)
			command(t, nil, "kcat", "-q", "-P", "-b", b.Addr, "-t", topic, "-p", "0", "-z", codec, "-X", "acks=all", "-l", file)
			got := command(t, nil, "kcat", "-q", "-C", "-b", b.Addr, "-t", topic, "-o", "beginning", "-e")
			require.Equal(t, string(want), string(got))
		})
	}
}

func TestKcatKeepsOrderWithinEachOfManyPartitions(t *testing.T) {
	b := startBroker(t, "num.partitions=6")
	want := lines(t, 20_000)
	command(t, want, "kcat", "-q", "-P", "-b", b.Addr, "-t", "auto-created", "-X", "enable.idempotence=true")
	got := command(t, nil, "kcat", "-q", "-C", "-b", b.Addr, "-t", "auto-created", "-o", "beginning", "-e", "-f", `%p\t%s\n`)
	checkPerPartition(t, want, got)
}

func TestKcatConsumesAsAGroupAndFindsItsOffsetsAgain(t *testing.T) {
	b := startBroker(t)
	createTopic(t, b, "grouped", 3)
	first := lines(t, 3_000)
	command(t, first, "kcat", "-q", "-P", "-b", b.Addr, "-t", "grouped")
	read := func() []byte {
		return command(t, nil, "kcat", "-q", "-b", b.Addr, "-G", "readers", "-e", "-X", "auto.offset.reset=earliest", "-f", `%p\t%s\n`, "grouped")
	}
	checkPerPartition(t, first, read())
	require.Empty(t, read(), "committed offsets are found again")
	command(t, []byte("one more\n"), "kcat", "-q", "-P", "-b", b.Addr, "-t", "grouped")
	require.Contains(t, string(read()), "one more")
}

func TestKcatListsTheCluster(t *testing.T) {
	b := startBroker(t)
	createTopic(t, b, "listed", 2)
	out := string(command(t, nil, "kcat", "-L", "-b", b.Addr))
	require.Contains(t, out, b.Addr)
	require.Contains(t, out, `topic "listed" with 2 partitions`)
	require.Contains(t, out, "controller")
}
