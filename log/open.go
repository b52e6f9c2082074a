package log

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/leatmq/leat/log/segment"
)

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
	trusted, scanned, err := l.recoverSegments(files)
	if err != nil {
		return err
	}
	if err := l.settleOffsets(trusted); err != nil {
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

// settleOffsets sets start, end and recovery point: after a crash it is where the scan
// began, for what the scan has found may have been read from the kernel's memory. The
// checkpoint may say more, until a sync reaches so far: see promised.
func (l *Log) settleOffsets(trusted int64) error {
	end := l.active().Next()
	l.start.Store(max(l.o.StartOffset, l.FirstSegment()))
	l.end.Store(end)
	l.sync.done.Store(min(trusted, end))
	l.sync.noted.Store(min(l.sync.noted.Load(), end))
	l.promised = l.o.RecoveryPoint
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
