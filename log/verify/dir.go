package verify

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
)

// Dir verifies every partition of a data directory, given what its checkpoints and its
// clean-shutdown mark say, and calls each with the report on each. A directory that is
// no partition is passed over. The error is each's or the disk's; a checkpoint that
// cannot be read is a problem of the first report, with the path of the directory.
func Dir(path string, o Options, each func(*Report) error) error {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	whole := &Report{Path: path}
	clean, points, err := expectations(path, o.FS, whole)
	if err != nil {
		return err
	}
	if len(whole.Problems) > 0 {
		if err := each(whole); err != nil {
			return err
		}
	}
	entries, err := o.FS.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		p, ok := ParseName(e.Name())
		if !e.IsDir() || !ok {
			continue
		}
		o := o
		o.Clean, o.RecoveryPoint = clean, points[p]
		report, err := Partition(filepath.Join(path, e.Name()), o)
		if err != nil {
			return err
		}
		if err := each(report); err != nil {
			return err
		}
	}
	return nil
}

// expectations reads the mark and the recovery points.
func expectations(path string, fsys vfs.FS, whole *Report) (clean bool, points map[checkpoint.Partition]int64, err error) {
	_, err = fsys.Stat(filepath.Join(path, checkpoint.CleanShutdownFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, nil, err
	}
	clean = err == nil
	for _, name := range []string{checkpoint.LogStartFile, checkpoint.HighWatermarkFile, checkpoint.CleanerFile, checkpoint.RecoveryPointFile} {
		points, err = checkpoint.ReadOffsets(fsys, filepath.Join(path, name))
		if errors.Is(err, checkpoint.ErrCorrupt) {
			whole.Problems = append(whole.Problems, Problem{File: name, Offset: -1, What: err.Error()})
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, nil, err
		}
	}
	return clean, points, nil
}

// ParseName reads the partition in a directory's name; ok is false for directories of
// other kinds, and for those that are being deleted.
func ParseName(name string) (p checkpoint.Partition, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return p, false
	}
	n, err := strconv.ParseInt(name[i+1:], 10, 32)
	if err != nil || n < 0 {
		return p, false
	}
	return checkpoint.Partition{Topic: name[:i], Index: int32(n)}, true
}
