package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/bench/probe"
)

// TestMain lets the test binary be the null broker, as the bench binary is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "null" {
		main()
		return
	}
	os.Exit(m.Run())
}

// All scenarios, at a small size, against real processes.
func TestBench(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.json")
	require.NoError(t, bench(t.Context(), []string{
		"--rounds", "1", "--gb", "0.02", "--warm-gb", "0", "--leat", "none", "--quiet", "--dir", t.TempDir(), "--json", out,
		"--scenarios", "produce-16k,produce-1m,produce-64k-lz4,consume-1m,consume-64k"}))
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	var report struct {
		Summary summary
		Turns   []turn
	}
	require.NoError(t, json.Unmarshal(b, &report))
	require.Len(t, report.Turns, 5)
	for _, l := range report.Summary.Lines {
		require.Equal(t, "null", l.Subject)
		require.Positive(t, l.Rate.Median)
		require.Positive(t, l.Peak.Median)
	}
}

func TestSummary(t *testing.T) {
	at := func(subject string, cpu float64) turn {
		return turn{Scenario: "s", Subject: subject, Bytes: 1e9, Seconds: 1, CPU: cpu, PeakRSS: 10e6}
	}
	s := summarise([]turn{at("null", 1), at("leat", 2), at("null", 0.5), at("leat", 0.5), at("null", 1), at("leat", 1.5)}, "null")
	require.Len(t, s.Lines, 2)
	require.Equal(t, spread{1.5, 1, 2}, s.Lines[1].Ratio, "round by round")
	require.Equal(t, spread{1, 0.5, 1}, s.Lines[0].CPU)
	var b bytes.Buffer
	require.NoError(t, s.table(&b))
	require.Contains(t, b.String(), "1.50 [1.00-2.00]")
	require.Equal(t, spread{2.5, 1, 4}, spreadOf([]float64{4, 1, 2, 3}))
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"--scenarios", "none"}, {"stray"}, {"--without-null", "--leat", "none"}, {"--what"}} {
		_, err := parse(args)
		require.Error(t, err)
	}
	o, err := parse([]string{"--leat", "none", "--other", "kafka --dir={dir} {host}:{port}", "--scenarios", "produce-64k, consume-1m"})
	require.NoError(t, err)
	require.Len(t, o.subjects, 2)
	require.Len(t, o.scenarios, 2)
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "libs"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(home, "libs", "kafka_2.13-3.9.2.jar"), nil, 0o644))
	o, err = parse([]string{"--cluster", "--leat", os.Args[0], "--kafka-home", home})
	require.NoError(t, err)
	require.Equal(t, "kafka", o.subjects[0].name)
	require.Equal(t, "leat", o.subjects[1].name)
	require.Equal(t, 3, o.subjects[1].members)
	_, err = parse([]string{"--cluster", "--leat", "none", "--kafka-home", ""})
	require.Error(t, err)
}

func TestFailoverFlags(t *testing.T) {
	for _, args := range [][]string{{"--session", "10ms"}, {"--partitions", "2"}, {"--scenarios", "none"}, {"--leat", "none", "--kafka-home", ""}} {
		_, err := parse(append([]string{"--failover"}, args...))
		require.Error(t, err, args)
	}
	o, err := parse([]string{"--failover"})
	require.NoError(t, err)
	require.Equal(t, 10, o.rounds)
	require.True(t, o.failover.build)
	require.Len(t, o.failover.faults, 4)
	o, err = parse([]string{"--failover", "--leat", os.Args[0], "--kafka-home", "", "--rounds", "3", "--session", "2s", "--scenarios", "restart, kill-leader"})
	require.NoError(t, err)
	require.Equal(t, 3, o.rounds)
	require.False(t, o.failover.build)
	require.Equal(t, "restart", o.failover.faults[0].name)
	all := failoverSubjects(o.failover.subjects(o.failover.leat), o.failover.session)
	require.Len(t, all, 1)
	require.Contains(t, all[0].command, "zookeeper.session.timeout.ms=2000")
}

func TestOutcome(t *testing.T) {
	of := func(subject, figure string, seconds float64, b bound) sample {
		return sample{Scenario: "s", Subject: subject, Figure: figure, Seconds: seconds, Bound: b}
	}
	samples := []sample{of("leat", "led", 0.5, bound{1, "p99"}), of("leat", "followed", 3, bound{})}
	samples[0].Errors = 2
	for range 200 {
		samples = append(samples, of("leat", "led", 0.25, bound{1, "p99"}))
	}
	for range 200 {
		samples = append(samples, of("leat", "stall", 0.25, bound{0.5, "all"}))
	}
	samples = append(samples, of("leat", "led", 1.5, bound{1, "p99"}), of("leat", "stall", 0.6, bound{0.5, "all"}), of("kafka", "led", 1.25, bound{1, "p99"}))
	lines := outcome(samples)
	require.Len(t, lines, 4)
	require.Equal(t, probe.Quantiles{N: 202, P50: 0.25, P99: 0.25, Max: 1.5}, lines[0].Seconds)
	require.Equal(t, []string{"kept", "", "missed", "missed"}, []string{lines[0].verdict(), lines[1].verdict(), lines[2].verdict(), lines[3].verdict()})
	require.Equal(t, []int{2, 2, 2, 0}, []int{lines[0].Errors, lines[1].Errors, lines[2].Errors, lines[3].Errors}, "of the whole scenario")
	var b bytes.Buffer
	require.NoError(t, outcomeTable(&b, lines))
	require.Contains(t, b.String(), "p99 < 1.0")
	require.Contains(t, b.String(), "1.500")
}

func TestReplicated(t *testing.T) {
	topic := replicated("t", 3, 0, 1, 2, 3)
	require.Len(t, topic.ReplicaAssignment, 4)
	require.Equal(t, []int32{1, 2, 0}, topic.ReplicaAssignment[1].Replicas)
	require.Equal(t, []int32{0, 1, 2}, topic.ReplicaAssignment[3].Replicas)
	require.Equal(t, int32(3), topic.ReplicaAssignment[3].Partition)
}

func TestProc(t *testing.T) {
	self := group{members: []*process{{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}}}
	before, err := readClocks(&self)
	require.NoError(t, err)
	after := before
	for after.subject == before.subject || after.own == before.own { // until this process had its share
		for range 1000 {
			bytes.Count(make([]byte, 1<<16), []byte{1})
		}
		after, err = readClocks(&self)
		require.NoError(t, err)
	}
	require.Greater(t, after.subject, before.subject)
	require.Greater(t, after.own, before.own)
	require.GreaterOrEqual(t, after.machine, before.machine)
	now, peak, err := self.memory()
	require.NoError(t, err)
	require.Positive(t, now)
	require.GreaterOrEqual(t, peak, now)
}
