package group

import "time"

// Config is what a group's rules read. It may change between two inputs; a group keeps none
// of it.
type Config struct {
	// MinSession and MaxSession bound the session timeout that a member may ask for:
	// group.min.session.timeout.ms and group.max.session.timeout.ms.
	MinSession, MaxSession time.Duration
	// InitialDelay is how long a group that was empty waits for more members before its first
	// generation: group.initial.rebalance.delay.ms.
	InitialDelay time.Duration
	// MaxSize is the most members of one group: group.max.size.
	MaxSize int
	// MaxMember is the most bytes of one member's names and protocols:
	// leat.group.member.max.bytes.
	MaxMember int
	// MaxMetadata is the most characters (UTF-16 units) of what a client may store beside an
	// offset: offset.metadata.max.bytes.
	MaxMetadata int
	// Retention is how long offsets outlive their last use: offsets.retention.minutes.
	Retention time.Duration
}

// DefaultConfig is leat's on a single node.
func DefaultConfig() Config {
	return Config{
		MinSession:  6 * time.Second,
		MaxSession:  30 * time.Minute,
		MaxSize:     1<<31 - 1,
		MaxMember:   1 << 20,
		MaxMetadata: 4096,
		Retention:   7 * 24 * time.Hour,
	}
}
