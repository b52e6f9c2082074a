package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// ErrNotALog means that a path is neither a data directory nor a partition's.
var ErrNotALog = errors.New("neither a data directory nor the directory of a partition")

// State is how a data directory was found.
type State struct {
	Clean   bool // it has the mark of a clean shutdown, and nobody is using it
	Running bool // a broker has it locked: what is read may be half written
}

// Check verifies a data directory, or one partition's directory in the light of the
// data directory around it.
func Check(path string, o Options, each func(*Report) error) (State, error) {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	entries, err := o.FS.ReadDir(path)
	if err != nil {
		return State{}, err
	}
	found := false
	for _, e := range entries {
		if isPartitionFile(e) {
			return checkOne(path, o, each)
		}
		_, ok := ParseName(e.Name())
		found = found || ok && e.IsDir() || e.Name() == checkpoint.MetaFile
	}
	if !found {
		return State{}, fmt.Errorf("%s: %w: it has no %s and no TOPIC-0", path, ErrNotALog, checkpoint.MetaFile)
	}
	return Dir(path, o, each)
}

// isPartitionFile tells a file that only a partition's directory has.
func isPartitionFile(e fs.DirEntry) bool {
	_, numbered := parseBase(e)
	return e.Name() == checkpoint.PartitionMetaFile || e.Name() == checkpoint.LeaderEpochFile ||
		numbered && filepath.Ext(e.Name()) == segment.LogSuffix
}

// checkOne verifies one partition.
func checkOne(path string, o Options, each func(*Report) error) (State, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return State{}, err
	}
	d, err := readDataDir(filepath.Dir(abs), o.FS)
	if err != nil {
		return State{}, err
	}
	r, err := d.partition(path, filepath.Base(abs), o)
	if err != nil {
		return d.state, err
	}
	return d.state, each(r)
}

// Dir verifies every partition of a data directory, given what its checkpoints and its
// clean-shutdown mark say, and calls each with the report on each. A directory that is
// no partition is passed over. The error is each's or the disk's; what is wrong with
// the files of the data directory itself comes first, in a report of its own.
func Dir(path string, o Options, each func(*Report) error) (State, error) {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	d, err := readDataDir(path, o.FS)
	if err != nil {
		return State{}, err
	}
	if len(d.report.Problems) > 0 {
		if err := each(d.report); err != nil {
			return d.state, err
		}
	}
	entries, err := o.FS.ReadDir(path)
	if err != nil {
		return d.state, err
	}
	for _, e := range entries {
		if _, ok := ParseName(e.Name()); !e.IsDir() || !ok {
			continue
		}
		r, err := d.partition(filepath.Join(path, e.Name()), e.Name(), o)
		if d.state.Running && errors.Is(err, fs.ErrNotExist) {
			continue // the broker has removed something meanwhile
		}
		if err != nil {
			return d.state, err
		}
		if err := each(r); err != nil {
			return d.state, err
		}
	}
	return d.state, nil
}

// dataDir is what the files of a data directory itself say.
type dataDir struct {
	state   State
	offsets map[string]map[checkpoint.Partition]int64 // by the checkpoint's name
	report  *Report
}

// readDataDir reads mark, lock, meta.properties and checkpoints.
func readDataDir(path string, fsys vfs.FS) (*dataDir, error) {
	d := &dataDir{report: &Report{Path: path}, offsets: make(map[string]map[checkpoint.Partition]int64)}
	_, err := fsys.Stat(filepath.Join(path, checkpoint.CleanShutdownFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d.state.Running = locked(filepath.Join(path, checkpoint.LockFile), fsys)
	d.state.Clean = err == nil && !d.state.Running
	for _, name := range []string{checkpoint.LogStartFile, checkpoint.HighWatermarkFile, checkpoint.CleanerFile, checkpoint.RecoveryPointFile} {
		d.offsets[name], err = checkpoint.ReadOffsets(fsys, filepath.Join(path, name))
		if err := d.small(name, err); err != nil {
			return nil, err
		}
	}
	_, err = checkpoint.ReadMeta(fsys, filepath.Join(path, checkpoint.MetaFile))
	return d, d.small(checkpoint.MetaFile, err)
}

// small notes a small file that is corrupt, and returns an error of another kind.
func (d *dataDir) small(name string, err error) error {
	switch {
	case errors.Is(err, checkpoint.ErrCorrupt):
		d.report.Problems = append(d.report.Problems, Problem{File: name, Offset: -1, What: err.Error()})
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// locked tells whether somebody holds a lock file. One that is missing is not created.
func locked(path string, fsys vfs.FS) bool {
	if _, err := fsys.Stat(path); err != nil {
		return false
	}
	lock, err := fsys.Lock(path)
	if err == nil {
		err = lock.Close()
	}
	return errors.Is(err, vfs.ErrLocked)
}

// partition verifies one partition and compares the checkpoints with its end. Where
// they reach behind it after a crash, nothing tells a loss from a topic that was
// deleted and made again, except a log that ends in the middle of a batch.
func (d *dataDir) partition(path, name string, o Options) (*Report, error) {
	p, _ := ParseName(name)
	future := strings.HasSuffix(name, futureSuffix)
	o.Clean = d.state.Clean
	if !future {
		o.RecoveryPoint = d.offsets[checkpoint.RecoveryPointFile][p]
	}
	r, err := Partition(path, o)
	if err != nil || future {
		return r, err
	}
	for _, file := range []string{checkpoint.RecoveryPointFile, checkpoint.LogStartFile, checkpoint.HighWatermarkFile} {
		if at := d.offsets[file][p]; at > r.End {
			r.Problems = append(r.Problems, Problem{
				File: filepath.Join("..", file), Offset: at, Expected: !o.Clean,
				What: fmt.Sprintf("the partition ends before it, at %d", r.End),
			})
		}
	}
	return r, nil
}

// futureSuffix ends the name of a log that is to replace another.
const futureSuffix = "-future"

// ParseName reads the partition in a directory's name; ok is false for directories of
// other kinds, and for those that are being deleted.
func ParseName(name string) (p checkpoint.Partition, ok bool) {
	if s, future := strings.CutSuffix(name, futureSuffix); future {
		dot := strings.LastIndexByte(s, '.')
		name = s[:max(dot, 0)]
	}
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
