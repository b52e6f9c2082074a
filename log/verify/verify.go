// Package verify looks at the files of a partition, changes nothing, and says all that
// is wrong with them: whether every batch is sound and follows on the one before, and
// whether indexes, snapshots and epochs tell the truth about the batches.
//
//	report, err := verify.Partition("data/orders-0", verify.Options{Clean: true})
//
// A directory whose broker died, or runs, may end in half a batch and in indexes that
// lag behind. That is what recovery is for; it is reported as Expected and is no
// problem, unless it lies below the recovery point.
package verify

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// Options say what may be expected of a partition.
type Options struct {
	FS vfs.FS // nil: the operating system's
	// Clean says that the partition was shut down cleanly.
	Clean bool
	// RecoveryPoint is the offset below which everything must be sound even when not
	// Clean; 0 when it is not known.
	RecoveryPoint int64
	// MaxInflated bounds what a batch may inflate to, in bytes; 0: 256 MiB.
	MaxInflated int
	// Progress, if not nil, is told after every batch how many bytes it has; its error
	// ends the check.
	Progress func(bytes int64) error
}

// Problem is one thing that is not as it should be.
type Problem struct {
	File     string // in the partition's directory
	Offset   int64  // the offset it is about, -1 when it is about none
	What     string
	Expected bool // recovery will see to it
}

// String is file, offset and what is wrong.
func (p Problem) String() string {
	s := p.File + ": "
	if p.Offset >= 0 {
		s += fmt.Sprintf("offset %d: ", p.Offset)
	}
	s += p.What
	if p.Expected {
		s += " (recovery will see to it)"
	}
	return s
}

// Report is what there is and what is wrong with it.
type Report struct {
	Path       string
	Segments   int
	Batches    int
	Records    int64
	Bytes      int64     // of sound batches
	Start, End int64     // offsets: of the first segment, and after the last sound batch
	Problems   []Problem // at most 2000; the first 1000 of those that are Expected
}

// OK reports whether nothing is wrong that recovery does not see to.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return !p.Expected })
}

// Partition verifies one partition's directory. The error is about reading it, never
// about what it holds.
func Partition(path string, o Options) (*Report, error) {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.MaxInflated == 0 {
		o.MaxInflated = 256 << 20
	}
	v := &verifier{
		o: o, path: path, report: &Report{Path: path}, it: record.Iterator{MaxInflated: o.MaxInflated},
		producers: producer.New(), next: -1,
	}
	if err := v.list(); err != nil {
		return nil, err
	}
	v.metadata()
	for i, base := range v.bases {
		if err := v.segment(base, i == len(v.bases)-1); err != nil {
			return nil, err
		}
	}
	if err := v.end(); err != nil {
		return nil, err
	}
	return v.report, nil
}

// verifier goes through one partition, segment by segment.
type verifier struct {
	o      Options
	path   string
	report *Report
	it     record.Iterator

	files     map[string]bool
	bases     []int64 // of the segments, ascending
	snapshots []int64 // ascending
	epochs    *epoch.Cache

	active    int64 // base of the newest segment
	next      int64 // the offset after the last batch; -1 before the first segment
	gaps      bool  // offsets are missing: the log is compacted
	damaged   bool  // a batch was not sound: what follows from the batches is not known
	producers *producer.Table
	lastEpoch int32
}

// maxListed is how many expected problems a report lists at most; of all together it
// lists twice as many, so that unexpected ones find room.
const maxListed = 1000

// add lists a problem.
func (v *verifier) add(p Problem) {
	if n := len(v.report.Problems); n < maxListed || n < 2*maxListed && !p.Expected {
		v.report.Problems = append(v.report.Problems, p)
	}
}

func (v *verifier) problem(file string, offset int64, format string, args ...any) {
	v.add(Problem{File: file, Offset: offset, What: fmt.Sprintf(format, args...)})
}

// expected notes what recovery sees to, if the partition is to be recovered there.
func (v *verifier) expected(file string, offset int64, format string, args ...any) {
	v.add(Problem{
		File: file, Offset: offset, What: fmt.Sprintf(format, args...),
		Expected: !v.o.Clean && offset >= v.o.RecoveryPoint,
	})
}

// list finds the segments and snapshots, and files that belong to none.
func (v *verifier) list() error {
	entries, err := v.o.FS.ReadDir(v.path)
	if err != nil {
		return err
	}
	v.files = make(map[string]bool)
	for _, e := range entries {
		v.files[e.Name()] = true
		base, ok := parseBase(e)
		if !ok {
			continue
		}
		switch filepath.Ext(e.Name()) {
		case segment.LogSuffix:
			v.bases = append(v.bases, base)
		case snapshotSuffix:
			v.snapshots = append(v.snapshots, base)
		}
	}
	slices.SortFunc(v.bases, cmp.Compare[int64])
	slices.SortFunc(v.snapshots, cmp.Compare[int64])
	v.report.Segments = len(v.bases)
	if len(v.bases) == 0 {
		v.expected(".", 0, "there is no segment")
		return nil
	}
	v.report.Start, v.active = v.bases[0], v.bases[len(v.bases)-1]
	for name := range v.files {
		digits, ext, _ := strings.Cut(name, ".")
		if slices.Contains(indexExts, "."+ext) && !v.files[digits+segment.LogSuffix] {
			v.expected(name, max(v.o.RecoveryPoint, 0), "an index without a log")
		}
	}
	return nil
}

const snapshotSuffix = ".snapshot"

var indexExts = []string{index.OffsetSuffix, index.TimeSuffix, index.TxnSuffix}

// parseBase reads the offset in a file's name.
func parseBase(e fs.DirEntry) (int64, bool) {
	digits, _, _ := strings.Cut(e.Name(), ".")
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && len(digits) == 20 && base >= 0
}

// metadata verifies the small files.
func (v *verifier) metadata() {
	if v.files[checkpoint.PartitionMetaFile] {
		if _, err := checkpoint.ReadPartitionMeta(v.o.FS, filepath.Join(v.path, checkpoint.PartitionMetaFile)); err != nil {
			v.problem(checkpoint.PartitionMetaFile, -1, "%v", err)
		}
	}
	v.epochs = new(epoch.Cache)
	if !v.files[checkpoint.LeaderEpochFile] {
		return
	}
	entries, err := checkpoint.ReadEpochs(v.o.FS, filepath.Join(v.path, checkpoint.LeaderEpochFile))
	if err == nil {
		v.epochs, err = epoch.New(entries)
	}
	if err != nil {
		v.problem(checkpoint.LeaderEpochFile, -1, "%v", err)
		v.epochs = new(epoch.Cache)
	}
}

// end verifies what is about the whole partition.
func (v *verifier) end() error {
	v.report.End = max(v.next, v.report.Start)
	for _, e := range v.epochs.Entries() {
		if e.Start > v.report.End && !v.damaged {
			v.expected(checkpoint.LeaderEpochFile, e.Start, "epoch %d begins behind the end %d", e.Epoch, v.report.End)
		}
	}
	if err := v.snapshotsFrom(v.report.End); err != nil {
		return err
	}
	for _, offset := range v.snapshots {
		v.expected(segment.Name(offset)+snapshotSuffix, offset, "it is of an offset behind the end %d", v.report.End)
	}
	return nil
}
