package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
)

func TestKilledBrokerKeepsItsPromises(t *testing.T) {
	dir := t.TempDir()
	bin, err := spawn.Build(t.Context(), dir)
	require.NoError(t, err)
	report, err := Run(t.Context(), Options{Rounds: 8, Seed: 1, MaxLife: 400e6, Bin: bin, DataDir: dir + "/data", Report: func(s string) { t.Log(s) }})
	require.NoError(t, err)
	require.Equal(t, 8, report.Kills)
	require.Positive(t, report.Acknowledged)
}

func TestHistoryFindsEveryBrokenPromise(t *testing.T) {
	at := Place{Partition: 0, Offset: 7}
	all := func(string) bool { return true }
	for name, broken := range map[string]func(h *History) error{
		"lost": func(h *History) error {
			require.NoError(t, h.Acknowledge(at, "a"))
			return h.CheckRead(map[Place]string{}, h.Promised(), all)
		},
		"changed": func(h *History) error {
			require.NoError(t, h.Acknowledge(at, "a"))
			return h.CheckRead(map[Place]string{at: "b"}, h.Promised(), all)
		},
		"offset reused": func(h *History) error {
			require.NoError(t, h.Acknowledge(at, "a"))
			return h.Acknowledge(at, "b")
		},
		"offset reused: partition 0 offset 7 held": func(h *History) error {
			require.NoError(t, h.CheckRead(map[Place]string{at: "a"}, h.Promised(), all))
			return h.Acknowledge(at, "b")
		},
		"held a once": func(h *History) error {
			require.NoError(t, h.CheckRead(map[Place]string{at: "a"}, h.Promised(), all))
			return h.CheckRead(map[Place]string{at: "b"}, h.Promised(), all)
		},
		"doubled": func(h *History) error {
			return h.CheckRead(map[Place]string{at: "a", {Offset: 8}: "a"}, h.Promised(), all)
		},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, broken(NewHistory()), name) })
	}
	h := NewHistory()
	require.NoError(t, h.Acknowledge(at, "a"))
	require.NoError(t, h.CheckRead(map[Place]string{at: "a", {Offset: 8}: "b"}, h.Promised(), all))
}
