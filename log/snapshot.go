package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// snapshotSuffix ends the name of a producer snapshot.
const snapshotSuffix = ".snapshot"

func snapshotName(offset int64) string { return segment.Name(offset) + snapshotSuffix }

// takeSnapshot saves the producers as they are at the end offset, unless the newest
// snapshot says the same. A snapshot that was lost or torn costs a longer replay and no
// more, so nobody waits for the disk.
func (l *Log) takeSnapshot(offset int64) error {
	n := len(l.snapshots)
	if n > 0 && l.snapshots[n-1] >= offset {
		return nil
	}
	l.state.Lock()
	states := l.producers.States()
	l.state.Unlock()
	if n == 0 && len(states) == 0 && offset == l.FirstSegment() {
		return nil // nothing was ever appended
	}
	data := producer.EncodeSnapshot(states)
	if err := l.writeSnapshot(offset, data); err != nil {
		return err
	}
	l.snapshots = append(l.snapshots, offset)
	return nil
}

func (l *Log) writeSnapshot(offset int64, data []byte) error {
	f, err := l.fs().OpenFile(l.home.Path(snapshotName(offset)), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, l.removeFile(snapshotName(offset)))
	}
	return nil
}

// removeSnapshots removes those that match.
func (l *Log) removeSnapshots(match func(offset int64) bool) error {
	var err error
	l.snapshots = slices.DeleteFunc(l.snapshots, func(offset int64) bool {
		if !match(offset) {
			return false
		}
		rerr := l.removeFile(snapshotName(offset))
		err = errors.Join(err, rerr)
		return rerr == nil
	})
	return err
}

// removeFile removes a file of the directory, if it is there.
func (l *Log) removeFile(name string) error {
	if err := l.fs().Remove(l.home.Path(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// loadProducers makes the table what it was at an offset, from the newest good
// snapshot at or below it and the batches since. A snapshot that is not good is
// removed.
func (l *Log) loadProducers(at int64) error {
	l.state.Lock()
	defer l.state.Unlock()
	from, err := l.loadSnapshot(l.producers, at)
	if err != nil {
		return err
	}
	it := &record.Iterator{}
	for _, s := range *l.segments.Load() {
		if s.Next() <= from || s.Base() >= at {
			continue
		}
		err := s.Scan(from, func(b record.Batch) error {
			if b.BaseOffset() < from || b.BaseOffset() >= at {
				return nil
			}
			_, _, err := follow(l.producers, b, it)
			return err
		})
		if errors.Is(err, record.ErrCorrupt) {
			// What was durable is damaged. The rest of the log is still of use, so
			// it is served; what the producers here did is forgotten.
			l.logger().Error("a segment is damaged: its producers are not known", "base", s.Base(), "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	l.noteUnstable()
	return nil
}

// loadSnapshot fills a table from the newest good snapshot at or below an offset and
// returns where replaying has to begin.
func (l *Log) loadSnapshot(t *producer.Table, at int64) (from int64, err error) {
	t.Reset()
	for i := len(l.snapshots) - 1; i >= 0; i-- {
		offset := l.snapshots[i]
		if offset > at {
			continue
		}
		states, err := l.readSnapshot(offset)
		if err == nil {
			t.Load(states)
			return offset, nil
		}
		if !errors.Is(err, producer.ErrCorruptSnapshot) && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		l.logger().Warn("a producer snapshot is of no use; an older one and the log will do", "offset", offset, "error", err)
		if err := l.removeFile(snapshotName(offset)); err != nil {
			return 0, err
		}
		l.snapshots = slices.Delete(l.snapshots, i, i+1)
	}
	return l.FirstSegment(), nil
}

func (l *Log) readSnapshot(offset int64) ([]producer.State, error) {
	name := snapshotName(offset)
	data, err := vfs.ReadFile(l.fs(), l.home.Path(name))
	if err != nil {
		return nil, err
	}
	states, err := producer.DecodeSnapshot(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return states, nil
}
