package dir

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
)

// swap makes a complete copy the partition's log.
func (d *Dir) swap(f *held) error {
	if err := f.log.Flush(f.log.EndOffset()); err != nil { // most of it, before appends have to wait
		return d.copyFailed(err)
	}
	return d.set.o.Swap(f.partition, func() (*log.Log, *Dir, error) {
		name := d.set.names.of(f.partition)
		name.Lock()
		defer name.Unlock()
		if err := d.swapNow(f); err != nil {
			return nil, nil, err
		}
		return f.log, d, nil
	})
}

// swapNow does it, with appends kept away and names held.
func (d *Dir) swapNow(f *held) error {
	for left := swapPiece; ; {
		n, err := d.fill(f, min(left, movePiece))
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if left -= n; left <= 0 {
			return errBehind
		}
	}
	h := d.set.get(f.partition)
	h.busy.Lock()
	defer h.busy.Unlock()
	if err := d.complete(f, h); err != nil {
		return d.wrap("move", f.log.Dir(), err)
	}
	if err := d.takeName(f, h); err != nil {
		return err
	}
	d.set.replace(h, f)
	d.set.o.Logger.Info("moved a log", "log", f.log.Dir(), "from", h.dir.path)
	h.dir.failed(h.dir.putAside(h)) // what fails is left to the next start
	return nil
}

// complete gives the copy all that is not in the records, durably.
func (d *Dir) complete(f, h *held) error {
	f.log.Configure(h.log.Config())
	if id := h.log.TopicID(); f.log.TopicID() != id {
		if err := f.log.SetTopicID(id); err != nil {
			return err
		}
	}
	if epoch := h.log.LatestEpoch(); epoch > f.log.LatestEpoch() {
		if err := f.log.AssignEpoch(epoch); err != nil { // of a leader that wrote nothing yet
			return err
		}
	}
	if err := f.log.Flush(f.log.EndOffset()); err != nil {
		return err
	}
	return d.promise(f, h)
}

// promise writes the log's start into the checkpoint before the log is there,
// for a crash must not bring back what was deleted.
func (d *Dir) promise(f, h *held) error {
	h.dir.points.mu.Lock()
	high, known := h.dir.points.high[h.partition]
	h.dir.points.mu.Unlock()
	d.points.mu.Lock()
	defer d.points.mu.Unlock()
	if known {
		d.points.high[f.partition] = high
	}
	start := f.log.StartOffset()
	if start <= f.log.FirstSegment() {
		return nil
	}
	m := copyOf(d.points.disk[checkpoint.LogStartFile])
	m[f.partition] = start
	return d.replaceLocked(checkpoint.LogStartFile, m)
}

// takeName renames the copy to the log's name, with the log marked, so that a
// crash that leaves both names tells which is the log. If the renaming fails,
// nobody knows whether it will have happened after a restart: then the mark
// goes, for the log will get records that the copy lacks.
func (d *Dir) takeName(f, h *held) error {
	if err := h.dir.markMoved(h, d); err != nil {
		return h.dir.wrap("move", h.log.Dir(), err)
	}
	err := f.log.Rename(filepath.Join(d.path, f.partition.String()))
	if err == nil {
		err = d.set.o.FS.SyncDir(d.path)
	}
	if err == nil {
		return nil
	}
	err = d.wrap("move", f.log.Dir(), err)
	if undo := h.dir.unmark(h.log.Dir()); undo != nil {
		h.dir.goOffline(undo)
		err = errors.Join(err, undo)
	}
	return err
}

// movedMark is a file in the directory of a log whose place a copy in another
// data directory is about to take; it holds that directory's path.
const movedMark = ".leat-moved-to"

func (d *Dir) markMoved(h *held, to *Dir) error {
	return vfs.WriteFileAtomic(d.set.o.FS, filepath.Join(h.log.Dir(), movedMark), []byte(to.path))
}

// unmark takes the mark away, durably.
func (d *Dir) unmark(path string) error {
	if err := d.set.o.FS.Remove(filepath.Join(path, movedMark)); err != nil {
		return err
	}
	return d.set.o.FS.SyncDir(path)
}

// movedTo reads the mark in a log's directory: where the log may be instead.
func (d *Dir) movedTo(path string) (*Dir, error) {
	to, err := vfs.ReadFile(d.set.o.FS, filepath.Join(path, movedMark))
	if err != nil {
		return nil, err
	}
	return d.set.byPath(string(to)), nil
}

// replace puts the copy in the log's place.
func (s *Set) replace(h, f *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(h.dir.logs, h.partition)
	delete(f.dir.futures, f.partition)
	s.logs[f.partition] = f
	f.dir.logs[f.partition] = f
}

// copyFailed takes the directory offline if the disk is why its copy failed.
func (d *Dir) copyFailed(err error) error {
	if err != nil && (ofDisk(err) || errors.Is(err, log.ErrNoSpace)) {
		d.failed(err)
		return fmt.Errorf("copy: %w", err)
	}
	return err
}
