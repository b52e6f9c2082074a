package plan

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/replication/image"
)

func brokersOf(racks ...string) []image.Broker {
	out := make([]image.Broker, len(racks))
	for i, rack := range racks {
		out[i] = image.Broker{ID: int32(i), Rack: rack}
	}
	return out
}

// TestPlaceRounds is Kafka's published example: five brokers, ten partitions,
// three replicas, start and shift 0.
func TestPlaceRounds(t *testing.T) {
	lists, err := place(brokersOf("", "", "", "", ""), placement{partitions: 10, replication: 3, start: 0}, nil)
	require.NoError(t, err)
	require.Equal(t, [][]int32{
		{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 0}, {4, 0, 1},
		{0, 2, 3}, {1, 3, 4}, {2, 4, 0}, {3, 0, 1}, {4, 1, 2},
	}, lists)
}

// TestPlaceRacks is Kafka's published example of six brokers in three racks,
// whose ring is 0, 3, 1, 5, 4, 2.
func TestPlaceRacks(t *testing.T) {
	brokers := brokersOf("rack1", "rack3", "rack3", "rack2", "rack2", "rack1")
	lists, err := place(brokers, placement{partitions: 7, replication: 3, start: 0}, nil)
	require.NoError(t, err)
	require.Equal(t, [][]int32{
		{0, 3, 1}, {3, 1, 5}, {1, 5, 4}, {5, 4, 2}, {4, 2, 0}, {2, 0, 3}, {0, 4, 2},
	}, lists)
}

func TestPlaceRefusals(t *testing.T) {
	_, err := place(brokersOf("a", ""), placement{partitions: 1, replication: 1}, nil)
	require.ErrorIs(t, err, ErrRacks)
	_, err = place(nil, placement{partitions: 1, replication: 1}, nil)
	require.ErrorIs(t, err, ErrInvalidReplication)
}

// TestPlaceIsEven: no broker twice in a list, first replicas as even as can be,
// and with racks as many racks as there can be.
func TestPlaceIsEven(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(r, "brokers")
		racks := rapid.IntRange(0, 4).Draw(r, "racks")
		brokers := make([]image.Broker, n)
		seenRacks := map[string]bool{}
		for i := range brokers {
			brokers[i].ID = int32(i * 3)
			if racks > 0 {
				brokers[i].Rack = fmt.Sprint(rapid.IntRange(1, racks).Draw(r, "rack"))
				seenRacks[brokers[i].Rack] = true
			}
		}
		rackOf, err := racksOf(brokers)
		require.NoError(r, err)
		pl := placement{
			partitions:  int32(rapid.IntRange(1, 30).Draw(r, "partitions")),
			replication: rapid.IntRange(1, n).Draw(r, "replication"),
			start:       -1,
		}
		lists, err := place(brokers, pl, func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "random") })
		require.NoError(r, err)
		require.Len(r, lists, int(pl.partitions))
		led := map[int32]int{}
		for _, list := range lists {
			require.Len(r, list, pl.replication)
			require.False(r, duplicates(list))
			led[list[0]]++
			used := map[string]bool{}
			for _, id := range list {
				used[rackOf[id]] = true
			}
			if racks > 0 {
				require.Len(r, used, min(pl.replication, len(seenRacks)))
			}
		}
		for _, b := range brokers {
			require.LessOrEqual(r, led[b.ID], (int(pl.partitions)+n-1)/n)
		}
	})
}

// TestPlaceAsRecorded: two partitions added to t1, whose partition 0 lay on 1,
// 2, 0, on three brokers with a rack each.
func TestPlaceAsRecorded(t *testing.T) {
	lists, err := place(brokersOf("rack-0", "rack-1", "rack-2"), placement{partitions: 2, replication: 3, first: 3, start: 1}, nil)
	require.NoError(t, err)
	require.Equal(t, [][]int32{{1, 2, 0}, {2, 0, 1}}, lists)
}
