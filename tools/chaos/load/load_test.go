package load_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
// few seconds, or for as long as it takes until all have done everything; nothing
// may be found in it, and nothing may be missing from it.
func TestAllClientsAgainstAHealthyBroker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	bin, err := spawn.Build(ctx, t.TempDir())
	require.NoError(t, err)
	b, err := spawn.Start(ctx, spawn.Options{Bin: bin, DataDir: t.TempDir(), Set: []string{"offsets.topic.num.partitions=2", "group.initial.rebalance.delay.ms=0"}})
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

	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- l.Run(running) }()
	missing, err := awaitAll(ctx, path)
	stop()
	require.NoError(t, errors.Join(err, <-ended), "missing: %v", missing)
	require.NoError(t, l.ReadAll(ctx))
	require.Positive(t, l.Acked())
	require.NoError(t, w.Close())

	h, err := history.Open(path)
	require.NoError(t, err)
	x := check.NewIndex(h)
	require.Empty(t, check.Failed(check.All(x)))
	require.Empty(t, check.Valid(x, 20))
	require.Empty(t, missingFrom(h))
	require.Equal(t, history.Final, h.Events[len(h.Events)-1].Op)
}

// awaitAll waits until the history that is being written has everything, and for
// ten seconds at least. It tells what was missing when it gave up.
func awaitAll(ctx context.Context, path string) (missing []string, err error) {
	least := time.After(10 * time.Second)
	for missing = []string{"all"}; ; {
		select {
		case <-ctx.Done():
			return missing, ctx.Err()
		case <-least:
			h, err := history.Open(path)
			if err != nil {
				return missing, err
			}
			if missing = missingFrom(h); len(missing) == 0 {
				return nil, nil
			}
			least = time.After(time.Second)
		}
	}
}

// missingFrom lists what nobody has done in a history, and which libraries were
// not used.
func missingFrom(h *history.History) (missing []string) {
	x := check.NewIndex(h)
	seen := map[string]bool{}
	for _, e := range h.Events {
		if e.Type == history.OK {
			seen[string(e.Op)] = true
			if e.Op == history.Send || e.Op == history.Commit {
				seen[x.Clients[e.Process].Library] = true
			}
		}
	}
	for _, what := range []string{
		string(history.Send), string(history.Poll), string(history.Assign), string(history.Own), string(history.Commit),
		string(history.Fetched), string(history.Ends), "franz-go", "librdkafka",
	} {
		if !seen[what] {
			missing = append(missing, what)
		}
	}
	return missing
}

// A worker that does not end when it is told is aborted, and that is noted: a run
// does not wait for it for ever.
func TestAWorkerThatHangsIsAborted(t *testing.T) {
	dir := t.TempDir()
	hangs, path := filepath.Join(dir, "python"), filepath.Join(dir, "history")
	require.NoError(t, os.WriteFile(hangs, []byte("#!/bin/sh\nexec sleep 3600\n"), 0o755))
	w, err := history.Create(path, history.About{})
	require.NoError(t, err)
	l := load.New(load.Options{Bootstrap: []string{"127.0.0.1:1"}, Python: hangs, Life: 20 * time.Millisecond, Patience: time.Millisecond, Rate: 100, Keys: []load.Key{{Topic: "t"}}, History: w})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	require.Eventually(t, func() bool {
		h, err := history.Open(path)
		return err == nil && slices.ContainsFunc(h.Events, func(e history.Event) bool { return strings.Contains(e.Text, "does not end") })
	}, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, w.Close())
}
