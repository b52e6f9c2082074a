package log

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/segment"
)

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

// nameOf is the topic and partition that a directory is for, without the suffix of a
// deleted or future log.
func nameOf(dir string) string {
	name := filepath.Base(dir)
	if ext := filepath.Ext(name); hasDirSuffix(ext) {
		return strings.TrimSuffix(name, ext)
	}
	return name
}

// hasDirSuffix reports whether an extension is one of Kafka's: 32 hex digits and what
// the directory waits for.
func hasDirSuffix(ext string) bool {
	for _, s := range []string{"-delete", "-future", "-stray"} {
		if len(ext) == 1+32+len(s) && ext[33:] == s {
			return true
		}
	}
	return false
}

// load reads the directory and makes the log what its files say.
func (l *Log) load() error {
	files, err := l.readDir()
	if err != nil {
		return err
	}
	if err := l.loadMeta(); err != nil {
		return err
	}
	epochsKnown, err := l.loadEpochs()
	if err != nil {
		return err
	}
	if err := l.loadSegments(files); err != nil {
		return err
	}
	if !epochsKnown {
		if err := l.rebuildEpochs(); err != nil {
			return err
		}
	}
	scanned, err := l.recoverSegments(files)
	if err != nil {
		return err
	}
	if err := l.settleOffsets(); err != nil {
		return err
	}
	if err := l.settleProducers(scanned); err != nil {
		return err
	}
	l.began()
	for _, s := range *l.segments.Load() {
		s.Evict()
	}
	return nil
}

// loadSegments makes the list of segments, and a first one when there is none.
func (l *Log) loadSegments(files *listing) error {
	list := make([]*segment.Segment, 0, len(files.segments))
	for i, f := range files.segments {
		if i+1 < len(files.segments) {
			f.Next = files.segments[i+1].Base
		}
		list = append(list, segment.Existing(l.home, f))
	}
	if len(list) == 0 {
		s, err := segment.Create(l.home, max(l.o.StartOffset, 0))
		if err != nil {
			return err
		}
		list = append(list, s)
		l.sync.namesChanged()
	}
	l.setSegments(list)
	return nil
}

// settleOffsets sets start, end and recovery point.
func (l *Log) settleOffsets() error {
	end := l.active().Next()
	l.start.Store(max(l.o.StartOffset, l.FirstSegment()))
	l.end.Store(end)
	switch {
	case l.o.Clean:
		l.sync.done.Store(end)
	default:
		l.sync.done.Store(min(max(l.o.RecoveryPoint, l.FirstSegment()), end))
	}
	if l.StartOffset() > end {
		l.logger().Warn("the log ends before its start offset and begins anew there",
			"end", end, "start", l.StartOffset())
		return l.restart(l.StartOffset())
	}
	// An epoch that begins just at the end has no records yet, and is kept: its
	// leader may be about to write them.
	l.cutEpochs(end + 1)
	l.state.Lock()
	defer l.state.Unlock()
	if l.epochs.TruncateFromStart(l.StartOffset()) {
		l.epochsDirty = true
	}
	return nil
}

// settleProducers makes the producer table that of the end, as a scan has done.
func (l *Log) settleProducers(scanned bool) error {
	end := l.EndOffset()
	if err := l.removeSnapshots(func(at int64) bool { return at > end }); err != nil {
		return err
	}
	if !scanned && len(l.snapshots) == 0 && end > l.FirstSegment() {
		// Written by a Kafka that had none, or all were removed: nothing to know
		// is better than reading everything, as in Kafka.
		return l.takeSnapshot(end)
	}
	if !scanned {
		if err := l.loadProducers(end); err != nil {
			return err
		}
	}
	l.state.Lock()
	l.producers.Expire(l.o.Now().UnixMilli(), l.o.ProducerExpiry.Milliseconds())
	l.noteUnstable()
	l.state.Unlock()
	return l.removeStrays()
}

// removeStrays removes snapshots that belong to no segment, but for the newest.
func (l *Log) removeStrays() error {
	bases := make(map[int64]bool)
	for _, s := range *l.segments.Load() {
		bases[s.Base()] = true
	}
	if len(l.snapshots) == 0 {
		return nil
	}
	newest := slices.Max(l.snapshots)
	return l.removeSnapshots(func(at int64) bool { return at != newest && !bases[at] })
}

// errForeign means that a file has a name that only a segment's file may have.
var errForeign = errors.New("not a file")
