// Package log is one partition's durable log, in Apache Kafka's files. It knows no
// replicas, no topics, no wire.
//
//	orders-0/
//	  00000000000000000000.log  .index  .timeindex     a sealed segment
//	  00000000000000001204.snapshot                    the producers, as of offset 1204
//	  00000000000000001204.log  .index  .timeindex     the active segment
//	  00000000000000001204.txnindex                    its aborted transactions, if any
//	  leader-epoch-checkpoint                          which leader began where
//	  partition.metadata                               the topic's id
//
// Offsets of a log:
//
//	start ──────── recovery point ───────── end
//	│ DeleteRecords,    │ all below is       │ the next record
//	│ retention         │ on disk            │ gets it
//
// # Appending
//
// A set of records is validated outside of any lock. Then, under the writer's lock:
// the producer table decides, offsets and leader epoch are stamped into the bytes
// in place, a new segment is begun if one is due, and the set is written with one
// write. Only when that succeeded does anything take note of it: indexes, producers,
// epochs, and last the end offset, which lets readers see it. A failed write is cut
// off again and leaves no trace.
//
// Readers take an immutable list of segments and never wait for the writer's disk.
//
// # Locks, in the order in which they are taken
//
//	syncer    one at a time makes data durable; Truncate and Close keep it out
//	mu        the writer: held while writing; no reader takes it
//	state     producers and epochs: held for a look or a change, never for I/O
//	(segment) see package segment
//
// # Crash points
//
// After a crash the log is opened with Clean false. What may have happened, and
// what Open does about it:
//
//	a batch half written          its segment is scanned from the recovery point on;
//	                              it is cut at the first batch that is not sound, and
//	                              later segments go
//	batch written, index not      the scan builds the indexes of scanned segments anew
//	roll: snapshot, no segment    a snapshot of the end is as good as one of a base
//	roll: segment, no index       an index that is missing is built
//	roll: name lost, data not     a segment whose name was not durable held nothing
//	                              that Sync had promised
//	snapshot half written         its CRC is wrong: an older one, and the batches since
//	epochs written, batch not     an epoch that begins at the end is no lie; one behind
//	                              the end is dropped
//	batch written, epochs not     the scan finds new epochs
//	truncate: segments gone,      the last goes first, and their going is durable before
//	  file not cut                the file is cut: no hole is left, and no old segment
//	                              can come back behind new data
//	file cut, index not           the scan builds it; the recovery point is lowered first
//	truncate: checkpoint names    the segment of the old recovery point is scanned; those
//	  the old recovery point      before it were made durable when they were sealed
//	the process died, and later   what a scan has found counts as on disk when it has
//	  the power failed            been synced since: the recovery point begins below it
//	retention: some files left    a log file that is renamed is gone, its orphans are
//	                              removed; one that is not, is an old segment below the
//	                              start offset, to be removed again
//	compaction: .cleaned          removed: it was not finished
//	compaction: .swap             finished: it replaces what it was made from
//	checkpoint half replaced      package vfs replaces files whole
//
// What Sync has promised is below the recovery point, and the scan never gets there
// unless the disk itself lost it; then the log says so loudly.
package log

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// Log is one partition's log. All methods may be called concurrently.
type Log struct {
	o    *Options // as given, with its defaults
	name string   // topic-partition, for messages
	home *segment.Home

	config   atomic.Pointer[settings]
	segments atomic.Pointer[[]*segment.Segment] // ascending, never empty; the last is active
	start    atomic.Int64
	end      atomic.Int64
	unstable atomic.Int64 // first offset of an undecided transaction, or none
	cuts     atomic.Int64 // see Cuts
	topicID  atomic.Pointer[[16]byte]
	closed   atomic.Bool
	failed   atomic.Pointer[IOError] // the first I/O error: no appends since

	sync syncer

	mu sync.Mutex // the writer's; guards all below

	created      time.Time // when the active segment was begun, or the log opened
	jitter       int64     // of the active segment, ms
	metaPending  bool      // partition.metadata is still to be written
	epochPending bool      // so is the epoch of this leader: there was no room
	snapshots    []int64   // offsets of the producer snapshots on disk, ascending
	trash        []trash   // files to be removed later
	// promised is the highest recovery point there was before a truncation or a crash. The
	// last checkpoint may still name it, and then what is written below is not scanned.
	promised int64

	state       sync.Mutex // guards all below
	producers   *producer.Table
	epochs      *epoch.Cache
	epochsDirty bool // the file lacks a truncation
}

// none is where no undecided transaction begins.
const none = int64(-1)

// Open opens the log in dir, creating it when it is not there, and repairs what a
// crash left behind. Nothing stays open or loaded.
func Open(dir string, o Options) (*Log, error) {
	l := &Log{o: o.withDefaults(), name: nameOf(dir), producers: producer.New(), epochs: new(epoch.Cache)}
	l.sync.free = sync.NewCond(&l.sync.mu)
	l.sync.last = l.o.Now()
	l.unstable.Store(none)
	l.home = segment.NewHome(l.o.FS, dir, l.o.Files, l.o.Logger)
	l.Configure(o.Config)
	if err := l.load(); err != nil {
		l.closed.Store(true)
		if list := l.segments.Load(); list != nil {
			l.shut()
		}
		return nil, fmt.Errorf("open log %s: %w", dir, err)
	}
	return l, nil
}

// Dir returns the partition directory.
func (l *Log) Dir() string { return l.home.Dir() }

// StartOffset returns the first offset that can be read.
func (l *Log) StartOffset() int64 { return l.start.Load() }

// EndOffset returns the offset that the next record will get.
func (l *Log) EndOffset() int64 { return l.end.Load() }

// Size returns the bytes of all data files.
func (l *Log) Size() int64 {
	var n int64
	for _, s := range *l.segments.Load() {
		n += s.Size()
	}
	return n
}

// Segments returns how many segments there are.
func (l *Log) Segments() int { return len(*l.segments.Load()) }

// FirstSegment returns the base offset of the oldest segment. The start offset may
// lie behind it, and only then needs to be in a checkpoint.
func (l *Log) FirstSegment() int64 { return (*l.segments.Load())[0].Base() }

// active returns the segment that is appended to.
func (l *Log) active() *segment.Segment {
	list := *l.segments.Load()
	return list[len(list)-1]
}

// setSegments replaces the list.
func (l *Log) setSegments(list []*segment.Segment) { l.segments.Store(&list) }

func (l *Log) fs() vfs.FS { return l.o.FS }

func (l *Log) logger() *slog.Logger { return l.o.Logger.With("log", l.name) }
