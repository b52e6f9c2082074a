package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
)

// NewLog says what log to create.
type NewLog struct {
	TopicID [16]byte // zero: none
	Config  log.Config
	// Fresh: the partition never existed before, so that it may be created
	// although a directory that might hold it is offline.
	Fresh bool
}

// Create makes the log of a partition in the online directory with the fewest
// partitions, or in the one that Move named before.
//
// Errors: ErrExists, ErrOffline, log.ErrNoSpace, *log.IOError.
func (s *Set) Create(p checkpoint.Partition, n NewLog) (*log.Log, error) {
	name := s.names.of(p)
	name.Lock()
	defer name.Unlock()
	if s.get(p) != nil {
		return nil, fmt.Errorf("%w: %v", ErrExists, p)
	}
	if err := s.hidden(p, n.Fresh); err != nil {
		return nil, err
	}
	d := s.place(p)
	if d == nil {
		return nil, s.anyOnline()
	}
	path := filepath.Join(d.path, p.String())
	if _, err := s.o.FS.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%w: %s is in the way", ErrOffline, path)
		}
		return nil, err
	}
	if err := d.purge(p); err != nil {
		return nil, d.wrap("create", path, err)
	}
	l, err := d.create(p, path, n)
	if err != nil {
		return nil, d.wrap("create", path, err)
	}
	s.add(&held{partition: p, log: l, dir: d})
	s.prefer(p, nil)
	return l, nil
}

// hidden tells whether a log of the partition may exist where it cannot be seen.
func (s *Set) hidden(p checkpoint.Partition, fresh bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.dirs {
		if err := d.broken[p]; err != nil {
			return fmt.Errorf("%w: the log of %v in %s could not be opened: %w", ErrOffline, p, d.path, err)
		}
		if err := d.Err(); err != nil && !fresh {
			return fmt.Errorf("the log of %v may be there: %w", p, err)
		}
	}
	return nil
}

// place chooses a directory: the preferred one, else the one with the fewest
// partitions among those that take records. nil: all are offline.
func (s *Set) place(p checkpoint.Partition) *Dir {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if d := s.preferred[p]; d != nil && d.Err() == nil {
		return d
	}
	var best *Dir
	for _, d := range s.dirs {
		switch {
		case d.Err() != nil:
		case best == nil, d.admit() == nil && best.admit() != nil:
			best = d
		case d.admit() != nil && best.admit() == nil:
		case len(d.logs)+len(d.futures) < len(best.logs)+len(best.futures):
			best = d
		}
	}
	return best
}

// prefer remembers where a partition is to be created; nil forgets it.
func (s *Set) prefer(p checkpoint.Partition, d *Dir) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d == nil {
		delete(s.preferred, p)
		return
	}
	s.preferred[p] = d
}

// create makes the directory of a partition's log and makes its name durable.
func (d *Dir) create(p checkpoint.Partition, path string, n NewLog) (*log.Log, error) {
	o := d.logOptions(p, n.Config)
	o.TopicID = n.TopicID
	l, err := log.Open(path, o)
	if err != nil {
		return nil, err
	}
	if err := d.set.o.FS.SyncDir(d.path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// wrap makes an error of the disk a *log.IOError, after the directory was told.
func (d *Dir) wrap(op, path string, err error) error {
	d.failed(err)
	var disk *log.IOError
	if errors.As(err, &disk) || errors.Is(err, ErrOffline) || errors.Is(err, log.ErrNoSpace) {
		return err
	}
	if vfs.IsNoSpace(err) {
		return fmt.Errorf("%s %s: %w: %w", op, path, log.ErrNoSpace, err)
	}
	return &log.IOError{Op: op, Path: path, Err: err}
}
