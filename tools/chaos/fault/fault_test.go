package fault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/fault"
)

func options(seed uint64) fault.Options {
	return fault.Options{Seed: seed, Duration: 10 * time.Minute, Kinds: append([]fault.Kind{fault.Power}, fault.Kinds...), Brokers: 3, Zookeepers: 3}
}

func TestAPlanFollowsFromItsSeed(t *testing.T) {
	require.Equal(t, fault.Plan(options(7)), fault.Plan(options(7)))
	require.NotEqual(t, fault.Plan(options(7)), fault.Plan(options(8)))
}

func TestPlansKeepTheRules(t *testing.T) {
	quiet, phases, kinds := 0, 0, map[fault.Kind]int{}
	for seed := range uint64(200) {
		last, number := time.Duration(0), int64(0)
		for _, p := range fault.Plan(options(seed)) {
			phases++
			if len(p.Steps) == 0 {
				quiet++
			}
			require.GreaterOrEqual(t, p.Next-p.Heal, 16*time.Second)
			require.LessOrEqual(t, p.Heal+16*time.Second, 10*time.Minute)
			for _, s := range p.Steps {
				kinds[s.Kind]++
				require.Greater(t, s.Number, number-12)
				number = max(number, s.Number)
				require.GreaterOrEqual(t, s.At, last)
				require.LessOrEqual(t, s.At+s.For, p.Heal)
				require.Positive(t, s.For)
				require.Less(t, s.Node, 3)
				if s.Kind == fault.Jump {
					require.GreaterOrEqual(t, s.Off.Abs(), 2*time.Second)
					require.Less(t, s.Off.Abs(), 12*time.Hour)
				}
				if s.Kind == fault.Pair || s.Kind == fault.OneWay {
					require.NotEqual(t, s.Node, s.Peer)
				}
			}
			last = p.Next
		}
	}
	require.Len(t, kinds, len(fault.Kinds)+1)
	require.InDelta(t, 0.25, float64(quiet)/float64(phases), 0.05)
}

func TestKindsAreParsed(t *testing.T) {
	kinds, err := fault.ParseKinds("kill, pause")
	require.NoError(t, err)
	require.Equal(t, []fault.Kind{fault.Kill, fault.Pause}, kinds)
	kinds, err = fault.ParseKinds("all")
	require.NoError(t, err)
	require.Equal(t, fault.Kinds, kinds)
	kinds, err = fault.ParseKinds("none")
	require.NoError(t, err)
	require.Empty(t, fault.Plan(fault.Options{Seed: 1, Duration: time.Minute, Kinds: kinds, Brokers: 3})[0].Steps)
	_, err = fault.ParseKinds("meteor")
	require.ErrorContains(t, err, "meteor")
}

func TestWithoutZooKeeperItIsNotBroken(t *testing.T) {
	o := options(1)
	o.Zookeepers, o.Brokers = 0, 1
	for _, p := range fault.Plan(o) {
		for _, s := range p.Steps {
			require.NotContains(t, []fault.Kind{fault.ZKKill, fault.ZKLose, fault.ZKPause, fault.Expire, fault.Alone}, s.Kind)
		}
	}
}

func TestSessionsAreFoundInADump(t *testing.T) {
	const dump = "SessionTracker dump:\nSession Sets (2)/(1):\nephemeral nodes dump:\nSessions with Ephemerals (2):\n" +
		"0x20000d1c2b40001:\n\t/brokers/ids/1\n\t/controller\n0xf00000d1c2b4000a:\n\t/chroot/brokers/ids/12\n\t/brokers/ids/2\nConnections dump:\n"
	id, ok := fault.Session(dump, 1)
	require.True(t, ok)
	require.Equal(t, int64(0x20000d1c2b40001), id)
	id, ok = fault.Session(dump, 2)
	require.True(t, ok)
	require.Negative(t, id)
	_, ok = fault.Session(dump, 3)
	require.False(t, ok)
}
