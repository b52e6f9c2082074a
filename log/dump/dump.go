// Package dump shows what is in the files of a partition, in the lines that Kafka's
// own kafka-dump-log prints, so that scripts and people who know the one can read the
// other, and so that the two can be compared.
//
//	.log         one line for each batch, and with Options.Data one for each record
//	.index       offset: 45 position: 4160
//	.timeindex   timestamp: 1700000000000 offset: 45
//	.txnindex    version: 0 producerId: 3 firstOffset: 3 lastOffset: 10 lastStableOffset: 11
//	.snapshot    one line for each producer
//	leader-epoch-checkpoint   epoch: 5 startOffset: 25
//
// Rows gives the records themselves, for machines.
//
// Nothing is written, locked or repaired: a broker may have the files open.
package dump

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// SnapshotSuffix ends the name of a producer snapshot.
const SnapshotSuffix = ".snapshot"

// Options say what to show. The zero value shows batches only.
type Options struct {
	FS   vfs.FS // nil: the operating system's
	Deep bool   // a line for each record
	Data bool   // and its key and value
	// Decode makes text of a record's key and value, where they are not text
	// themselves; hasValue false leaves the value out. nil: they are taken as UTF-8.
	Decode func(r *record.Record) (key, value string, hasKey, hasValue bool)
	// MaxInflated bounds what a batch may inflate to, in bytes; 0: 256 MiB.
	MaxInflated int
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.MaxInflated == 0 {
		o.MaxInflated = 256 << 20
	}
	if o.Decode == nil {
		o.Decode = decodeText
	}
	o.Deep = o.Deep || o.Data
	return o
}

// decodeText shows keys and values as UTF-8. A null is not shown.
func decodeText(r *record.Record) (key, value string, hasKey, hasValue bool) {
	return string([]rune(string(r.Key))), string([]rune(string(r.Value))), r.Key != nil, r.Value != nil
}

// ErrUnknownFile means that a file is none that a partition has.
var ErrUnknownFile = errors.New("not a file of a partition")

// File prints what a file holds. complaints are the lines that Kafka prints to its
// standard error: an index that does not fit its log, offsets that do not follow.
func File(w io.Writer, path string, o Options) (complaints []string, err error) {
	o = o.withDefaults()
	d := &dumper{w: bufio.NewWriter(w), path: path, o: o}
	name := filepath.Base(path)
	if name == checkpoint.LeaderEpochFile {
		d.printf("Dumping %s\n", path)
		return nil, errors.Join(d.epochs(), d.w.Flush())
	}
	ext := filepath.Ext(name)
	base, err := strconv.ParseInt(strings.TrimSuffix(name, ext), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: its name is no offset", path, ErrUnknownFile)
	}
	d.base = base
	d.printf("Dumping %s\n", path)
	switch ext {
	case segment.LogSuffix:
		err = d.log()
	case index.OffsetSuffix:
		err = d.offsets()
	case index.TimeSuffix:
		err = d.times()
	case index.TxnSuffix:
		err = d.txns()
	case SnapshotSuffix:
		err = d.snapshot()
	default:
		err = fmt.Errorf("%s: %w: its name ends with none of .log .index .timeindex .txnindex .snapshot", path, ErrUnknownFile)
	}
	return d.complaints, errors.Join(err, d.w.Flush())
}

// dumper prints one file.
type dumper struct {
	w          *bufio.Writer
	path       string
	base       int64 // the offset in the file's name
	o          Options
	complaints []string
}

// printf prints; the buffer remembers an error for Flush.
func (d *dumper) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(d.w, format, args...); err != nil {
		return // Flush says it
	}
}

func (d *dumper) complain(format string, args ...any) {
	d.complaints = append(d.complaints, fmt.Sprintf(format, args...))
}

// open opens a file for reading and tells its size; done must be called.
func open(fsys vfs.FS, path string) (f vfs.File, size int64, err error) {
	f, err = fsys.OpenFile(path, 0, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// openLog opens the data file that an index belongs to.
func (d *dumper) openLog() (f vfs.File, size int64, err error) {
	return open(d.o.FS, strings.TrimSuffix(d.path, filepath.Ext(d.path))+segment.LogSuffix)
}
