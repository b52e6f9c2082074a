// Package control obeys the controller on this broker. It takes the three
// requests that a controller sends, LeaderAndIsr, UpdateMetadata and
// StopReplica, with every check that Kafka makes, whether they came over the
// wire or by direct call; has replicas led, followed, given up and deleted in
// the partition.Set; and keeps this broker's own picture of the cluster, from
// which it answers clients.
//
//	LeaderAndISR ──→ role of each replica here ──→ partition.Set, fetchers, Led, Resigned
//	UpdateMetadata → Image: merged, unchanged topics keep their pointer
//	               → a follower whose leader has come begins to fetch
//	StopReplica ───→ role given up; or the data deleted too ──→ Left
//
//	          LeaderAndISR                    LeaderAndISR, later epoch
//	nothing ──────────────→ leader | follower ────────→ leader | follower
//	   ▲                           │ StopReplica
//	   └── delete ── stopped ◀─────┘   (the log stays)
//
// Requests may come twice, late and in any order: an epoch that has been seen
// never goes back, and what has been deleted does not come back by the same
// order that once made it.
package control

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
)

// Options are what orders are carried out on, and who is told.
type Options struct {
	BrokerID   int32
	Partitions *partition.Set
	// BrokerEpoch is the epoch of this broker's registration, -1 before there is
	// one. Requests to an earlier registration are refused. Nil: -1.
	BrokerEpoch func() int64
	// Registered waits until this broker is registered. Requests wait for it:
	// before, nothing tells those that are meant for an earlier life of the broker,
	// whose records a crash may have taken, from those for this one. Its error
	// refuses the request. Nil: it always is.
	Registered func(ctx context.Context) error
	// Probe has the controller ask again which replicas this broker can have (a
	// log directory event). It must not block. Nil: it does not.
	Probe func()
	// TopicConfig is a topic's whole configuration, given its overrides.
	TopicConfig func(overrides map[string]string) log.Config
	// Configs reads the overrides of topics that this broker sees for the first
	// time, and gives each to SetConfig before it returns. Nil: they have none
	// until SetConfig says so.
	Configs func(ctx context.Context, topics []string) error
	// Topics is how many topics the tree has. It is asked when the controller
	// has told of brokers but of no topics: if there are none, the picture is
	// complete. Nil: some.
	Topics func() (int, error)

	// Fetch has followers copy from their leader, each at the leader's epoch;
	// Unfetch ends it. They are fetcher.Fetcher's Follow and Unfollow. Nil:
	// nothing is copied.
	Fetch   func(list ...fetcher.Following)
	Unfetch func(list ...checkpoint.Partition)

	// Led is told, after the fact, that this broker leads a partition at an
	// epoch; Resigned, that since an epoch it does not, though it may have the
	// replica; Left, that it has no part in the partition any more. Gone is told
	// which topics the cluster has no more. They must not block. Nil: nobody is
	// told.
	Led      func(topic string, partition, epoch int32)
	Resigned func(topic string, partition, epoch int32)
	Left     func(topic string, partition int32)
	Gone     func(topics []string)

	// Workers is how many partitions change their role at the same time: making
	// a log waits for the disk more than it works. 0: 16.
	Workers int
	Logger  *slog.Logger // nil: slog.Default()
}

// Control obeys orders. All methods may be called concurrently; requests are
// obeyed one after the other.
type Control struct {
	o Options

	mu     sync.Mutex                        // one request at a time
	hosted map[checkpoint.Partition]*replica // what this broker was ordered to do with its replicas
	idle   int                               // how many of them wait for their leader to come
	epoch  int32                             // latest controller epoch seen
	whole  [2]int64                          // controller and broker epoch of the last whole picture
	last   [3]int64                          // controller and broker epoch, and number, of the last news
	gone   graves                            // ids of deleted topics

	picture  atomic.Pointer[image.Image]
	informed chan struct{} // closed when the picture is complete

	hurt struct {
		sync.Mutex // held for a moment: damage is told of while mu is held
		at         map[checkpoint.Partition]int32
	}

	show struct {
		sync.Mutex                    // held while the picture is replaced
		changed    chan struct{}      // closed when the picture is replaced
		topics     map[string]*tuning // configurations of the topics that this broker has seen
		tuned      int                // counts the changes of topics, and of the broker's own
	}
}

// New returns a Control that knows nothing yet.
func New(o Options) *Control {
	none := func(string, int32, int32) {}
	if o.Led == nil {
		o.Led = none
	}
	if o.Resigned == nil {
		o.Resigned = none
	}
	if o.Left == nil {
		o.Left = func(string, int32) {}
	}
	if o.Gone == nil {
		o.Gone = func([]string) {}
	}
	if o.Fetch == nil {
		o.Fetch = func(...fetcher.Following) {}
	}
	if o.Unfetch == nil {
		o.Unfetch = func(...checkpoint.Partition) {}
	}
	if o.BrokerEpoch == nil {
		o.BrokerEpoch = func() int64 { return -1 }
	}
	if o.Registered == nil {
		o.Registered = func(context.Context) error { return nil }
	}
	if o.Probe == nil {
		o.Probe = func() {}
	}
	if o.Configs == nil {
		o.Configs = func(context.Context, []string) error { return nil }
	}
	if o.Topics == nil {
		o.Topics = func() (int, error) { return 1, nil }
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	c := &Control{o: o, informed: make(chan struct{}), hosted: map[checkpoint.Partition]*replica{}, whole: [2]int64{-1, -1}, last: [3]int64{-1, -1, -1}}
	c.picture.Store(image.Empty())
	c.show.changed = make(chan struct{})
	c.show.topics = map[string]*tuning{}
	return c
}
