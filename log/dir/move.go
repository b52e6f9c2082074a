package dir

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// Move starts to move a partition's log to another directory: a future copy is
// filled in the background and takes the log's place when it has caught up.
// Moving it to where it is cancels a move under way. When the partition has no
// log here, the directory is remembered for its creation and the error is
// ErrUnknown.
//
// Errors: ErrNotConfigured, ErrOffline, ErrUnknown, ErrNameTooLong,
// errors.ErrUnsupported, *log.IOError.
func (s *Set) Move(p checkpoint.Partition, path string) error {
	name := s.names.of(p)
	name.Lock()
	defer name.Unlock()
	to := s.byPath(path)
	if to == nil {
		return fmt.Errorf("%w: %s", ErrNotConfigured, path)
	}
	if err := to.Err(); err != nil {
		return err
	}
	h := s.get(p)
	if h == nil {
		s.prefer(p, to)
		return fmt.Errorf("%w: %v will be created in %s", ErrUnknown, p, path)
	}
	if err := h.dir.Err(); err != nil {
		return err
	}
	if f := s.coming(p); f != nil && f.dir == to {
		return nil
	}
	if err := s.cancelMove(p); err != nil || h.dir == to {
		return err
	}
	if s.o.Swap == nil {
		return fmt.Errorf("logs cannot be moved: %w", errors.ErrUnsupported)
	}
	return to.beginMove(h)
}

func (s *Set) byPath(path string) *Dir {
	for _, d := range s.dirs {
		if filepath.Clean(d.path) == filepath.Clean(path) {
			return d
		}
	}
	return nil
}

// coming returns the copy that will replace a partition's log, or nil.
func (s *Set) coming(p checkpoint.Partition) *held {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.dirs {
		if f := d.futures[p]; f != nil {
			return f
		}
	}
	return nil
}

// beginMove makes an empty copy of h here and has it filled.
func (d *Dir) beginMove(h *held) error {
	name, ok := futureName(h.partition, d.set.o.NewID())
	if !ok {
		return fmt.Errorf("%w: %v", ErrNameTooLong, h.partition)
	}
	path := filepath.Join(d.path, name)
	if err := d.purge(h.partition); err != nil {
		return d.wrap("move", path, err)
	}
	l, err := d.create(h.partition, path, NewLog{TopicID: h.log.TopicID(), Config: h.log.Config()})
	if err != nil {
		return d.wrap("move", path, err)
	}
	d.addFuture(h.partition, l)
	d.set.o.Logger.Info("moving a log", "log", h.log.Dir(), "to", d.path)
	// A cleaning under way ends, and none begins: a copy that has a record must
	// see its tombstone too.
	if stop := h.stop.Load(); stop != nil {
		(*stop)()
	}
	return nil
}

func (d *Dir) addFuture(p checkpoint.Partition, l *log.Log) {
	d.set.mu.Lock()
	d.futures[p] = &held{partition: p, log: l, dir: d}
	d.set.mu.Unlock()
	d.wakeMoves()
}

func (d *Dir) wakeMoves() {
	select {
	case d.moves <- struct{}{}:
	default:
	}
}

// cancelMove gives up a copy under way, if there is one; names is held.
func (s *Set) cancelMove(p checkpoint.Partition) error {
	f := s.coming(p)
	if f == nil {
		return nil
	}
	f.busy.Lock()
	defer f.busy.Unlock()
	if f.dir.Err() == nil { // else the next start finds that it belongs to nothing
		if err := f.dir.putAside(f); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(f.dir.futures, p)
	return nil
}
