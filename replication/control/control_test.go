package control_test

import (
	stdcontext "context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/control"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// rig is a set of partitions on a disk in memory, and what obeys over it.
type rig struct {
	fs      *crashfs.FS
	dirs    *dir.Set
	set     *partition.Set
	control *control.Control

	mu       sync.Mutex
	told     []string
	asked    int // how often a configuration was made
	fetching map[checkpoint.Partition]fetcher.Following
	configs  map[string]map[string]string // of topics, in the tree
	read     []string                     // topics whose configuration was read
	epoch    int64                        // of the broker
	topics   int                          // in the tree
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
		Partitions:  r.set,
		Configs: func(_ stdcontext.Context, topics []string) error {
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
			if own["big"] != "" {
				c.SegmentBytes = 12345678
			}
			return c
		},
		Led:  func(topic string, p, epoch int32) { note("led %s-%d at %d", topic, p, epoch) },
		Left: func(topic string, p int32) { note("left %s-%d", topic, p) },
	})
	return r
}

func lead(name string, p, epoch int32) plan.Order {
	return plan.Order{
		Kind: plan.Assign, Topic: name, Partition: p, TopicID: topic.ID{1}, New: epoch == 0,
		State: image.Partition{Replicas: []int32{0}, ISR: []int32{0}, LeaderEpoch: epoch},
	}
}

func TestOrdersAreObeyed(t *testing.T) {
	r := newRig(t)
	errs := r.control.Apply(t.Context(), []plan.Order{lead("a", 0, 0), lead("a", 1, 0), lead("b", 0, 0)})
	require.Equal(t, []error{nil, nil, nil}, errs)
	require.Equal(t, []string{"led a-0 at 0", "led a-1 at 0", "led b-0 at 0"}, r.told)
	require.Equal(t, 2, r.asked, "one configuration for all partitions of a topic")
	replica, err := r.set.Get(checkpoint.Partition{Topic: "a", Index: 1})
	require.NoError(t, err)
	_, err = replica.Leader(0)
	require.NoError(t, err)
	require.EqualValues(t, topic.ID{1}, replica.TopicID())

	configure := plan.Order{Kind: plan.Configure, Topic: "a", Partition: -1, Config: map[string]string{"big": "yes"}}
	require.Equal(t, []error{nil}, r.control.Apply(t.Context(), []plan.Order{configure}))
	require.EqualValues(t, 12345678, replica.Log().Config().SegmentBytes)

	require.Equal(t, []error{nil}, r.control.Apply(t.Context(), []plan.Order{lead("a", 1, 4)}))
	require.EqualValues(t, 4, replica.Epoch())

	r.told = nil
	remove := plan.Order{Kind: plan.Delete, Topic: "a", Partition: 1}
	require.Equal(t, []error{nil, nil}, r.control.Apply(t.Context(), []plan.Order{remove, {Kind: plan.Delete, Topic: "never", Partition: 0}}))
	require.Equal(t, []string{"left a-1", "left never-0"}, r.told)
	_, err = r.set.Get(checkpoint.Partition{Topic: "a", Index: 1})
	require.ErrorIs(t, err, partition.ErrUnknown)
}

// TestOneFailureIsOneError: an order that cannot be obeyed does not keep the
// others from it, and nobody is told of it.
func TestOneFailureIsOneError(t *testing.T) {
	r := newRig(t)
	require.Equal(t, []error{nil}, r.control.Apply(t.Context(), []plan.Order{lead("a", 0, 5)}))
	r.told = nil
	errs := r.control.Apply(t.Context(), []plan.Order{lead("a", 0, 3), lead("a", 1, 0)})
	require.ErrorIs(t, errs[0], partition.ErrStaleEpoch)
	require.NoError(t, errs[1])
	require.Equal(t, []string{"led a-1 at 0"}, r.told)
}

func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	var orders []plan.Order
	for p := range int32(500) {
		orders = append(orders, lead("many", p, 0))
	}
	for _, err := range r.control.Apply(t.Context(), orders) {
		require.NoError(t, err)
	}
	require.Len(t, r.set.All(), 500)
	require.Len(t, r.told, 500)
}

func TestEndOfContextCutsOff(t *testing.T) {
	r := newRig(t)
	ctx, cancel := stdcontext.WithCancel(t.Context())
	cancel()
	for _, err := range r.control.Apply(ctx, []plan.Order{lead("a", 0, 0), lead("a", 1, 0)}) {
		require.ErrorIs(t, err, stdcontext.Canceled)
	}
	require.Empty(t, r.set.All())
	require.Empty(t, r.told)
}
