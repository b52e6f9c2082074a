package config

import (
	"maps"
	"math"
	"slices"

	"github.com/leatmq/leat/log"
)

// Topic returns what a topic's own values, and the broker's where it has none,
// say about its logs. Own values that are invalid or unknown (written by
// another version, say) are left aside: ValidateTopic keeps them out.
func (s *Store) Topic(own map[string]string) log.Config {
	snap := s.snap.Load()
	get := func(name string) value { return snap.topicValue(name, own) }
	cleanup := get("cleanup.policy").list
	before, after := timestampLimits(get)
	return log.Config{
		SegmentBytes:       int(get("segment.bytes").num),
		SegmentMs:          get("segment.ms").num,
		SegmentJitterMs:    get("segment.jitter.ms").num,
		SegmentIndexBytes:  int(get("segment.index.bytes").num),
		Preallocate:        get("preallocate").yes,
		IndexIntervalBytes: int(get("index.interval.bytes").num),
		Delete:             slices.Contains(cleanup, "delete"),
		Compact:            slices.Contains(cleanup, "compact"),
		RetentionMs:        get("retention.ms").num,
		RetentionBytes:     get("retention.bytes").num,
		FileDeleteDelayMs:  get("file.delete.delay.ms").num,
		DeleteRetentionMs:  get("delete.retention.ms").num,
		MinCompactionLag:   get("min.compaction.lag.ms").num,
		MaxCompactionLag:   get("max.compaction.lag.ms").num,
		MinDirtyRatio:      get("min.cleanable.dirty.ratio").float,
		MaxMessageBytes:    int(get("max.message.bytes").num),
		MaxInflatedBytes:   int(snap.values[brokerByID["leat.max.inflated.bytes"]].num),
		LogAppendTime:      get("message.timestamp.type").text == "LogAppendTime",
		TimestampBeforeMax: before,
		TimestampAfterMax:  after,
		MinInsyncReplicas:  int(get("min.insync.replicas").num),
		UncleanElection:    get("unclean.leader.election.enable").yes,
		MessageDownconvert: get("message.downconversion.enable").yes,
		CompressionType:    get("compression.type").text,
		GzipLevel:          int(get("compression.gzip.level").num),
		LZ4Level:           int(get("compression.lz4.level").num),
		ZstdLevel:          int(get("compression.zstd.level").num),
		FlushMessages:      get("flush.messages").num,
		FlushMs:            get("flush.ms").num,
	}
}

// timestampLimits follows the deprecated message.timestamp.difference.max.ms
// into each of the two limits that is left at its default.
func timestampLimits(get func(string) value) (before, after int64) {
	before, after = get("message.timestamp.before.max.ms").num, get("message.timestamp.after.max.ms").num
	both := get("message.timestamp.difference.max.ms").num
	if before == math.MaxInt64 {
		before = both
	}
	if after == math.MaxInt64 {
		after = both
	}
	return before, after
}

// topicValue resolves one of a topic's keys: its own value, the broker's by the
// chain of synonyms, the key's default.
func (snap *snapshot) topicValue(name string, own map[string]string) value {
	k := &topicKeys[topicByID[name]]
	if text, ok := own[name]; ok {
		if v, err := k.parse(&text); err == nil {
			return v
		}
	}
	if len(k.Synonyms) > 0 {
		// The first synonym has followed the others.
		if v := snap.values[brokerByID[k.Synonyms[0]]]; !v.null {
			return v
		}
	}
	v, err := k.parse(k.Default)
	if err != nil {
		panic(err) // a test of the table's defaults forbids it
	}
	return v
}

// ValidateTopic checks a topic's own values, all of them together. The error's
// text is Kafka's; it Is ErrUnknownKey or ErrInvalidValue.
func (s *Store) ValidateTopic(own map[string]string) error {
	names := slices.Sorted(maps.Keys(own))
	for _, name := range names {
		if _, ok := topicByID[name]; !ok {
			return refuse(ErrUnknownKey, "Unknown topic config name: %s", name)
		}
	}
	for _, name := range names {
		text := own[name]
		if _, err := topicKeys[topicByID[name]].parse(&text); err != nil {
			return err
		}
	}
	snap := s.snap.Load()
	low, high := snap.topicValue("min.compaction.lag.ms", own).num, snap.topicValue("max.compaction.lag.ms", own).num
	if low > high {
		return refuse(ErrInvalidValue,
			"conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)", low, high)
	}
	if snap.topicValue("remote.storage.enable", own).yes {
		return refuse(ErrInvalidValue,
			"Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
	}
	return nil
}
