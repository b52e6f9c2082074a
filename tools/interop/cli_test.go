//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
)

// recorded is one command as it ran against Apache Kafka 3.9.2.
type recorded struct {
	Name    string   `json:"name"`
	Class   string   `json:"cmd"`
	Args    []string `json:"args"`
	Stdin   string   `json:"stdin"`
	Out     string   `json:"out"`
	Err     string   `json:"err"`
	RC      int      `json:"rc"`
	Stopped bool     `json:"stopped"`
}

// otherwise lists commands whose outcome differs from what Kafka 3.9.2 printed,
// by a prefix of their names, with the reason.
var otherwise = map[string]string{
	"topics alter internal":          "not recorded here: another client had made the topic",
	"console consumer partition":     "not recorded here: kcat had filled the topic",
	"configs describe all topics":    "the recorded cluster held topics of other clients",
	"cluster no command":             "not recorded here: it ends the JVM by itself",
	"topics list":                    "the recorded cluster held topics of other clients",
	"topics describe":                "the recorded cluster held topics of other clients; ids differ",
	"console consumer":               "timestamps, partitions by sticky choice",
	"producer perf":                  "prints timings",
	"consumer perf":                  "prints timings",
	"verifiable":                     "prints timings",
	"e2e latency":                    "prints timings",
	"groups":                         "offsets depend on which partitions the producers chose",
	"transactions":                   "transactions are not offered yet",
	"console consumer txn formatter": "transactions are not offered yet",
	"configs zookeeper":              "needs a ZooKeeper",
	"acls zookeeper":                 "needs a ZooKeeper",
	"zookeeper security migration":   "needs a ZooKeeper",
	"configs alter client":           "quotas are not offered yet",
	"configs describe client":        "quotas are not offered yet",
	"configs alter user":             "quotas are not offered yet",
	"configs describe users":         "quotas are not offered yet",
	"configs alter ip":               "quotas are not offered yet",
	"configs describe ips":           "quotas are not offered yet",
	"configs alter scram":            "users are not offered yet",
	"configs describe scram":         "users are not offered yet",
	"configs delete scram":           "users are not offered yet",
	"configs describe broker all":    "leat's own defaults differ where docs/configuration.md says so",
	"configs describe loggers":       "leat has one logger, named root",
	"configs alter logger":           "leat has one logger, named root",
	"configs alter other broker":     "the tool waits for a broker that is not there",
	"broker-api-versions":            "what leat does not offer yet is not advertised",
	"features":                       "there is no feature to change",
	"delegation":                     "delegation tokens are not offered yet",
	"get-offsets":                    "offsets depend on which partitions the producers chose",
	"log-dirs":                       "sizes and paths",
	"cluster-id":                     "every cluster has its own",
	"dump-log":                       "its own test",
	"delete-records":                 "offsets depend on which partitions the producers chose",
	"topics unreachable":             "no broker is asked",
	"topics unresolvable":            "no broker is asked",
	"configs unreachable":            "no broker is asked",
	"acls unreachable":               "no broker is asked",
	"groups unreachable":             "no broker is asked",
	"log-dirs unreachable":           "no broker is asked",
	"get-offsets unreachable":        "no broker is asked",
	"replica verification":           "runs until it is stopped",
}

// reason finds why a command is not compared; ok is false when it is.
func reason(name string) (why string, ok bool) {
	best := ""
	for prefix, r := range otherwise {
		if strings.HasPrefix(name, prefix) && len(prefix) > len(best) {
			best, why = prefix, r
		}
	}
	return why, best != ""
}

// readRecorded reads testdata/cli.jsonl.
func readRecorded(t *testing.T) []recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/cli.jsonl")
	require.NoError(t, err)
	var all []recorded
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var r recorded
		require.NoError(t, json.Unmarshal(s.Bytes(), &r))
		all = append(all, r)
	}
	require.NoError(t, s.Err())
	return all
}

// noise is what differs between two runs of one command.
var noise = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\]`), "[TIME]"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "BROKER"},
	{regexp.MustCompile(`adminclient-\d+|console-producer-?\d*|consumer-[\w-]+`), "CLIENT"},
	{regexp.MustCompile(`TopicId: \S+`), "TopicId: ID"},
	{regexp.MustCompile(`correlation id \d+`), "correlation id N"},
	{regexp.MustCompile(`(?m)^\tat .*\n?|^\t\.\.\. \d+ more\n?`), ""},
	{regexp.MustCompile(`(?ms)^Option +Description.*`), "[option table]"},
	{regexp.MustCompile(`(?m)\[option table\]\s*`), "[option table]"},
}

// comparable is text without noise, its lines sorted: tools print in the order
// of hash maps.
func comparable(text string) string {
	for _, n := range noise {
		text = n.find.ReplaceAllString(text, n.put)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// files are what the recorded commands name.
var files = map[string]string{
	"mv.json":          `{"topics":[{"topic":"comp"}],"version":1}`,
	"ra.json":          `{"version":1,"partitions":[{"topic":"comp","partition":0,"replicas":[5]}]}`,
	"rb.json":          `{"version":1,"partitions":[{"topic":"nope","partition":0,"replicas":[0]}]}`,
	"rc.json":          `{"version":1,"partitions":[]}`,
	"rd.json":          `{"version":1,"partitions":[{"topic":"comp","partition":0,"replicas":[0]}]}`,
	"dr.json":          `{"partitions":[{"topic":"t1","partition":0,"offset":1},{"topic":"t1","partition":1,"offset":-1},{"topic":"t1","partition":2,"offset":99999},{"topic":"comp","partition":0,"offset":0}],"version":1}`,
	"dr2.json":         `{"partitions":[{"topic":"t1","partition":0,"offset":1},{"topic":"t1","partition":0,"offset":1}],"version":1}`,
	"dr3.json":         `{"partitions":[{"topic":"nope","partition":0,"offset":1}],"version":1}`,
	"short.properties": "default.api.timeout.ms=2000\nrequest.timeout.ms=1000\n",
}

// fit puts this run's address and files into recorded arguments.
func fit(args []string, addr, dir string) []string {
	address := regexp.MustCompile(`127\.0\.0\.1:32[01]92`)
	fitted := make([]string, len(args))
	for i, a := range args {
		fitted[i] = address.ReplaceAllString(a, addr)
		if _, ok := files[filepath.Base(a)]; ok {
			fitted[i] = filepath.Join(dir, filepath.Base(a))
		}
	}
	return fitted
}

// TestToolsPrintWhatTheyPrintWithKafka runs the recorded commands in order; every
// one must exit as with Kafka and, unless otherwise says why not, print the same.
func TestToolsPrintWhatTheyPrintWithKafka(t *testing.T) {
	b := startBroker(t, "num.partitions=1", "offsets.topic.num.partitions=1", "auto.create.topics.enable=true")
	k := startKafka(t, "3.9")
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	compared := 0
	for _, want := range readRecorded(t) {
		why, differs := reason(want.Name)
		if skipped(why) {
			continue
		}
		t.Run(want.Name, func(t *testing.T) {
			got, err := k.Run(Job{Class: want.Class, Args: fit(want.Args, b.Addr, dir), Stdin: want.Stdin, TimeoutMs: 30_000})
			require.NoError(t, err)
			require.Equal(t, want.RC, got.RC, "exit code\n%s\n%s", got.Out, got.Err)
			if differs {
				return
			}
			compared++
			require.Equal(t, comparable(want.Out), comparable(got.Out), "standard error:\n%s", got.Err)
		})
	}
	require.Greater(t, compared, 80)
}

// skipped tells which reasons mean that the command cannot be run at all.
func skipped(why string) bool {
	for _, s := range []string{"not offered yet", "needs a ZooKeeper", "until it is stopped", "no broker is asked", "its own test", "not there", "not recorded here", "one logger"} {
		if strings.Contains(why, s) {
			return true
		}
	}
	return false
}

// startBroker runs a broker for one test.
func startBroker(t *testing.T, set ...string) *spawn.Broker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bin, err := spawn.Build(ctx, t.TempDir())
	require.NoError(t, err)
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

// startKafka starts a JVM with a release of Kafka for one test.
func startKafka(t *testing.T, version string) *Kafka {
	t.Helper()
	k, err := StartKafka(t.Context(), version)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	return k
}
