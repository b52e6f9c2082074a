package metrics

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The replicas that get series are the same at each scrape, in whatever order the
// source names them: others would be new series each time.
func TestTheSameReplicasAreShown(t *testing.T) {
	lags := []Lag{
		{Topic: "b", Partition: 0, Offsets: 7}, {Topic: "a", Partition: 10, Offsets: 9}, {Topic: "a", Partition: 9, Offsets: 3},
		{Topic: "c", Partition: 0, Offsets: 1, Failed: true},
	}
	for range lags {
		lags = append(lags[1:], lags[0])
		m := busy()
		m.options.Limits = func() (int, int) { return 2, 0 }
		m.options.Sources.Replication = func() Replication { return Replication{Lags: slices.Clone(lags)} }
		text := page(m, "")
		require.Contains(t, text, `leat_replication_lag{leader="0",partition="9",topic="a"} 3`)
		require.Contains(t, text, `leat_replication_lag{leader="0",partition="10",topic="a"} 9`)
		require.NotContains(t, text, `leat_replication_lag{leader="0",partition="0"`)
		require.Contains(t, text, `kafka_server_replicafetchermanager_maxlag{clientId="Replica"} 9`)
		require.Contains(t, text, `kafka_server_replicafetchermanager_failedpartitionscount{clientId="Replica"} 1`)
	}
}
