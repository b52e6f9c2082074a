package dir

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
)

// Options say how to open data directories. The zero value of a field means
// what its comment says.
type Options struct {
	FS     vfs.FS           // nil: the operating system's
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default()

	// BrokerID is broker.id; a directory that says another is refused. Below
	// 0: take what the directories say, else 0.
	BrokerID int32
	// ClusterID: a directory that says another is refused. Empty: take what the
	// directories say, else make one.
	ClusterID string

	// Threads is num.recovery.threads.per.data.dir; 0: 1.
	Threads int
	// Files bounds the open files of all logs. nil: one of 4,000.
	Files *log.FileCache
	// Config gives the configuration of a log that is found at start.
	// nil: log.DefaultConfig.
	Config func(checkpoint.Partition) log.Config
	// ProducerExpiry is producer.id.expiration.ms; 0: a day.
	ProducerExpiry time.Duration
	// HighWatermark gives the high watermark of a partition, or -1 when the
	// broker has no replica of it now: then nothing of it is removed, and the
	// last one known stays in the checkpoint. nil: always -1.
	HighWatermark func(checkpoint.Partition) int64
	// Clean compacts; nil: nothing is compacted.
	Clean CleanFunc
	// Swap gives a moved partition its new log. It keeps everything away that
	// changes the log (appends, truncation, a new start or leader epoch), calls
	// swap, and from then on uses the log and directory that swap returned,
	// unless that returned an error, which Swap returns too. nil: logs cannot be
	// moved.
	Swap func(p checkpoint.Partition, swap func() (*log.Log, *Dir, error)) error
	// MoveRate is replica.alter.log.dirs.io.max.bytes.per.second, asked again
	// for every piece. nil, or 0: as fast as it goes.
	MoveRate func() int64
	// OnOffline is told, once per directory, that it went offline. nil: nobody.
	OnOffline func(*Dir, error)
	// NewID makes a cluster id when there is none. nil: by chance.
	NewID func() [16]byte
	// MinFree is leat.disk.min.free.bytes: with less free, appends are refused
	// with log.ErrNoSpace. 0: 1 % of the disk or 256 MiB, whichever is less;
	// below 0: no mark.
	MinFree int64

	Intervals Intervals
}

func (o *Options) setDefaults() {
	o.FS = cmp.Or(o.FS, vfs.OS)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Threads = max(1, o.Threads)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Files == nil {
		o.Files = log.NewFileCache(maxOpenFiles)
	}
	if o.Config == nil {
		o.Config = func(checkpoint.Partition) log.Config { return log.DefaultConfig() }
	}
	if o.HighWatermark == nil {
		o.HighWatermark = func(checkpoint.Partition) int64 { return -1 }
	}
	if o.MoveRate == nil {
		o.MoveRate = func() int64 { return 0 }
	}
	if o.NewID == nil {
		o.NewID = func() [16]byte { return uuid.New() }
	}
	o.Intervals.setDefaults()
}

// maxOpenFiles is the default bound on open files; a process may have 20,000.
const maxOpenFiles = 4000

func (i *Intervals) setDefaults() {
	for _, d := range []struct {
		value *time.Duration
		unset time.Duration
	}{
		{&i.Initial, 30 * time.Second},
		{&i.Retention, 5 * time.Minute},
		{&i.Flush, time.Second},
		{&i.RecoveryPoints, time.Minute},
		{&i.LogStarts, time.Minute},
		{&i.HighWatermarks, 5 * time.Second},
		{&i.Producers, 10 * time.Minute},
		{&i.Clean, 15 * time.Second},
		{&i.Space, time.Second},
		{&i.Sweep, time.Minute},
		{&i.Move, time.Second},
	} {
		*d.value = cmp.Or(*d.value, d.unset)
	}
}

// Intervals are the periods of background work; 0 means the default named.
type Intervals struct {
	Initial        time.Duration // log.initial.task.delay.ms: before the first round; 30 s
	Retention      time.Duration // log.retention.check.interval.ms; 5 min
	Flush          time.Duration // log.flush.scheduler.interval.ms: how often flush.ms is looked at; 1 s
	RecoveryPoints time.Duration // log.flush.offset.checkpoint.interval.ms; 60 s
	LogStarts      time.Duration // log.flush.start.offset.checkpoint.interval.ms; 60 s
	HighWatermarks time.Duration // replica.high.watermark.checkpoint.interval.ms; 5 s
	Producers      time.Duration // producer.id.expiration.check.interval.ms; 10 min
	Clean          time.Duration // log.cleaner.backoff.ms: pause when nothing is dirty; 15 s
	Space          time.Duration // how often free space is looked at; 1 s
	Sweep          time.Duration // after how long without use a file is closed; 1 min
	Move           time.Duration // replica.fetch.backoff.ms: pause of a move that cannot go on; 1 s
}
