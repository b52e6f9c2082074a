package dir

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

type offsets = map[checkpoint.Partition]int64

// offsetFiles are the checkpoints that hold an offset per partition.
var offsetFiles = []string{
	checkpoint.RecoveryPointFile, checkpoint.LogStartFile, checkpoint.HighWatermarkFile, checkpoint.CleanerFile,
}

// checkpoints is what a directory's checkpoint files hold, and what they should.
//
// An entry must never outlive its log: a partition made anew under the same
// name would be truncated to the old one's start, or trusted up to the old
// one's end. So entries of deleted logs are purged before the name is used again.
type checkpoints struct {
	mu   sync.Mutex
	disk map[string]offsets // by file name
	// unsure are files that may hold something else than disk says: they could
	// not be read, or a write of them failed.
	unsure map[string]bool
	high   offsets // the last high watermarks known
	// dirty is where the cleaner goes on in each compacted log.
	dirty offsets
	// cuts is where logs were cut, at the lowest, since they were offered to the cleaner.
	cuts offsets
}

// readCheckpoints loads the files. readable is false when one that recovery
// depends on cannot be understood: then nothing on disk may be trusted.
func (d *Dir) readCheckpoints() (readable bool, err error) {
	readable = true
	d.points.disk, d.points.unsure = make(map[string]offsets), make(map[string]bool)
	for _, name := range offsetFiles {
		m, err := checkpoint.ReadOffsets(d.set.o.FS, filepath.Join(d.path, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			m = offsets{}
		case errors.Is(err, checkpoint.ErrCorrupt):
			d.set.o.Logger.Error("checkpoint cannot be read and is ignored; logs are checked from their beginning", "error", err)
			readable = readable && name != checkpoint.RecoveryPointFile && name != checkpoint.LogStartFile
			d.points.unsure[name] = true
		case err != nil:
			return false, err
		}
		d.points.disk[name] = m
	}
	d.points.high = copyOf(d.points.disk[checkpoint.HighWatermarkFile])
	d.points.dirty = copyOf(d.points.disk[checkpoint.CleanerFile])
	d.points.cuts = make(offsets)
	return readable, nil
}

func copyOf(m offsets) offsets {
	c := make(offsets, len(m))
	maps.Copy(c, m)
	return c
}

// stored returns what a file said at start about a partition, or -1.
func (d *Dir) stored(name string, p checkpoint.Partition) int64 {
	d.points.mu.Lock()
	defer d.points.mu.Unlock()
	if o, ok := d.points.disk[name][p]; ok {
		return o
	}
	return -1
}

// writeRecoveryPoints, writeLogStarts and writeHighWatermarks bring one file up
// to date. They write nothing when it is.

func (d *Dir) writeRecoveryPoints() error {
	return d.write(checkpoint.RecoveryPointFile, func(m offsets) {
		for _, h := range append(d.held(), d.coming()...) {
			m[h.partition] = h.log.CheckpointOffset()
		}
	})
}

func (d *Dir) writeLogStarts() error {
	return d.write(checkpoint.LogStartFile, func(m offsets) {
		d.each(func(p checkpoint.Partition, l *log.Log) {
			if start := l.StartOffset(); start > l.FirstSegment() {
				m[p] = start
			}
		})
	})
}

func (d *Dir) writeHighWatermarks() error {
	return d.write(checkpoint.HighWatermarkFile, func(m offsets) {
		d.each(func(p checkpoint.Partition, _ *log.Log) {
			if hw := d.set.o.HighWatermark(p); hw >= 0 {
				d.points.high[p] = hw
			}
			if hw, ok := d.points.high[p]; ok {
				m[p] = hw
			}
		})
	})
}

// willCut notes that a log is about to be cut: what comes to lie there was not cleaned.
// That is on disk before the cut is, for a crash must not make it clean.
func (d *Dir) willCut(p checkpoint.Partition, offset int64) {
	d.points.mu.Lock()
	defer d.points.mu.Unlock()
	if lowest, before := d.points.cuts[p]; !before || offset < lowest {
		d.points.cuts[p] = offset
	}
	if d.points.dirty[p] <= offset || d.Err() != nil {
		return
	}
	d.points.dirty[p] = offset
	m := copyOf(d.points.disk[checkpoint.CleanerFile])
	m[p] = offset
	d.failed(d.replaceLocked(checkpoint.CleanerFile, m))
}

// cleaned notes where the cleaner goes on in a log.
func (d *Dir) cleaned(p checkpoint.Partition, firstDirty int64) error {
	return d.write(checkpoint.CleanerFile, func(m offsets) {
		if cut, since := d.points.cuts[p]; since {
			firstDirty = min(firstDirty, cut)
		}
		d.points.dirty[p] = firstDirty
		d.each(func(p checkpoint.Partition, _ *log.Log) {
			if o, ok := d.points.dirty[p]; ok {
				m[p] = o
			}
		})
	})
}

// write replaces one file with what fill gives, unless that is on disk already.
func (d *Dir) write(name string, fill func(offsets)) error {
	if err := d.Err(); err != nil {
		return err
	}
	d.points.mu.Lock()
	defer d.points.mu.Unlock()
	m := make(offsets)
	fill(m)
	return d.replaceLocked(name, m)
}

func (d *Dir) replaceLocked(name string, m offsets) error {
	if !d.points.unsure[name] && maps.Equal(d.points.disk[name], m) {
		return nil
	}
	err := checkpoint.WriteOffsets(d.set.o.FS, filepath.Join(d.path, name), m)
	d.points.disk[name], d.points.unsure[name] = m, err != nil
	d.failed(err)
	return err
}

// purge removes what the files still say about a partition that has no log here.
func (d *Dir) purge(p checkpoint.Partition) error {
	d.points.mu.Lock()
	defer d.points.mu.Unlock()
	delete(d.points.high, p)
	delete(d.points.dirty, p)
	delete(d.points.cuts, p)
	for _, name := range offsetFiles {
		m := d.points.disk[name]
		if _, has := m[p]; !has && !d.points.unsure[name] {
			continue
		}
		m = copyOf(m)
		delete(m, p)
		if err := d.replaceLocked(name, m); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint brings all files up to date.
func (d *Dir) checkpoint() error {
	return errors.Join(d.writeRecoveryPoints(), d.writeLogStarts(), d.writeHighWatermarks())
}
