package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

func TestProc(t *testing.T) {
	self := group{members: []*process{{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}}}
	before, err := readClocks(&self)
	require.NoError(t, err)
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; {
		bytes.Count(make([]byte, 1<<16), []byte{1})
	}
	after, err := readClocks(&self)
	require.NoError(t, err)
	require.Greater(t, after.subject, before.subject)
	require.Greater(t, after.own, before.own)
	require.GreaterOrEqual(t, after.machine, before.machine)
	now, peak, err := self.memory()
	require.NoError(t, err)
	require.Positive(t, now)
	require.GreaterOrEqual(t, peak, now)
}
