package log

import "math"

// Config is what a topic's configuration says about each of its partitions.
// Fields are named after Kafka's keys; times are in milliseconds, sizes in
// bytes. DefaultConfig has Kafka's defaults. A Config is a value: a log keeps a
// copy and is given another by Configure.
type Config struct {
	// When to begin a new segment.
	SegmentBytes      int   // segment.bytes
	SegmentMs         int64 // segment.ms
	SegmentJitterMs   int64 // segment.jitter.ms: up to so much earlier, by chance
	SegmentIndexBytes int   // segment.index.bytes: roll when an index would grow beyond it
	Preallocate       bool  // preallocate: reserve disk space for a whole segment

	// IndexIntervalBytes is index.interval.bytes: at most one index entry for
	// so many bytes of log.
	IndexIntervalBytes int

	// What to remove.
	Delete            bool    // cleanup.policy has delete
	Compact           bool    // cleanup.policy has compact
	RetentionMs       int64   // retention.ms, -1 for ever
	RetentionBytes    int64   // retention.bytes, -1 unlimited
	FileDeleteDelayMs int64   // file.delete.delay.ms
	DeleteRetentionMs int64   // delete.retention.ms: how long tombstones stay
	MinCompactionLag  int64   // min.compaction.lag.ms
	MaxCompactionLag  int64   // max.compaction.lag.ms
	MinDirtyRatio     float64 // min.cleanable.dirty.ratio

	// What a producer may send.
	MaxMessageBytes    int   // max.message.bytes: the largest batch
	MaxInflatedBytes   int   // leat.max.inflated.bytes: what one batch may inflate to
	LogAppendTime      bool  // message.timestamp.type is LogAppendTime
	TimestampBeforeMax int64 // message.timestamp.before.max.ms
	TimestampAfterMax  int64 // message.timestamp.after.max.ms
	MinInsyncReplicas  int   // min.insync.replicas; not used by the log itself
	UncleanElection    bool  // unclean.leader.election.enable; not used by the log itself
	MessageDownconvert bool  // message.downconversion.enable; not used by the log itself

	// CompressionType is compression.type: "producer" leaves batches as they
	// come; "uncompressed", "gzip", "snappy", "lz4", "zstd" rewrite those that
	// differ.
	CompressionType string
	GzipLevel       int // compression.gzip.level, -1 for the codec's default
	LZ4Level        int // compression.lz4.level
	ZstdLevel       int // compression.zstd.level

	// When to make written data durable.
	FlushMessages int64 // flush.messages: an append is only done when fewer than so many records are not on disk
	FlushMs       int64 // flush.ms: obeyed by package dir
}

// DefaultConfig returns Kafka's defaults.
func DefaultConfig() Config {
	const day = 24 * 60 * 60 * 1000
	return Config{
		SegmentBytes:       1 << 30,
		SegmentMs:          7 * day,
		SegmentIndexBytes:  10 << 20,
		IndexIntervalBytes: 4096,
		Delete:             true,
		RetentionMs:        7 * day,
		RetentionBytes:     -1,
		FileDeleteDelayMs:  60_000,
		DeleteRetentionMs:  day,
		MaxCompactionLag:   math.MaxInt64,
		MinDirtyRatio:      0.5,
		MaxMessageBytes:    1_048_588,
		MaxInflatedBytes:   256 << 20,
		TimestampBeforeMax: math.MaxInt64,
		TimestampAfterMax:  math.MaxInt64,
		MinInsyncReplicas:  1,
		MessageDownconvert: true,
		CompressionType:    "producer",
		GzipLevel:          -1,
		LZ4Level:           9,
		ZstdLevel:          3,
		FlushMessages:      math.MaxInt64,
		FlushMs:            math.MaxInt64,
	}
}
