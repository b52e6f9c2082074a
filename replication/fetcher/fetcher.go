// Package fetcher keeps this broker's followers up with their leaders: it pulls
// what the leaders append, and writes it as it is.
//
//	Follow ──→ Fetcher ──→ loop (leader 1, 0) ── one connection, one fetch session
//	                  └──→ loop (leader 2, 0)    fetch → copy → fetch → ...
//
// A loop has all partitions of one leader whose hash falls to it, and lives as
// long as it has any. It asks for all of them at once, waits at the leader when
// there is nothing new, and asks again as soon as what came is written: asking
// from an offset says that everything below it is here, so the sooner it asks
// the sooner the leader may tell a producer.
//
// Where the logs have parted, after one leader failed and another took over, the
// leader says where its log and the follower's last agree, and the follower
// truncates to there (KIP-101, KIP-279, KIP-320, KIP-595). What a partition
// fails at keeps only itself waiting.
package fetcher

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/throttle"
)

// Replica is the right to change a follower's log at one leader epoch: a
// *partition.Follower. One whose role is over refuses, so a fetch that was under
// way when the leader changed can do no harm.
type Replica interface {
	// StartOffset, EndOffset and HighWatermark are the log's.
	StartOffset() int64
	EndOffset() int64
	HighWatermark() int64
	// LatestEpoch is the leader epoch of the last record, -1 if none is known.
	LatestEpoch() int32
	// EndOffsetForEpoch returns the highest epoch that is at most the one
	// asked for, and where it ends; -1 and -1 if there is none.
	EndOffsetForEpoch(epoch int32) (int32, int64)
	// Copy appends batches as they are, if the log ends at the offset.
	Copy(at int64, set []byte) (end int64, err error)
	// SyncDue says whether what was copied must be on the disk before the leader
	// is told of it; then Sync returns when it is.
	SyncDue() bool
	Sync() error
	// Truncate removes everything from an offset on.
	Truncate(offset int64) error
	// RestartAt removes everything; the log goes on at the offset.
	RestartAt(offset int64) error
	// Advance takes over what the leader says: its high watermark, as far as
	// this log reaches, and its start offset, if it is not above the high
	// watermark.
	Advance(highWatermark, startOffset int64) error
}

// Of gives the rights to the replicas of a set, as Options ask for.
func Of(set *partition.Set) func(checkpoint.Partition, int32) (Replica, error) {
	return func(p checkpoint.Partition, epoch int32) (Replica, error) {
		r, err := set.Get(p)
		if err != nil {
			return nil, err
		}
		f, err := r.Follower(epoch)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

// Options are what a Fetcher works with.
type Options struct {
	BrokerID int32
	// BrokerEpoch is the epoch of this broker's registration; nil: -1, unknown.
	BrokerEpoch func() int64
	// Pool makes the connections.
	Pool *wire.Pool
	// Broker says where a broker is reached; false: nobody knows at present.
	Broker func(id int32) (wire.Node, bool)
	// Replica gives the right to change a partition's log at a leader epoch. It
	// is asked once for each Follow.
	Replica func(p checkpoint.Partition, epoch int32) (Replica, error)
	// Settings are asked for before each request.
	Settings func() Settings
	// Quota bounds what comes in (follower.replication.throttled.rate); nil:
	// nothing does.
	Quota *throttle.Quota
	// Copied is told how much has been written to a partition. It must not block.
	// Nil: nobody is.
	Copied func(p checkpoint.Partition, bytes int)
	// Now tells the time; nil: time.Now.
	Now func() time.Time
	// Logger; nil: slog.Default().
	Logger *slog.Logger
}

// Settings are the configuration of fetching.
type Settings struct {
	Loops          int           // num.replica.fetchers; at least 1
	MaxWait        time.Duration // replica.fetch.wait.max.ms
	MinBytes       int32         // replica.fetch.min.bytes
	MaxBytes       int32         // replica.fetch.response.max.bytes
	PartitionBytes int32         // replica.fetch.max.bytes
	// Timeout is how long an answer may take (replica.socket.timeout.ms). A
	// leader that says nothing for longer than MaxWait and ten seconds is asked
	// on a new connection all the same: the old one may wait for a network that
	// is well again. 0: only that counts.
	Timeout time.Duration
	// Backoff is the longest pause after an error (replica.fetch.backoff.ms).
	// The first is a fiftieth of it, each further one in a row twice as long: a
	// leader that does not know yet that it is one knows soon.
	Backoff time.Duration
}

// Following is a partition that this broker is to follow.
type Following struct {
	Partition checkpoint.Partition
	TopicID   [16]byte // zero: the topic has none
	Leader    int32
	Epoch     int32 // the leader's
}

// Fetcher follows partitions. All methods may be called concurrently.
type Fetcher struct {
	o Options

	mu     sync.Mutex
	follow map[checkpoint.Partition]*assignment
	loops  map[loopKey]*loop
	ready  []*loop       // to be started by Run
	wake   chan struct{} // has room for one
}

// New returns a Fetcher that follows nothing yet.
func New(o Options) *Fetcher {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BrokerEpoch == nil {
		o.BrokerEpoch = func() int64 { return -1 }
	}
	if o.Copied == nil {
		o.Copied = func(checkpoint.Partition, int) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Fetcher{
		o:      o,
		follow: make(map[checkpoint.Partition]*assignment),
		loops:  make(map[loopKey]*loop),
		wake:   make(chan struct{}, 1),
	}
}

// Follow has partitions followed from now on, each from its leader at its epoch,
// whatever was followed before. An epoch that is followed already goes on as it
// is, unless it has failed: then it is tried again.
func (f *Fetcher) Follow(list ...Following) { f.assign(list) }

// Unfollow has partitions followed no more. When it returns a fetch may still be
// under way; what it brings is refused by the Replica once its role is over.
func (f *Fetcher) Unfollow(list ...checkpoint.Partition) { f.withdraw(list) }

// Run fetches until ctx ends.
func (f *Fetcher) Run(ctx context.Context) error { return f.run(ctx) }

// Lag is how far a follower is behind.
type Lag struct {
	Partition checkpoint.Partition
	Leader    int32
	// Offsets is how many offsets the leader's high watermark is ahead of this
	// log's end; -1 before the leader has told.
	Offsets int64
	// Failed: nothing is fetched until the next Follow.
	Failed bool
}

// MinRate is how often a second, over the last minute, the loop asks that asks
// least often; 0 where there is none.
func (f *Fetcher) MinRate() float64 { return f.minRate() }

// Lags returns how far each partition is behind, in no particular order.
func (f *Fetcher) Lags() []Lag { return f.lags() }
