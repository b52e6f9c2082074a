package coordinator

import (
	"log/slog"
	"time"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/shard"
	"github.com/leatmq/leat/log/compress"
)

// Log is where the groups' internal topic, __consumer_offsets, is kept.
type Log interface {
	// Partitions is how many partitions the topic has, or will have where it does not exist
	// yet. A group belongs to the partition that its id's hash gives.
	Partitions() int32
	// Lead gives the partition that this broker leads at the epoch, or shard.ErrNotLeader.
	Lead(partition, epoch int32) (shard.Log, error)
}

// Config is what the coordinator reads on every use, so that dynamic keys take effect.
type Config struct {
	Group group.Config
	// CheckInterval is how often expired offsets are looked for:
	// offsets.retention.check.interval.ms.
	CheckInterval time.Duration
	// CommitTimeout is how long an answer waits for the replicas: offsets.commit.timeout.ms.
	CommitTimeout time.Duration
	// Codec compresses what is written: offsets.topic.compression.codec.
	Codec compress.Codec
	// MaxMembers is the most bytes that the members of all groups may hold together:
	// leat.group.members.max.bytes.
	MaxMembers int64
}

// DefaultConfig is leat's on a single node.
func DefaultConfig() Config {
	return Config{
		Group:         group.DefaultConfig(),
		CheckInterval: 10 * time.Minute,
		CommitTimeout: 5 * time.Second,
		MaxMembers:    256 << 20,
	}
}

// Options make a coordinator.
type Options struct {
	// Log must be there.
	Log Log
	// Config is asked on every use; nil means DefaultConfig.
	Config func() Config
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NewID makes the part of a member's id that is unique; nil means a random UUID.
	NewID func() string
	// Logger tells of loads, rebalances and refusals; nil discards.
	Logger *slog.Logger
}

// Caller is who sent a request.
type Caller struct {
	ClientID   string // as in the request's header, empty where null
	ClientHost string // the address as Kafka writes it: a slash and the IP
}
