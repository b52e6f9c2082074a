package log

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/segment"
)

// Suffixes of files that compaction makes: .cleaned while it writes, .swap when it is
// about to replace.
const (
	cleanedSuffix = ".cleaned"
	swapSuffix    = ".swap"
)

// listing is what a partition directory holds.
type listing struct {
	segments []segment.Files // ascending
	unsound  map[int64]bool  // bases of segments that lack an index
}

// file is one entry of a directory: its name is base, kind and perhaps mark.
type file struct {
	name string
	base int64
	kind string // .log, .index, ...
	mark string // .deleted, .cleaned, .swap or nothing
	size int64
}

// readDir lists the directory, creating it when it is not there, and finishes or
// removes what a crash left half done. Files that it does not know it leaves alone.
func (l *Log) readDir() (*listing, error) {
	dir := l.Dir()
	if _, err := l.fs().Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := l.fs().MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		l.sync.isNew.Store(true)
		return &listing{}, nil
	}
	l.sync.isNew.Store(!l.o.Clean) // who made it may have died before its name was durable
	files, err := l.list()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(files, func(f file) bool { return f.mark != "" }) {
		if err := l.finish(files); err != nil {
			return nil, err
		}
		if files, err = l.list(); err != nil {
			return nil, err
		}
	}
	return l.collect(files)
}

func (l *Log) list() ([]file, error) {
	entries, err := l.fs().ReadDir(l.Dir())
	if err != nil {
		return nil, err
	}
	var out []file
	for _, e := range entries {
		f, ok := parseFile(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: %w", l.home.Path(f.name), errForeign)
		}
		f.size = info.Size()
		out = append(out, f)
	}
	return out, nil
}

// parseFile takes the name of a segment's file apart.
func parseFile(name string) (f file, ok bool) {
	f.name = name
	for _, m := range []string{segment.DeletedSuffix, cleanedSuffix, swapSuffix} {
		if rest, found := strings.CutSuffix(name, m); found {
			name, f.mark = rest, m
			break
		}
	}
	digits, kind, ok := strings.Cut(name, ".")
	if f.kind = "." + kind; !ok || len(digits) != 20 || !slices.Contains(kinds[:], f.kind) {
		return f, false
	}
	base, err := strconv.ParseUint(digits, 10, 63)
	f.base = int64(base)
	return f, err == nil
}

var kinds = [...]string{segment.LogSuffix, index.OffsetSuffix, index.TimeSuffix, index.TxnSuffix, snapshotSuffix}

// collect makes segments of files, notes the snapshots, and removes indexes without
// a log.
func (l *Log) collect(files []file) (*listing, error) {
	out := &listing{unsound: make(map[int64]bool)}
	at := make(map[int64]int)
	for _, f := range files {
		if f.kind == segment.LogSuffix {
			at[f.base] = len(out.segments)
			out.segments = append(out.segments, segment.Files{Base: f.base, Log: f.size})
		}
	}
	have := make(map[string]bool)
	for _, f := range files {
		i, ok := at[f.base]
		switch {
		case f.kind == snapshotSuffix:
			l.snapshots = append(l.snapshots, f.base)
			continue
		case !ok:
			if err := l.removeFile(f.name); err != nil {
				return nil, err
			}
			continue
		}
		have[f.name] = true
		switch s := &out.segments[i]; f.kind {
		case index.OffsetSuffix:
			s.Offset = f.size
		case index.TimeSuffix:
			s.Time = f.size
		case index.TxnSuffix:
			s.Txn = f.size
		}
	}
	for _, s := range out.segments {
		name := segment.Name(s.Base)
		if !have[name+index.OffsetSuffix] || !have[name+index.TimeSuffix] {
			out.unsound[s.Base] = true
		}
	}
	slices.SortFunc(out.segments, func(a, b segment.Files) int { return cmp.Compare(a.Base, b.Base) })
	slices.Sort(l.snapshots)
	return out, nil
}

// finish removes what was deleted or not finished, and puts finished output of
// compaction in the place of what it was made from.
func (l *Log) finish(files []file) error {
	var swaps []file
	firstCleaned := int64(-1)
	for _, f := range files {
		switch f.mark {
		case cleanedSuffix:
			if firstCleaned < 0 || f.base < firstCleaned {
				firstCleaned = f.base
			}
			fallthrough
		case segment.DeletedSuffix:
			if err := l.removeFile(f.name); err != nil {
				return err
			}
		case swapSuffix:
			swaps = append(swaps, f)
		}
	}
	var whole []file
	for _, f := range swaps {
		if firstCleaned < 0 || f.base < firstCleaned {
			whole = append(whole, f)
		} else if err := l.removeFile(f.name); err != nil { // of a split that was interrupted
			return err
		}
	}
	return l.finishSwap(files, whole)
}

// finishSwap removes the segments that lie in the range of the swapped ones and gives
// those their names: the removal is durable first, or an old index might be found beside
// the new log. The log goes last: while it is not there, this is done again.
func (l *Log) finishSwap(files, swaps []file) error {
	if len(swaps) == 0 {
		return nil
	}
	from, to, err := l.swapRange(swaps)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.mark == "" && f.kind != snapshotSuffix && f.base >= from && f.base < to {
			if err := l.removeFile(f.name); err != nil {
				return err
			}
		}
	}
	if err := l.fs().SyncDir(l.Dir()); err != nil {
		return err
	}
	slices.SortStableFunc(swaps, func(a, b file) int {
		return cmp.Compare(slices.Index(kinds[:], b.kind), slices.Index(kinds[:], a.kind))
	})
	for _, f := range swaps {
		to := strings.TrimSuffix(f.name, swapSuffix)
		l.logger().Info("finishing compaction", "file", to)
		if err := l.fs().Rename(l.home.Path(f.name), l.home.Path(to)); err != nil {
			return err
		}
	}
	return l.fs().SyncDir(l.Dir())
}

// swapRange returns the offsets [from, to) that the swapped segments cover: their own
// bases at least, also when nothing is left of them.
func (l *Log) swapRange(swaps []file) (from, to int64, err error) {
	from, to = -1, -1
	for _, f := range swaps {
		if f.kind != segment.LogSuffix {
			continue
		}
		next, err := segment.NextOffset(l.fs(), l.home.Path(f.name), f.base)
		if err != nil {
			return 0, 0, err
		}
		if from < 0 || f.base < from {
			from = f.base
		}
		to = max(to, next, f.base+1)
	}
	return from, to, nil
}

// errForeign means that a file has a name that only a segment's file may have.
var errForeign = errors.New("not a file")
