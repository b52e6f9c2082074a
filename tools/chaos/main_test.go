package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

func TestSeedsAreRead(t *testing.T) {
	seeds, err := seedList(7, "")
	require.NoError(t, err)
	require.Equal(t, []uint64{7}, seeds)
	seeds, err = seedList(0, "3-6")
	require.NoError(t, err)
	require.Equal(t, []uint64{3, 4, 5, 6}, seeds)
	seeds, err = seedList(0, "9")
	require.NoError(t, err)
	require.Equal(t, []uint64{9}, seeds)
	for _, bad := range []string{"6-3", "a-b", "1-"} {
		_, err = seedList(0, bad)
		require.Error(t, err, bad)
	}
}

func TestTheCommandLineIsRead(t *testing.T) {
	c, dir, err := parse([]string{"--seeds", "1-2", "--faults", "kill,pause", "--standalone", "--out", t.TempDir(), "--set", "a=b"})
	require.NoError(t, err)
	require.Empty(t, dir)
	require.Len(t, c.kinds, 2)
	require.Equal(t, 1, c.brokers)
	require.Zero(t, c.zookeepers)
	require.Equal(t, []string{"a=b"}, c.sets)
	_, _, err = parse([]string{"--faults", "flood"})
	require.Error(t, err)
	c, dir, err = parse([]string{"--check", "some/where"})
	require.NoError(t, err)
	require.True(t, c.checkOnly)
	require.Equal(t, "some/where", dir)
}

// recorded writes a short run's history; lost leaves one record unread.
func recorded(t *testing.T, lost bool) string {
	dir := t.TempDir()
	w, err := history.Create(filepath.Join(dir, historyFile), history.About{Seed: 3, Keys: []string{"a-0"}})
	require.NoError(t, err)
	w.Add(history.Event{Process: 1, Type: history.OK, Op: history.Process, Client: &history.Client{Acks: "all", Idempotent: true}})
	run := history.Run{}
	for n := int64(1); n <= 100; n++ {
		w.Add(history.Event{Process: 1, Type: history.Invoke, Op: history.Send, Value: n})
		w.Add(history.Event{Process: 1, Type: history.OK, Op: history.Send, Value: n, Offset: n - 1})
		run.Values = append(run.Values, n)
	}
	first := run
	if lost {
		first.Values = run.Values[:49]
	}
	w.Add(history.Event{Process: 2, Type: history.OK, Op: history.Poll, Begin: 1, Runs: []history.Run{first}})
	if lost {
		w.Add(history.Event{Process: 2, Type: history.OK, Op: history.Poll, Begin: 2, Runs: []history.Run{{Offset: 50, Values: run.Values[50:]}}})
	}
	w.Add(history.Event{Type: history.OK, Op: history.Final})
	require.NoError(t, w.Close())
	return dir
}

func TestARunIsExaminedAgain(t *testing.T) {
	failed, err := chaos(t.Context(), []string{"--check", recorded(t, false)})
	require.NoError(t, err)
	require.False(t, failed)

	dir := recorded(t, true)
	failed, err = chaos(t.Context(), []string{"--check", dir})
	require.NoError(t, err)
	require.True(t, failed)
	for _, name := range []string{reportFile, resultFile} {
		page, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(page), "lost-write")
	}
	_, err = chaos(context.Background(), []string{"--check", t.TempDir()})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReplicasAreKept(t *testing.T) {
	dir := recorded(t, false)
	replicas := []check.Replica{{Node: "b1", Partition: "a-0", HighWatermark: 100, End: 100, Batches: []check.Batch{{Last: 99, Sum: 1 << 63}}},
		{Node: "b2", Partition: "a-0", HighWatermark: 90, End: 99, Batches: []check.Batch{{Last: 98, Sum: 7}}}}
	data, err := json.Marshal(replicas)
	require.NoError(t, err)
	require.NoError(t, writeCompressed(filepath.Join(dir, replicasFile), data))
	read, err := readReplicas(dir)
	require.NoError(t, err)
	require.Equal(t, replicas, read)
	o, err := examine(config{}, dir)
	require.NoError(t, err)
	require.Contains(t, o.verdict(), "divergent-replicas×2")
}

func TestTheSummaryNamesWhatIsBad(t *testing.T) {
	good := &outcome{Seed: 1, Acked: 10, Resumed: time.Second}
	bad := &outcome{Seed: 2, Findings: []check.Finding{{Name: "duplicate", Bad: true, Count: 3}, {Name: "G0", Count: 9}}, Invalid: []string{"x"}}
	require.False(t, good.failed())
	require.True(t, bad.failed())
	var b bytes.Buffer
	summary(&b, []*outcome{good, bad})
	require.Contains(t, b.String(), "INVALID duplicate×3")
	require.Contains(t, b.String(), "1 of 2 runs good")
	b.Reset()
	bad.print(&b)
	require.Contains(t, b.String(), "reported only")
}
