package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/vfs"
)

// refusal is why a directory takes no appends.
type refusal struct {
	err     error
	offline bool // for good; otherwise until there is space again
}

// Err returns why the directory is offline, an error of kind ErrOffline with its
// cause, or nil.
func (d *Dir) Err() error {
	if r := d.refusal.Load(); r != nil && r.offline {
		return r.err
	}
	return nil
}

// admit is asked before each append to a log of this directory.
func (d *Dir) admit() error {
	if r := d.refusal.Load(); r != nil {
		return r.err
	}
	return nil
}

// failed is told every error of the disk under this directory. The first takes
// it offline until restart, for what the kernel still holds of its files cannot
// be trusted; a full disk only stops appends until there is space. It may be
// called with a log's lock held.
func (d *Dir) failed(err error) {
	if err == nil {
		return
	}
	if vfs.IsNoSpace(err) || errors.Is(err, log.ErrNoSpace) {
		d.full("the disk is full: " + err.Error())
		return
	}
	if vfs.IsBusy(err) {
		d.set.o.Logger.Warn("too many files are open; what could not be written is tried again", "dir", d.path, "error", err)
		return
	}
	d.goOffline(err)
}

// goOffline refuses everything until restart.
func (d *Dir) goOffline(err error) {
	off := &refusal{err: fmt.Errorf("%w: %s: %w", ErrOffline, d.path, err), offline: true}
	for {
		old := d.refusal.Load()
		if old != nil && old.offline {
			return
		}
		if d.refusal.CompareAndSwap(old, off) {
			break
		}
	}
	d.set.o.Logger.Error("log directory is offline: its disk failed; its partitions are not served until restart",
		"dir", d.path, "error", err)
	d.set.wentOffline()
}

// ofDisk tells errors of the disk from those about what is on it.
func ofDisk(err error) bool {
	var io *log.IOError
	var path *fs.PathError
	var link *os.LinkError
	return errors.As(err, &io) || errors.As(err, &path) || errors.As(err, &link)
}

// logFailed is told every error of a log's method. What is not the disk's
// concerns that log alone.
func (d *Dir) logFailed(l *log.Log, err error) {
	switch {
	case err == nil, errors.Is(err, log.ErrClosed):
	case ofDisk(err), errors.Is(err, log.ErrNoSpace):
		d.failed(err)
	default:
		d.set.o.Logger.Error("background work on a log failed", "log", l.Dir(), "error", err)
	}
}

// full stops appends until hasSpace.
func (d *Dir) full(why string) {
	r := &refusal{err: fmt.Errorf("%w: %s: %s", log.ErrNoSpace, d.path, why)}
	if d.refusal.CompareAndSwap(nil, r) {
		d.set.o.Logger.Error("log directory takes no more records: "+why+"; reading, deletion and retention go on",
			"dir", d.path)
	}
}

// hasSpace lets appends in again.
func (d *Dir) hasSpace() {
	if r := d.refusal.Load(); r != nil && !r.offline && d.refusal.CompareAndSwap(r, nil) {
		d.set.o.Logger.Info("log directory takes records again: there is space", "dir", d.path)
	}
}

// Unless told otherwise, appends stop when less than a hundredth of the disk,
// or this much, is free.
const (
	minFreePart  = 100
	minFreeBytes = 256 << 20
)

// checkSpace looks at the free space and refuses or admits appends. It admits
// again a little above the mark, so as not to change its mind at every write.
func (d *Dir) checkSpace() {
	free, total, err := d.set.o.FS.Free(d.path)
	if err != nil {
		d.failed(err)
		return
	}
	mark := uint64(max(0, d.set.o.MinFree))
	if d.set.o.MinFree == 0 {
		mark = min(total/minFreePart, minFreeBytes)
	}
	switch {
	case free < mark:
		d.full(fmt.Sprintf("%d bytes are free, leat.disk.min.free.bytes is %d", free, mark))
	case free > 0 && free >= mark+mark/8:
		d.hasSpace()
	}
}

// Space returns the bytes free and in all on the directory's file system.
func (d *Dir) Space() (free, total uint64, err error) { return d.set.o.FS.Free(d.path) }
