package load_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
	"github.com/leatmq/leat/tools/chaos/load"
	"github.com/leatmq/leat/tools/spawn"
)

// TestAllClientsAgainstAHealthyBroker has every client write its history for a
// few seconds; nothing may be found in it, and nothing may be missing from it.
func TestAllClientsAgainstAHealthyBroker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	bin, err := spawn.Build(ctx, t.TempDir())
	require.NoError(t, err)
	b, err := spawn.Start(ctx, spawn.Options{Bin: bin, DataDir: t.TempDir(), Set: []string{"offsets.topic.num.partitions=2"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Kill()) }()
	admin, err := kgo.NewClient(kgo.SeedBrokers(b.Addr))
	require.NoError(t, err)
	defer admin.Close()
	keys := []load.Key{{Topic: "one", Partition: 0}, {Topic: "one", Partition: 1}, {Topic: "two", Partition: 0}}
	for topic, n := range map[string]int32{"one": 2, "two": 1} {
		_, err = kadm.NewClient(admin).CreateTopic(ctx, n, 1, nil, topic)
		require.NoError(t, err)
	}
	path := filepath.Join(t.TempDir(), "history")
	w, err := history.Create(path, history.About{Keys: []string{"one-0", "one-1", "two-0"}})
	require.NoError(t, err)
	l := load.New(load.Options{Bootstrap: []string{b.Addr}, Keys: keys, Rate: 1000, Python: "/usr/bin/python3", Life: 3 * time.Second, History: w})

	running, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	require.NoError(t, l.Run(running))
	require.NoError(t, l.ReadAll(ctx))
	require.Positive(t, l.Acked())
	require.NoError(t, w.Close())

	h, err := history.Open(path)
	require.NoError(t, err)
	x := check.NewIndex(h)
	require.Empty(t, check.Failed(check.All(x)))
	require.Empty(t, check.Valid(x, 20))
	seen, libraries := map[history.Op]int{}, map[string]int{}
	for _, e := range h.Events {
		if e.Type == history.OK {
			seen[e.Op]++
			if e.Op == history.Send || e.Op == history.Commit {
				libraries[x.Clients[e.Process].Library]++
			}
		}
	}
	for _, op := range []history.Op{history.Send, history.Poll, history.Assign, history.Own, history.Commit, history.Fetched, history.Ends, history.Final} {
		require.Positive(t, seen[op], "%s: %v", op, seen)
	}
	require.Positive(t, libraries["franz-go"])
	require.Positive(t, libraries["librdkafka"])
}
