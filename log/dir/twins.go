package dir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/leatmq/leat/log/checkpoint"
)

// settleTwins finds partitions with a log in several directories. After a move
// that a crash interrupted, the one that is marked as moved to the other is put
// aside; otherwise nobody can know, and all are left alone.
func (s *Set) settleTwins(lists [][]found) {
	at := make(map[checkpoint.Partition][]int)
	for i := range lists {
		for _, f := range ofKind(lists[i], current) {
			at[f.partition] = append(at[f.partition], i)
		}
	}
	for p, twins := range at {
		if len(twins) < 2 {
			continue
		}
		old := s.oldTwin(p, twins)
		for _, i := range twins {
			if old >= 0 && i != old {
				continue
			}
			if old >= 0 {
				s.dirs[i].finishMove(p)
			} else {
				s.dirs[i].leaveTwin(p)
			}
			lists[i] = slices.DeleteFunc(lists[i], func(f found) bool { return f.partition == p && f.kind == current })
		}
	}
}

// oldTwin returns which of two directories has the log that the other has
// replaced, or -1 when that cannot be told.
func (s *Set) oldTwin(p checkpoint.Partition, twins []int) int {
	old := -1
	for _, i := range twins {
		to, err := s.dirs[i].movedTo(filepath.Join(s.dirs[i].path, p.String()))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			s.dirs[i].goOffline(err)
		case to != nil && to != s.dirs[i] && old < 0 && len(twins) == 2 && slices.Contains(twins, slices.Index(s.dirs, to)):
			old = i
		default:
			return -1
		}
	}
	return old
}

// leaveTwin does not touch a log that is in another directory too.
func (d *Dir) leaveTwin(p checkpoint.Partition) {
	d.set.o.Logger.Error("log is in several directories and is left alone: remove all but the right one",
		"log", filepath.Join(d.path, p.String()))
	d.addBroken(p, errors.New("it is in several directories"))
}

// finishMove puts a log aside that was moved before a crash.
func (d *Dir) finishMove(p checkpoint.Partition) {
	path, aside := filepath.Join(d.path, p.String()), filepath.Join(d.path, deletedName(p, d.set.o.NewID()))
	err := d.set.o.FS.Rename(path, aside)
	if err == nil {
		err = d.set.o.FS.SyncDir(d.path)
	}
	if err != nil {
		d.goOffline(err)
		return
	}
	d.removals.add(removal{path: aside, due: d.set.o.Now().Add(d.deleteDelay(p))})
	d.set.o.Logger.Info("the move of a log is complete", "old", path)
}
