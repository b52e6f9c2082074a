package control_test

import (
	stdcontext "context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/control"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
)

// rig is a set of partitions on a disk in memory, and what obeys over it.
type rig struct {
	fs      *crashfs.FS
	dirs    *dir.Set
	set     *partition.Set
	control *control.Control

	mu       sync.Mutex
	told     []string
	asked    int  // how often a configuration was made
	big      bool // the broker's own configuration
	fetching map[checkpoint.Partition]fetcher.Following
	configs  map[string]map[string]string // of topics, in the tree
	read     []string                     // topics whose configuration was read
	noTree   error                        // of reading them
	epoch    int64                        // of the broker
	topics   int                          // in the tree
	probes   int                          // how often the controller was to ask

	registered func(stdcontext.Context) error
}

func newRig(t testing.TB) *rig { return newRigOf(t, 0) }

// newRigOf is a rig of a broker's.
func newRigOf(t testing.TB, broker int32) *rig {
	quiet := slog.New(slog.DiscardHandler)
	r := &rig{fs: crashfs.New(crashfs.Options{}), fetching: map[checkpoint.Partition]fetcher.Following{}, topics: 1, epoch: 1}
	var err error
	r.dirs, err = dir.Open([]string{"/data"}, dir.Options{FS: r.fs, Logger: quiet, MinFree: -1})
	require.NoError(t, err)
	dirs := r.dirs
	r.set = partition.NewSet(partition.Options{Dirs: dirs, Logger: quiet})
	t.Cleanup(func() {
		r.set.Close()
		require.NoError(t, dirs.Close(stdcontext.Background()))
	})
	note := func(format string, args ...any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, fmt.Sprintf(format, args...))
	}
	r.control = control.New(control.Options{
		BrokerID:    broker,
		BrokerEpoch: func() int64 { return r.epoch },
		Registered: func(ctx stdcontext.Context) error {
			if r.registered != nil {
				return r.registered(ctx)
			}
			return nil
		},
		Probe:      func() { r.probes++ },
		Partitions: r.set,
		Configs: func(_ stdcontext.Context, topics []string) error {
			if r.noTree != nil {
				return r.noTree
			}
			r.read = append(r.read, topics...)
			for _, name := range topics {
				r.control.SetConfig(image.Entity{Type: image.TopicEntity, Name: name}, r.configs[name])
			}
			return nil
		},
		Topics: func() (int, error) { return r.topics, nil },
		Fetch: func(list ...fetcher.Following) {
			for _, f := range list {
				r.fetching[f.Partition] = f
			}
		},
		Unfetch: func(list ...checkpoint.Partition) {
			for _, p := range list {
				delete(r.fetching, p)
			}
		},
		Resigned: func(topic string, p, epoch int32) { note("resigned %s-%d at %d", topic, p, epoch) },
		Gone:     func(topics []string) { note("gone %s", strings.Join(topics, " ")) },
		Logger:   quiet,
		TopicConfig: func(own map[string]string) log.Config {
			r.asked++
			c := log.DefaultConfig()
			if own["big"] != "" || r.big {
				c.SegmentBytes = 12345678
			}
			return c
		},
		Led:  func(topic string, p, epoch int32) { note("led %s-%d at %d", topic, p, epoch) },
		Left: func(topic string, p int32) { note("left %s-%d", topic, p) },
	})
	return r
}

// many is a request to lead n partitions of one topic.
func many(n int) *kmsg.LeaderAndISRRequest {
	s := kmsg.LeaderAndISRRequestTopicState{Topic: "many", TopicID: idA}
	for p := range int32(n) {
		s.PartitionStates = append(s.PartitionStates, role{number: p}.state())
	}
	return &kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: 1, BrokerEpoch: -1, TopicStates: []kmsg.LeaderAndISRRequestTopicState{s}}
}

func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	a := r.control.LeaderAndISR(context(), many(500))
	for p, row := range a.Topics[0].Partitions {
		require.EqualValues(t, p, row.Partition)
		require.Zero(t, row.ErrorCode)
	}
	require.Len(t, r.set.All(), 500)
	require.Len(t, r.told, 500)
	require.Equal(t, 1, r.asked, "one configuration for all partitions of a topic")
}

// TestRetune: a change of the broker's own configuration reaches every replica,
// also those that are being made, of topics that the picture does not have yet.
func TestRetune(t *testing.T) {
	r := newRig(t)
	size := func(p int32) int {
		replica, err := r.set.Get(checkpoint.Partition{Topic: "many", Index: p})
		require.NoError(t, err)
		return replica.Log().Config().SegmentBytes
	}
	r.fs.SetRule(func(crashfs.Op) error {
		if !r.big {
			r.big = true
			r.control.Retune()
		}
		return nil
	})
	r.control.LeaderAndISR(context(), many(1))
	require.True(t, r.big)
	require.Equal(t, 12345678, size(0))

	r.big = false
	r.fs.SetRule(nil)
	r.control.Retune()
	require.Equal(t, log.DefaultConfig().SegmentBytes, size(0))
}

// TestOneFailureIsOneCode: a partition that cannot be led does not keep the
// others from it, and nobody is told of it.
func TestOneFailureIsOneCode(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.set.Lead(checkpoint.Partition{Topic: "many", Index: 1}, partition.State{TopicID: idB, Replicas: []int32{0}, ISR: []int32{0}}))
	a := r.control.LeaderAndISR(context(), many(3))
	require.Equal(t, []kmsg.LeaderAndISRResponseTopicPartition{
		{Partition: 0}, {Partition: 1, ErrorCode: kerr.InconsistentTopicID.Code}, {Partition: 2},
	}, a.Topics[0].Partitions)
	require.Equal(t, []string{"led many-0 at 0", "led many-2 at 0"}, r.told)
}

// TestEndOfContextCutsOff: what was not begun is not done, and can be ordered
// again.
func TestEndOfContextCutsOff(t *testing.T) {
	r := newRig(t)
	ctx, cancel := stdcontext.WithCancel(t.Context())
	cancel()
	a := r.control.LeaderAndISR(ctx, many(3))
	for _, row := range a.Topics[0].Partitions {
		require.Equal(t, kerr.RequestTimedOut.Code, row.ErrorCode)
	}
	require.Empty(t, r.set.All())
	require.Empty(t, r.told)
	r.control.LeaderAndISR(context(), many(3))
	require.Len(t, r.told, 3)
}
