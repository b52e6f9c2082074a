package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
)

// Open locks the directories, creating those that are missing, checks that all
// belong to this broker, and loads every log. A directory whose disk fails is
// offline and the others are used; Open fails when none is left, or when one is
// locked (vfs.ErrLocked), owned by another (ErrOwner) or unreadable in its
// meta.properties (checkpoint.ErrCorrupt).
func Open(paths []string, o Options) (*Set, error) {
	o.setDefaults()
	s := &Set{
		o:         o,
		id:        identity{o.BrokerID, o.ClusterID},
		preferred: make(map[checkpoint.Partition]*Dir),
		logs:      make(map[checkpoint.Partition]*held),
		offline:   make(chan struct{}, 1),
		told:      make(map[*Dir]bool),
	}
	if err := s.addDirs(paths); err != nil {
		return nil, err
	}
	err := s.claim()
	if err == nil {
		s.parallel(func(_ int, d *Dir) error { return d.own(s.id) })
		s.load()
		err = s.anyOnline()
	}
	if err != nil {
		return nil, errors.Join(err, s.closeLogs(), s.unlock())
	}
	return s, nil
}

func (s *Set) addDirs(paths []string) error {
	seen := make(map[string]bool)
	for _, path := range paths {
		clean := filepath.Clean(path)
		if seen[clean] {
			return fmt.Errorf("log.dirs names %s twice", path)
		}
		seen[clean] = true
		s.dirs = append(s.dirs, &Dir{
			path:    path,
			set:     s,
			moves:   make(chan struct{}, 1),
			logs:    make(map[checkpoint.Partition]*held),
			futures: make(map[checkpoint.Partition]*held),
			broken:  make(map[checkpoint.Partition]error),
		})
	}
	if len(s.dirs) == 0 {
		return errors.New("log.dirs names no directory")
	}
	return nil
}

// claim makes sure that the directories are ours alone before anything in them
// is touched. An error is a reason not to start at all.
func (s *Set) claim() error {
	for _, d := range s.dirs {
		err := makeDir(s.o.FS, d.path)
		if err == nil {
			d.lock, err = d.set.o.FS.Lock(filepath.Join(d.path, checkpoint.LockFile))
		}
		if errors.Is(err, vfs.ErrLocked) {
			return err
		}
		if err == nil {
			d.barrier, err = d.set.o.FS.Barrier(d.path)
			if errors.Is(err, errors.ErrUnsupported) {
				err = nil
			}
		}
		if err == nil {
			err = d.identify(&s.id)
		}
		if errors.Is(err, ErrOwner) || errors.Is(err, checkpoint.ErrCorrupt) {
			return err
		}
		if err != nil {
			d.goOffline(err)
		}
	}
	if err := s.anyOnline(); err != nil {
		return err
	}
	s.id.complete(s.o.NewID)
	return nil
}

// makeDir creates a directory with its missing parents, durably.
func makeDir(fsys vfs.FS, path string) error {
	var missing []string
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		_, err := fsys.Stat(p)
		if err == nil || p == filepath.Dir(p) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, p)
	}
	if err := fsys.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, p := range missing {
		if err := fsys.SyncDir(filepath.Dir(p)); err != nil {
			return err
		}
	}
	return nil
}

// load opens the logs of all directories at once. A directory whose disk fails
// goes offline.
func (s *Set) load() {
	lists := make([][]found, len(s.dirs))
	s.parallel(func(i int, d *Dir) error {
		var err error
		lists[i], err = d.prepare()
		return err
	})
	s.settleTwins(lists)
	s.parallel(func(i int, d *Dir) error { return d.load(lists[i]) })
	for i, d := range s.dirs { // one after the other: only one copy of a log is taken up
		if d.Err() == nil {
			if err := d.resumeMoves(lists[i]); err != nil {
				d.goOffline(err)
			}
		}
	}
	for _, d := range s.online() {
		d.checkSpace()
	}
}

// parallel does something to every directory that is online, all at once, and
// takes those offline where it fails.
func (s *Set) parallel(do func(i int, d *Dir) error) {
	var all sync.WaitGroup
	for i, d := range s.dirs {
		if d.Err() == nil {
			all.Go(func() {
				if err := do(i, d); err != nil {
					d.goOffline(err)
				}
			})
		}
	}
	all.Wait()
}

func (s *Set) online() []*Dir {
	var list []*Dir
	for _, d := range s.dirs {
		if d.Err() == nil {
			list = append(list, d)
		}
	}
	return list
}

// anyOnline returns nil as long as one directory is, else why none is.
func (s *Set) anyOnline() error {
	if len(s.online()) > 0 {
		return nil
	}
	var all []error
	for _, d := range s.dirs {
		all = append(all, d.Err())
	}
	return errors.Join(all...)
}
