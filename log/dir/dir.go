// Package dir is a broker's data directories (log.dirs): who owns them, which
// partitions' logs they hold, and the background work that keeps them.
//
//	/data/.lock                               held while a broker runs
//	/data/meta.properties                     broker.id and cluster.id
//	/data/.kafka_cleanshutdown                all below was closed properly
//	/data/*-offset-checkpoint                 an offset per partition
//	/data/orders-3/                           a partition's log
//	/data/orders-3.<32 hex digits>-delete/    waits to be removed
//	/data/orders-3.<32 hex digits>-stray/     put aside: of an earlier topic of that name
//	/data/orders-3.<32 hex digits>-future/    a copy that will replace orders-3 in another directory
//
// Whatever else is there is left alone, and so is a partition's directory that
// cannot be read: nothing is deleted because it is unknown.
//
// # Crashes
//
// What a crash between any two steps leaves, and what the next start makes of it:
//
//	open     lock, check all meta.properties,   nothing changed yet
//	         write missing meta.properties,     agrees with the rest, or is written again
//	         remove the clean mark, load        unclean: logs are recovered from their recovery point
//	create   purge old checkpoint entries,      no entry: nothing to say about a new log
//	         make the directory, sync           there and empty, or not there
//	delete   rename to -delete, sync            either name; by the new one the removal goes on
//	         remove after a delay               part of the files are gone; the removal goes on
//	         purge checkpoint entries           done again before the name is used again
//	set aside: rename to -stray, sync          either name; by the old one it is set aside again
//	move     fill t-0.<tag>-future,            filled further, after its end was compared
//	         mark t-0 as moved,                no other t-0: the mark goes, the filling goes on
//	         rename the copy to t-0, sync      two of them: the one that is not marked is the log
//	         rename the old t-0 to -delete     the removal goes on
//	close    flush and close each log,          unclean
//	         checkpoints, clean mark            unclean, or clean and complete
//
// Checkpoints may be older than what they describe, never newer: recovery then
// reads more than it must.
package dir

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
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
	// ErrNameTooLong: a move needs a directory whose name would be longer than
	// file names may be (INVALID_TOPIC_EXCEPTION).
	ErrNameTooLong = errors.New("topic name is too long to be moved")
	// ErrOwner: meta.properties says that the directory belongs to another
	// broker or cluster.
	ErrOwner = errors.New("log directory belongs to another broker")
)

// Dir is one data directory. All methods may be called concurrently.
type Dir struct {
	path    string
	set     *Set
	lock    io.Closer   // nil: could not be locked, because the disk failed
	barrier vfs.Barrier // as old as the lock; nil: none here
	meta    checkpoint.Meta
	// clean: the clean-shutdown mark was there and the checkpoints readable.
	clean bool

	refusal  atomic.Pointer[refusal] // nil: appends are admitted
	points   checkpoints
	removals removals

	moves chan struct{} // has a value when there may be something to move here; capacity 1

	// logs, futures and broken are guarded by set.mu.
	logs map[checkpoint.Partition]*held
	// futures are copies under way to this directory.
	futures map[checkpoint.Partition]*held
	// broken are partitions whose log could not be opened although the disk
	// works. They are left as they are.
	broken map[checkpoint.Partition]error
}

// held is a log that a directory holds.
type held struct {
	partition checkpoint.Partition
	log       *log.Log
	dir       *Dir
	// busy is held by what rewrites or removes segments: retention and cleaning.
	busy sync.Mutex
	// stop ends a cleaning under way, for a deletion should not wait for it.
	stop atomic.Pointer[context.CancelFunc]
	// moveError is why filling this copy failed the last time; the mover's alone.
	moveError string
}

// Path returns the directory's path as configured.
func (d *Dir) Path() string { return d.path }

// Entry is one log of a directory.
type Entry struct {
	Partition checkpoint.Partition
	Log       *log.Log
	// Future: a copy on its way to replace the partition's current log, which
	// is in another directory (AlterReplicaLogDirs).
	Future bool
}
