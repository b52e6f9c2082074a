package log

import (
	"time"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// settings are a Config and what follows from it. They are immutable.
type settings struct {
	Config
	rules record.Rules // all but time and request
}

// Configure replaces the configuration.
func (l *Log) Configure(c Config) {
	l.home.SetIndexInterval(c.IndexIntervalBytes)
	s := &settings{Config: c}
	s.rules = record.Rules{
		MaxBatchBytes:        c.MaxMessageBytes,
		MaxInflatedBytes:     c.MaxInflatedBytes,
		Compacted:            c.Compact,
		LogAppendTime:        c.LogAppendTime,
		TimestampBeforeMaxMs: c.TimestampBeforeMax,
		TimestampAfterMaxMs:  c.TimestampAfterMax,
		Partition:            l.name,
	}
	if c.CompressionType != "" && c.CompressionType != "producer" {
		codec, err := compress.ParseCodec(c.CompressionType)
		if err != nil {
			l.logger().Warn("unknown compression.type: batches stay as they come", "value", c.CompressionType)
		}
		s.rules.Recompress, s.rules.Codec = err == nil, codec
		s.rules.Level = c.level(codec)
	}
	l.config.Store(s)
}

// Config returns the configuration.
func (l *Log) Config() Config { return l.config.Load().Config }

// level is the configured level of a codec.
func (c *Config) level(codec compress.Codec) int {
	switch codec {
	case compress.Gzip:
		return c.GzipLevel
	case compress.LZ4:
		return c.LZ4Level
	case compress.Zstd:
		return c.ZstdLevel
	}
	return compress.DefaultLevel
}

// rulesFor completes the rules for one append.
func (s *settings) rulesFor(o AppendOptions, now time.Time) record.Rules {
	r := s.rules
	r.ProduceVersion = o.ProduceVersion
	r.Internal = o.Origin != Client
	r.NowMs = now.UnixMilli()
	return r
}

// rollAfter is for how long a segment is appended to, before jitter (ms): not longer
// than compaction may lag, for it does not touch the active segment.
func (s *settings) rollAfter() int64 {
	if s.Compact {
		return min(s.SegmentMs, s.MaxCompactionLag)
	}
	return s.SegmentMs
}
