package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
)

// found is a directory that bears a partition's name: its log, or a copy that a
// move was filling.
type found struct {
	partition checkpoint.Partition
	kind      kind
	path      string
}

// prepare reads what the directory says about its logs and lists them. An error
// is the disk's.
func (d *Dir) prepare() ([]found, error) {
	readable, err := d.readCheckpoints()
	if err != nil {
		return nil, err
	}
	if err := d.takeCleanMark(); err != nil {
		return nil, err
	}
	d.clean = d.clean && readable
	return d.scan()
}

// load opens logs, some at a time. An error is the disk's.
func (d *Dir) load(list []found) error {
	logs := ofKind(list, current)
	if len(logs) == 0 {
		return nil
	}
	began := d.set.o.Now()
	d.set.o.Logger.Info("loading logs", "dir", d.path, "logs", len(logs), "clean", d.clean)
	var opening errgroup.Group
	opening.SetLimit(d.set.o.Threads)
	for _, f := range logs {
		opening.Go(func() error { return d.loadOne(f) })
	}
	if err := opening.Wait(); err != nil {
		return err
	}
	d.set.o.Logger.Info("loaded logs", "dir", d.path, "logs", len(logs),
		"took", d.set.o.Now().Sub(began).Round(time.Millisecond))
	return nil
}

func ofKind(list []found, k kind) []found {
	return slices.DeleteFunc(slices.Clone(list), func(f found) bool { return f.kind != k })
}

// takeCleanMark notes whether the directory was shut down cleanly and removes
// the mark, so that a crash from here on counts as one.
func (d *Dir) takeCleanMark() error {
	path := filepath.Join(d.path, checkpoint.CleanShutdownFile)
	err := d.set.o.FS.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d.clean = true
	return d.set.o.FS.SyncDir(d.path)
}

// scan lists the logs, future ones too, and takes up removals that were under way.
func (d *Dir) scan() ([]found, error) {
	list, err := d.set.o.FS.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var logs []found
	for _, e := range list {
		name, path := e.Name(), filepath.Join(d.path, e.Name())
		if !d.isDir(e, path) {
			continue
		}
		p, k, ok := parseName(name)
		switch {
		case !ok:
			d.leave(name, "its name is not a partition's")
		case k == current, k == future:
			logs = append(logs, found{p, k, path})
		case k == deleted:
			d.removals.add(removal{path: path, due: d.set.o.Now().Add(d.deleteDelay(p))})
		case k == stray:
			d.leave(name, "a broker put it aside")
		}
	}
	return logs, nil
}

// isDir follows links: a partition may have been moved by hand.
func (d *Dir) isDir(e fs.DirEntry, path string) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := d.set.o.FS.Stat(path)
	return err == nil && info.IsDir()
}

// known are directories of others that are often or rightly here.
var known = map[string]bool{"lost+found": true, "remote-log-index-cache": true}

func (d *Dir) leave(name, why string) {
	if !known[name] && name[0] != '.' {
		d.set.o.Logger.Warn("unknown directory among the logs is left alone", "dir", d.path, "name", name, "why", why)
	}
}

func (d *Dir) deleteDelay(p checkpoint.Partition) time.Duration {
	return time.Duration(d.set.o.Config(p).FileDeleteDelayMs) * time.Millisecond
}

// loadOne opens a log. An error is the disk's; a log that cannot be opened for
// another reason, or not repaired for want of space, is broken and left alone.
func (d *Dir) loadOne(f found) error {
	files, err := d.set.o.FS.ReadDir(f.path)
	if err != nil {
		return err
	}
	if !looksLikeLog(files) {
		d.leave(filepath.Base(f.path), "it has files, but none of a log")
		return nil
	}
	if slices.ContainsFunc(files, func(e fs.DirEntry) bool { return e.Name() == movedMark }) {
		to, err := d.movedTo(f.path)
		if err != nil {
			return err
		}
		if to != nil && to.Err() != nil {
			d.addBroken(f.partition, fmt.Errorf("it may have been moved: %w", to.Err()))
			return nil //nolint:nilerr // noted as broken
		}
		if err := d.unmark(f.path); err != nil { // it has no twin: it was not
			return err
		}
	}
	o := d.logOptions(f.partition, d.set.o.Config(f.partition))
	o.Clean = d.clean
	o.RecoveryPoint = d.stored(checkpoint.RecoveryPointFile, f.partition)
	o.StartOffset = d.stored(checkpoint.LogStartFile, f.partition)
	l, err := log.Open(f.path, o)
	switch {
	case err == nil:
	case ofDisk(err) && !vfs.IsNoSpace(err):
		return err
	default:
		d.set.o.Logger.Error("log cannot be opened and is left alone", "dir", d.path, "log", f.path, "error", err)
		d.addBroken(f.partition, err)
		return nil
	}
	if end := l.EndOffset(); d.stored(checkpoint.CleanerFile, f.partition) > end {
		d.willCut(f.partition, end) // a crash has done it
	}
	d.set.add(&held{partition: f.partition, log: l, dir: d})
	return nil
}

// looksLikeLog tells a log's directory from another that happens to have such a
// name. A crash may have left any of a log's files, or none.
func looksLikeLog(files []fs.DirEntry) bool {
	return len(files) == 0 ||
		slices.ContainsFunc(files, func(e fs.DirEntry) bool { return logFile.MatchString(e.Name()) })
}

// logFile matches the names of files in a log's directory: those of segments,
// which begin with an offset, and two more, also while they are replaced.
var logFile = regexp.MustCompile(`^(\d{20}\.|(` + checkpoint.PartitionMetaFile + `|` + checkpoint.LeaderEpochFile + `)(\.tmp)?$)`)

func (d *Dir) addBroken(p checkpoint.Partition, err error) {
	d.set.mu.Lock()
	defer d.set.mu.Unlock()
	d.broken[p] = err
}

// logOptions are the options of a partition's log in this directory.
func (d *Dir) logOptions(p checkpoint.Partition, c log.Config) log.Options {
	o := &d.set.o
	return log.Options{
		FS: o.FS, Now: o.Now, Config: c,
		RecoveryPoint: -1, StartOffset: -1,
		Files: o.Files, Logger: o.Logger, ProducerExpiry: o.ProducerExpiry,
		Admit: d.admit, OnIOError: d.failed, OnCut: func(offset int64) { d.willCut(p, offset) }, Jitter: rand.Int64N,
	}
}
