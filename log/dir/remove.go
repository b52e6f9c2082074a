package dir

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// removal is a directory that waits to be removed.
type removal struct {
	path string
	due  time.Time
	log  *log.Log // nil: taken up at start, it was never opened
}

// removals are those of one directory.
type removals struct {
	mu   sync.Mutex
	list []removal
}

func (r *removals) add(x removal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, x)
}

// take returns those that are due and keeps the rest.
func (r *removals) take(now time.Time) (due []removal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rest []removal
	for _, x := range r.list {
		if x.due.After(now) {
			rest = append(rest, x)
		} else {
			due = append(due, x)
		}
	}
	r.list = rest
	return due
}

// Delete takes a partition away: on return its directory has the suffix
// -delete, durably, and p may be created again. The files go after
// file.delete.delay.ms. A future copy goes too.
//
// Errors: ErrUnknown, ErrOffline, *log.IOError.
func (s *Set) Delete(p checkpoint.Partition) error {
	name := s.names.of(p)
	name.Lock()
	defer name.Unlock()
	s.prefer(p, nil)
	return s.away(p, (*Dir).discard)
}

// away takes a log out of its directory, and stops a move of it. The caller holds
// its name.
func (s *Set) away(p checkpoint.Partition, take func(*Dir, *held) error) error {
	h := s.get(p)
	if h == nil {
		return fmt.Errorf("%w: %v", ErrUnknown, p)
	}
	if err := h.dir.Err(); err != nil {
		return err
	}
	if err := s.cancelMove(p); err != nil {
		return err
	}
	return take(h.dir, h)
}

// SetAside takes a partition's log away and keeps it: on return its directory has the
// suffix -stray, durably, p may be created again, and nobody touches what was there. A
// future copy of it goes.
//
// Errors: ErrUnknown, ErrOffline, *log.IOError.
func (s *Set) SetAside(p checkpoint.Partition) error {
	name := s.names.of(p)
	name.Lock()
	defer name.Unlock()
	return s.away(p, (*Dir).setAside)
}

func (d *Dir) setAside(h *held) error {
	if stop := h.stop.Load(); stop != nil {
		(*stop)()
	}
	h.busy.Lock()
	defer h.busy.Unlock()
	path := filepath.Join(d.path, strayName(h.partition, d.set.o.NewID()))
	if err := h.log.Rename(path); err != nil {
		return d.wrap("set aside", h.log.Dir(), err)
	}
	d.set.drop(h)
	if err := d.set.o.FS.SyncDir(d.path); err != nil {
		return d.wrap("set aside", path, err)
	}
	d.logFailed(h.log, h.log.Close())
	return nil
}

// discard takes a log away from those who work on it and puts it aside.
func (d *Dir) discard(h *held) error {
	if stop := h.stop.Load(); stop != nil {
		(*stop)()
	}
	h.busy.Lock() // whoever comes later sees that it is gone
	defer h.busy.Unlock()
	err := d.putAside(h)
	if h.log.Dir() != filepath.Join(d.path, h.partition.String()) {
		d.set.drop(h)
	}
	return err
}

// putAside gives a log's directory its last name, durably, and lists it for
// removal.
func (d *Dir) putAside(h *held) error {
	path := filepath.Join(d.path, deletedName(h.partition, d.set.o.NewID()))
	if err := h.log.Rename(path); err != nil {
		return d.wrap("delete", h.log.Dir(), err)
	}
	delay := time.Duration(h.log.Config().FileDeleteDelayMs) * time.Millisecond
	d.removals.add(removal{path: path, due: d.set.o.Now().Add(delay), log: h.log})
	if err := d.set.o.FS.SyncDir(d.path); err != nil {
		return d.wrap("delete", path, err)
	}
	return nil
}

// removeDue removes directories whose time has come.
func (d *Dir) removeDue(now time.Time) {
	for _, x := range d.removals.take(now) {
		if d.Err() == nil {
			d.remove(x)
		}
	}
}

// removeNow removes directories whose logs are open, for nobody reads them any
// more; the others can wait for the next start.
func (d *Dir) removeNow(ctx context.Context) {
	for _, x := range d.removals.take(forever) {
		if x.log != nil && d.Err() == nil && ctx.Err() == nil {
			d.remove(x)
		}
	}
}

// forever is later than every due time.
var forever = time.Unix(1<<40, 0)

func (d *Dir) remove(x removal) {
	var err error
	if x.log != nil {
		err = x.log.Delete()
	} else {
		err = d.set.o.FS.RemoveAll(x.path)
	}
	if err != nil {
		d.failed(fmt.Errorf("remove %s: %w", x.path, err))
		return
	}
	d.set.o.Logger.Info("removed a deleted log", "dir", d.path, "name", filepath.Base(x.path))
}
