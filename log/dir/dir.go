// Package dir is a broker's data directories (log.dirs): who owns them, which
// partitions' logs they hold, and the background work that keeps them.
package dir

import (
	"errors"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// Kinds of errors. A second broker on a directory is vfs.ErrLocked.
var (
	// ErrOffline: the disk failed under this directory (KAFKA_STORAGE_ERROR).
	ErrOffline = errors.New("log directory is offline")
	// ErrUnknown: no directory holds a log of that partition.
	ErrUnknown = errors.New("no log of this partition")
	// ErrExists: there is a log of that partition already.
	ErrExists = errors.New("log of this partition exists")
	// ErrNotConfigured: the path is none of log.dirs (LOG_DIR_NOT_FOUND).
	ErrNotConfigured = errors.New("not a configured log directory")
	// ErrOwner: meta.properties says that the directory belongs to another
	// broker or cluster.
	ErrOwner = errors.New("log directory belongs to another broker")
)

// Dir is one data directory. All methods may be called concurrently.
type Dir struct {
	path string
}

// Path returns the directory's path as configured.
func (d *Dir) Path() string { return d.path }

// Err returns why the directory is offline, an error of kind ErrOffline with its
// cause, or nil.
func (d *Dir) Err() error { return nil }

// Space returns the bytes free and in all on the directory's file system.
func (d *Dir) Space() (free, total uint64, err error) { return 0, 0, ErrOffline }

// Logs returns the logs in this directory, ordered by partition. Those of an
// offline directory are still listed.
func (d *Dir) Logs() []Entry { return nil }

// Entry is one log of a directory.
type Entry struct {
	Partition checkpoint.Partition
	Log       *log.Log
	// Future: a copy on its way to replace the partition's current log, which
	// is in another directory (AlterReplicaLogDirs).
	Future bool
}
