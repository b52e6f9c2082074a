//go:build interop

package interop

import (
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

// must runs a tool that has to end well.
func must(t *testing.T, k *Kafka, class string, stdin string, args ...string) Result {
	t.Helper()
	r, err := k.Run(Job{Class: class, Args: args, Stdin: stdin})
	require.NoError(t, err)
	require.Zero(t, r.RC, "%s %s\n%s\n%s", class, strings.Join(args, " "), r.Out, r.Err)
	return r
}

// tool is the class of a tool that moved between releases.
func tool(version, name string) string {
	if version == "3.9" && (name == "ConsoleProducer") {
		return "kafka.tools." + name
	}
	return "org.apache.kafka.tools." + name
}

func TestJavaClientsProduceAndConsume(t *testing.T) {
	for _, version := range Versions {
		t.Run(version, func(t *testing.T) {
			b := startBroker(t)
			k := startKafka(t, version)
			must(t, k, "org.apache.kafka.tools.TopicCommand", "", "--bootstrap-server", b.Addr, "--create", "--topic", "j", "--partitions", "3")
			for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
				r := must(t, k, "org.apache.kafka.tools.ProducerPerformance", "", "--topic", "j", "--num-records", "20000", "--record-size", "100",
					"--throughput", "-1", "--producer-props", "bootstrap.servers="+b.Addr, "acks=all", "compression.type="+codec)
				require.Contains(t, r.Out, "20000 records sent")
			}
			r := must(t, k, "org.apache.kafka.tools.ConsumerPerformance", "", "--bootstrap-server", b.Addr, "--topic", "j", "--messages", "100000")
			require.Contains(t, r.Out, ", 100000,")
			var in strings.Builder
			for i := range 500 {
				fmt.Fprintf(&in, "line %d\n", i)
			}
			must(t, k, tool(version, "ConsoleProducer"), in.String(), "--bootstrap-server", b.Addr, "--topic", "auto")
			r = must(t, k, "org.apache.kafka.tools.consumer.ConsoleConsumer", "", "--bootstrap-server", b.Addr, "--topic", "auto", "--from-beginning", "--max-messages", "500", "--group", "cc")
			require.Equal(t, in.String(), r.Out)
			must(t, k, "org.apache.kafka.tools.VerifiableProducer", "", "--bootstrap-server", b.Addr, "--topic", "v", "--max-messages", "1000")
			r = must(t, k, "org.apache.kafka.tools.VerifiableConsumer", "", "--bootstrap-server", b.Addr, "--topic", "v", "--group-id", "vg", "--max-messages", "1000", "--reset-policy", "earliest")
			require.Contains(t, r.Out, "shutdown_complete")
			must(t, k, "org.apache.kafka.tools.EndToEndLatency", "", b.Addr, "e2e", "100", "all", "100")
		})
	}
}

func TestDumpLogSegmentsReadsWhatLeatWrote(t *testing.T) {
	bin, err := spawn.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "data")
	b, err := spawn.Start(t.Context(), spawn.Options{Bin: bin, DataDir: dir,
		Set: []string{"log.segment.bytes=200000", "log.index.interval.bytes=1000"}})
	require.NoError(t, err)
	k := startKafka(t, "3.9")
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		must(t, k, "org.apache.kafka.tools.ProducerPerformance", "", "--topic", "dump-"+codec, "--num-records", "5000", "--record-size", "100",
			"--throughput", "-1", "--producer-props", "bootstrap.servers="+b.Addr, "batch.size=2000", "compression.type="+codec,
			fmt.Sprintf("enable.idempotence=%v", i%2 == 0))
	}
	must(t, k, "org.apache.kafka.tools.consumer.ConsoleConsumer", "", "--bootstrap-server", b.Addr, "--topic", "dump-none", "--from-beginning", "--max-messages", "5000", "--group", "dumped")
	require.NoError(t, stop(t, b))
	var named []string
	for _, pattern := range []string{"*.log", "*.index", "*.timeindex", "*.snapshot"} {
		found, err := filepath.Glob(filepath.Join(dir, "*-*", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		named = append(named, found...)
	}
	records := 0
	for _, file := range named {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			require.NoError(t, err)
			continue
		}
		args := []string{"--deep-iteration", "--files", file}
		r := must(t, k, "kafka.tools.DumpLogSegments", "", args...)
		for _, bad := range []string{"isvalid: false", "Mismatches", "Non-consecutive", "could not", "not found", "Exception"} {
			require.NotContains(t, r.Out+r.Err, bad, file)
		}
		if strings.Contains(file, "dump-") {
			records += strings.Count(r.Out, "| offset: ")
		}
	}
	require.Equal(t, 25_000, records)
	r := must(t, k, "kafka.tools.DumpLogSegments", "", "--offsets-decoder", "--files", offsetsLog(t, dir))
	require.Contains(t, r.Out, "dumped")
	out, err := exec.CommandContext(t.Context(), bin, "log", "verify", dir).CombinedOutput()
	require.NoError(t, err, string(out))
}

// offsetsLog finds the partition of __consumer_offsets that was written.
func offsetsLog(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "__consumer_offsets-*", "*.log"))
	require.NoError(t, err)
	for _, file := range found {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			return file
		}
	}
	t.Fatal("no offset was written")
	return ""
}

// stop ends a broker well.
func stop(t *testing.T, b *spawn.Broker) error {
	t.Helper()
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- b.Stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		return b.Kill()
	}
}
