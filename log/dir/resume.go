package dir

import (
	"errors"
	"path/filepath"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// resumeMoves takes up the moves to this directory that were under way, after
// all current logs are there.
func (d *Dir) resumeMoves(list []found) error {
	for _, f := range ofKind(list, future) {
		name := filepath.Base(f.path)
		h := d.set.get(f.partition)
		switch {
		case h == nil:
			d.leave(name, "it was to replace a log that is not here")
			continue
		case h.dir == d || d.set.coming(f.partition) != nil:
			d.leave(name, "it was to replace a log in this very directory, or another copy does")
			continue
		case d.set.o.Swap == nil:
			d.leave(name, "logs cannot be moved")
			continue
		}
		if err := d.resumeMove(f, h); err != nil {
			return err
		}
	}
	return nil
}

// resumeMove opens a copy, which may have more than the log if that lost its end
// in a crash.
func (d *Dir) resumeMove(f found, h *held) error {
	o := d.logOptions(f.partition, h.log.Config())
	o.Clean = d.clean
	o.RecoveryPoint = d.stored(checkpoint.RecoveryPointFile, f.partition)
	l, err := log.Open(f.path, o)
	if err == nil {
		err = takeUp(l, h.log)
	}
	switch {
	case err == nil:
		d.addFuture(f.partition, l)
		d.set.o.Logger.Info("moving a log goes on", "log", h.log.Dir(), "to", d.path)
		return nil
	case ofDisk(err):
		return err
	case l != nil:
		err = errors.Join(err, l.Close())
	}
	d.leave(filepath.Base(f.path), err.Error())
	return nil
}

// takeUp makes a copy from before a restart one that can be filled further.
func takeUp(copied, l *log.Log) error {
	if id := copied.TopicID(); id != l.TopicID() && id != [16]byte{} {
		return errors.New("it is of another topic of that name")
	}
	if err := align(copied, l); err != nil {
		return err
	}
	err := sameTail(copied, l)
	if errors.Is(err, errDiverge) {
		return copied.TruncateFullyAndStartAt(l.StartOffset())
	}
	return err
}
