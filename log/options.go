package log

import (
	"log/slog"
	"time"

	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// FileCache bounds the files that are open and the indexes that are in memory for
// all logs of a broker together.
type FileCache = segment.FileCache

// NewFileCache returns a cache of at most limit open files.
func NewFileCache(limit int) *FileCache { return segment.NewFileCache(limit) }

// defaultFiles is how many files a log may keep open that shares no cache.
const defaultFiles = 64

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
	// OnIOError is told, once, when the disk fails under the log. It may be called
	// with the log's locks held and must not call the log. nil: nobody.
	OnIOError func(error)
	// OnCut is told, before it happens and with no lock of the log held, that the log
	// is about to lose what it has from an offset on, so that other records may come to
	// lie there. nil: nobody.
	OnCut func(offset int64)
	// Jitter gives a random number in [0, n) for segment.jitter.ms. nil: 0.
	Jitter func(n int64) int64
}

// withDefaults fills in what was left out. Many logs share what is the same for
// all, so the copy is worth its 300 bytes only once each.
func (o Options) withDefaults() *Options {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Files == nil {
		o.Files = NewFileCache(defaultFiles)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.ProducerExpiry <= 0 {
		o.ProducerExpiry = 24 * time.Hour
	}
	if o.Admit == nil {
		o.Admit = func() error { return nil }
	}
	if o.OnIOError == nil {
		o.OnIOError = func(error) {}
	}
	if o.OnCut == nil {
		o.OnCut = func(int64) {}
	}
	if o.Jitter == nil {
		o.Jitter = func(int64) int64 { return 0 }
	}
	return &o
}
