package dir_test

import (
	"fmt"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
)

// hooked is a disk that calls read before the first large read of each file's bytes, and
// once more when half of them are read.
type hooked struct {
	vfs.FS
	read atomic.Pointer[func(name string, half int)]
}

type hookedFile struct {
	vfs.File
	fs   *hooked
	name string
}

func (f *hooked) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &hookedFile{file, f, name}, nil
}

func (f *hookedFile) ReadAt(p []byte, off int64) (int, error) {
	read := f.fs.read.Load()
	if read == nil || len(p) <= 2*record.HeaderSize {
		return f.File.ReadAt(p, off)
	}
	(*read)(f.name, 0)
	half := len(p) / 2
	n, err := f.File.ReadAt(p[:half], off)
	if err != nil {
		return n, err
	}
	(*read)(f.name, 1)
	m, err := f.File.ReadAt(p[half:], off+int64(half))
	return n + m, err
}

// writeAt appends a record at a leader epoch. Values of the same length make batches of
// the same length.
func writeAt(t *testing.T, l *log.Log, epoch int32, value string) {
	t.Helper()
	set, err := record.Build(record.Spec{}, record.Record{Timestamp: 1_700_000_000_000, Value: []byte(value)})
	require.NoError(t, err)
	_, err = l.Append(set, log.AppendOptions{LeaderEpoch: epoch, ProduceVersion: 9})
	require.NoError(t, err)
}

// TestMoveOfALogThatIsCut: a follower's log is truncated, and gets other records from
// its new leader, just while a piece of it is being read. The copy is what the log is.
func TestMoveOfALogThatIsCut(t *testing.T) {
	for _, half := range []int{0, 1} {
		for _, to := range []int64{5, 10, 13, 15, 18} { // the copy ends at 10, the log at 20
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.paths = []string{"/a", "/b"}
				disk := &hooked{FS: w.disk}
				w.o.FS = disk
				var r replica
				var ready atomic.Bool
				w.o.Swap = func(p checkpoint.Partition, swap func() (*log.Log, *dir.Dir, error)) error {
					if !ready.Load() {
						return log.ErrClosed // wait
					}
					return r.swap(p, swap)
				}
				s := w.open()
				source := create(t, s, part("t", 0))
				r.log = source
				var want []string
				for i := range 10 {
					want = append(want, fmt.Sprintf("old %02d", i))
					writeAt(t, source, 0, want[i])
				}
				require.NoError(t, s.Move(part("t", 0), "/b"))
				run(t, s, func() {
					later(5 * time.Second)
					for i := range 10 {
						want = append(want, fmt.Sprintf("old %02d", 10+i))
					}
					cut := false
					hook := func(name string, at int) {
						if cut || at != half || name != source.Dir()+"/00000000000000000000.log" {
							return
						}
						cut = true
						require.NoError(t, source.Truncate(to))
						want = want[:to]
						for i := to; i < 20; i++ {
							want = append(want, fmt.Sprintf("new %02d", i))
							writeAt(t, source, 1, want[i])
						}
					}
					for _, v := range want[10:] {
						writeAt(t, source, 0, v)
					}
					disk.read.Store(&hook)
					later(5 * time.Second)
					disk.read.Store(nil)
					require.True(t, cut)
					ready.Store(true)
					later(5 * time.Second)
				})
				require.Equal(t, "/b", where(s))
				require.Equal(t, want, values(t, r.log), "cut to %d, half %d", to, half)
				found, end := r.log.EndOffsetForEpoch(0)
				require.Equal(t, []int64{0, to}, []int64{int64(found), end})
				w.close(s)
			})
		}
	}
}
