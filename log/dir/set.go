package dir

import (
	"context"
	"iter"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// Set is all data directories of a broker. All methods may be called
// concurrently.
type Set struct{}

// Open locks the directories, creating those that are missing, checks that all
// belong to this broker, and loads every log. A directory whose disk fails is
// offline and the others are used; Open fails when none is left, or when one is
// locked (vfs.ErrLocked), owned by another (ErrOwner) or unreadable in its
// meta.properties (checkpoint.ErrCorrupt).
func Open(paths []string, o Options) (*Set, error) { return nil, ErrOffline }

// ClusterID returns the cluster that the directories belong to.
func (s *Set) ClusterID() string { return "" }

// BrokerID returns the broker that the directories belong to.
func (s *Set) BrokerID() int32 { return 0 }

// Dirs returns the directories in the order of log.dirs.
func (s *Set) Dirs() []*Dir { return nil }

// Logs ranges over the current logs of all directories in no particular order,
// without future copies. Logs created or deleted meanwhile may be left out.
func (s *Set) Logs() iter.Seq2[checkpoint.Partition, *log.Log] {
	return func(func(checkpoint.Partition, *log.Log) bool) {}
}

// Get returns the current log of a partition.
func (s *Set) Get(p checkpoint.Partition) (*log.Log, bool) { return nil, false }

// DirOf returns the directory that holds a partition's current log.
func (s *Set) DirOf(p checkpoint.Partition) (*Dir, bool) { return nil, false }

// HighWatermark returns the high watermark that was last checkpointed for a
// partition, 0 when there is none. The caller clamps it into the log.
func (s *Set) HighWatermark(p checkpoint.Partition) int64 { return 0 }

// NewLog says what log to create.
type NewLog struct {
	TopicID [16]byte // zero: none
	Config  log.Config
	// Fresh: the partition never existed before, so that it may be created
	// although a directory that might hold it is offline.
	Fresh bool
}

// Create makes the log of a partition in the online directory with the fewest
// partitions, or in the one that Move named before.
//
// Errors: ErrExists, ErrOffline, *log.IOError.
func (s *Set) Create(p checkpoint.Partition, n NewLog) (*log.Log, error) { return nil, ErrOffline }

// Delete takes a partition away: on return its directory has the suffix
// -delete, durably, and p may be created again. The files go after
// file.delete.delay.ms. A future copy goes too.
//
// Errors: ErrUnknown, ErrOffline, *log.IOError.
func (s *Set) Delete(p checkpoint.Partition) error { return ErrUnknown }

// Move starts to move a partition's log to another directory: a future copy is
// filled in the background and takes the log's place when it has caught up.
// Moving it to where it is cancels a move under way. When the partition has no
// log here, the directory is remembered for its creation and the error is
// ErrUnknown.
//
// Errors: ErrNotConfigured, ErrOffline, ErrUnknown, *log.IOError.
func (s *Set) Move(p checkpoint.Partition, path string) error { return ErrUnknown }

// Run does the background work until ctx ends. Directories that go offline are
// left alone; it returns nil.
func (s *Set) Run(ctx context.Context) error { return nil }

// Checkpoint writes all checkpoint files now.
func (s *Set) Checkpoint() error { return nil }

// Close flushes and closes every log, writes the checkpoints and then the
// clean-shutdown mark of each directory that is online, and gives the locks
// back. Run must have returned. When ctx ends first, what is not closed yet
// stays unclean and is recovered at the next start.
func (s *Set) Close(ctx context.Context) error { return nil }
