// Package log is one partition's durable log: segments of record batches with
// their indexes, in Apache Kafka's files. It knows no replicas, no topics, no
// wire.
package log

import (
	"log/slog"
	"time"

	"github.com/leatmq/leat/log/vfs"
)

// Options say how to open a log.
type Options struct {
	FS     vfs.FS           // nil: the operating system's
	Now    func() time.Time // nil: time.Now
	Config Config
	// TopicID is written to partition.metadata before the first append. Zero:
	// the topic has none, or the one on disk holds.
	TopicID [16]byte
	// Clean says that the directory was shut down cleanly, so that its files
	// can be trusted as they are.
	Clean bool
	// RecoveryPoint is the offset below which everything is on disk, from the
	// checkpoint. -1: not known, everything is checked when not Clean.
	RecoveryPoint int64
	// StartOffset is the log start from the checkpoint; -1: the first segment's.
	StartOffset int64
	// Files bounds the open files; shared by all logs. nil: one of its own.
	Files *FileCache
	// Logger gets recovery and repair; nil: slog.Default().
	Logger *slog.Logger
	// ProducerExpiry is after how long an idle producer is forgotten
	// (producer.id.expiration.ms); 0: a day.
	ProducerExpiry time.Duration
	// Admit is asked before each append: an error (ErrNoSpace, ErrOffline of
	// package dir) refuses it. nil: all are admitted.
	Admit func() error
	// OnIOError is told, once, when the disk fails under the log. It is called
	// with the log's lock held and must not call the log. nil: nobody.
	OnIOError func(error)
	// Jitter gives a random number in [0, n) for segment.jitter.ms. nil: 0.
	Jitter func(n int64) int64
}

// Log is one partition's log. All methods may be called concurrently.
type Log struct{ dir string }

// Open opens the log in dir, creating it when it is not there, and repairs
// what a crash left behind.
func Open(dir string, o Options) (*Log, error) { return nil, ErrClosed }

// Dir returns the partition directory.
func (l *Log) Dir() string { return l.dir }

// TopicID returns the topic's id; zero when it has none.
func (l *Log) TopicID() [16]byte { return [16]byte{} }

// SetTopicID gives a topic id to a log that has none yet and writes
// partition.metadata.
func (l *Log) SetTopicID(id [16]byte) error { return ErrClosed }

// Configure replaces the configuration.
func (l *Log) Configure(c Config) {}

// Config returns the configuration.
func (l *Log) Config() Config { return Config{} }

// StartOffset returns the first offset that can be read.
func (l *Log) StartOffset() int64 { return 0 }

// EndOffset returns the offset that the next record will get.
func (l *Log) EndOffset() int64 { return 0 }

// RecoveryPoint returns the offset below which everything is on disk.
func (l *Log) RecoveryPoint() int64 { return 0 }

// LastStableOffset returns the offset below which every transaction is
// decided, given the high watermark: never above it.
func (l *Log) LastStableOffset(highWatermark int64) int64 { return highWatermark }

// Size returns the bytes of all data files.
func (l *Log) Size() int64 { return 0 }

// Segments returns how many segments there are.
func (l *Log) Segments() int { return 0 }

// AssignEpoch notes that epoch begins at the end of the log: called when this
// broker becomes leader. It is written to disk before it returns.
func (l *Log) AssignEpoch(epoch int32) error { return ErrClosed }

// LatestEpoch returns the newest leader epoch, -1 when there is none.
func (l *Log) LatestEpoch() int32 { return -1 }

// EndOffsetForEpoch returns the largest epoch that is not above the asked one
// and the offset at which it ended; (-1, -1) when unknown
// (OffsetForLeaderEpoch, KIP-101, KIP-279).
func (l *Log) EndOffsetForEpoch(epoch int32) (int32, int64) { return -1, -1 }

// SetStartOffset moves the start of the log forward (DeleteRecords).
// Errors: ErrOffsetOutOfRange when offset is behind the end.
func (l *Log) SetStartOffset(offset int64) error { return ErrClosed }

// Truncate removes everything from offset on, whole batches.
func (l *Log) Truncate(offset int64) error { return ErrClosed }

// TruncateFullyAndStartAt removes everything; the next record gets offset.
func (l *Log) TruncateFullyAndStartAt(offset int64) error { return ErrClosed }

// ApplyRetention removes old segments by retention.ms, retention.bytes and the
// start offset, never beyond the high watermark, and returns how many.
func (l *Log) ApplyRetention(now time.Time, highWatermark int64) (int, error) { return 0, ErrClosed }

// RemoveExpiredFiles removes the files of deleted segments whose delay
// (file.delete.delay.ms) is over.
func (l *Log) RemoveExpiredFiles(now time.Time) error { return ErrClosed }

// RemoveExpiredProducers forgets producers that have been idle for too long.
func (l *Log) RemoveExpiredProducers(now time.Time) {}

// Roll begins a new segment, if the newest has any record.
func (l *Log) Roll() error { return ErrClosed }

// Sync returns when everything below upTo is on disk. Many callers share one
// fdatasync.
func (l *Log) Sync(upTo int64) error { return ErrClosed }

// Flush is Sync, and it also writes the indexes.
func (l *Log) Flush(upTo int64) error { return ErrClosed }

// LastFlush returns when Flush or Sync last reached the disk.
func (l *Log) LastFlush() time.Time { return time.Time{} }

// Close makes everything durable, so that the next Open can trust it, and
// closes the log. Slices that are still held stay readable.
func (l *Log) Close() error { return ErrClosed }

// Delete closes the log and removes its directory.
func (l *Log) Delete() error { return ErrClosed }

// Rename tells the log that its directory was moved to dir.
func (l *Log) Rename(dir string) error { return ErrClosed }
