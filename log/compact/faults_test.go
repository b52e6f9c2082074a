package compact_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

func TestDamageIsNotHidden(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"))
	w.put(record.Spec{}, kv("a", "2"))
	w.roll()
	require.NoError(t, w.l.Flush(2))
	require.NoError(t, w.mem.Flip(w.dir+"/00000000000000000000.log", 65, 0))
	_, err := w.tryClean(context.Background())
	require.ErrorIs(t, err, record.ErrCorrupt)
	require.Empty(t, w.files(".cleaned"))
	require.Equal(t, int64(2), w.l.EndOffset())
}

func TestAFullDiskIsLeftAsItWas(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.put(record.Spec{}, kv(fmt.Sprint(i), strings.Repeat("x", 100)))
	}
	w.roll()
	before := w.text()
	w.mem.SetCapacity(w.mem.Used() + 200)
	_, err := w.tryClean(context.Background())
	require.ErrorIs(t, err, log.ErrNoSpace)
	require.Empty(t, w.files(".cleaned"))
	require.Equal(t, before, w.text())
	w.mem.SetCapacity(0)
	require.True(t, w.clean())
	require.Equal(t, before, w.text())
}

func TestAFailingDiskIsReported(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"))
	w.roll()
	w.mem.SetRule(func(op crashfs.Op) error {
		if strings.HasSuffix(op.Name, ".log.cleaned") && op.Kind == crashfs.Sync {
			return syscall.EIO
		}
		return nil
	})
	_, err := w.tryClean(context.Background())
	var ioErr *log.IOError
	require.ErrorAs(t, err, &ioErr)
}

func TestStopping(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"), kv("a", "2"))
	w.roll()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err := w.tryClean(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, w.files(".cleaned"))
	require.Equal(t, "0:a=1 1:a=2", w.text())
}

// TestReadersGoOn reads what was found before, while it is replaced and its file removed.
func TestReadersGoOn(t *testing.T) {
	w := newWorld(t)
	w.put(record.Spec{}, kv("a", "1"), kv("a", "2"))
	w.roll()
	sl, err := w.l.Read(log.ReadRequest{UpTo: 2, MaxBytes: 1000})
	require.NoError(t, err)
	defer sl.Release()
	require.True(t, w.clean())
	require.NoError(t, w.l.RemoveExpiredFiles(w.clock()))
	old, err := sl.Bytes(nil)
	require.NoError(t, err)
	b, _, err := record.Next(old)
	require.NoError(t, err)
	require.Equal(t, []string{"0:a=1", "1:a=2"}, describe(t, b))
	require.Equal(t, "1:a=2", w.text())
}

// meddler is a disk that lets something happen when a file is opened.
type meddler struct {
	vfs.FS
	suffix string
	do     func()
}

func (m *meddler) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := m.FS.OpenFile(name, flag, perm)
	if do := m.do; do != nil && strings.HasSuffix(name, m.suffix) {
		m.do = nil
		do()
	}
	return f, err
}

// TestTruncationWins truncates a segment, and fills it again just as it was, while it is
// rewritten.
func TestTruncationWins(t *testing.T) {
	w := newWorld(t)
	m := &meddler{FS: w.disk, suffix: ".log.cleaned"}
	w.disk = m
	w.reopen()
	w.put(record.Spec{}, kv("a", "1"))
	w.put(record.Spec{}, kv("b", "1"))
	w.roll()
	m.do = func() {
		require.NoError(t, w.l.Truncate(1))
		w.put(record.Spec{}, kv("b", "2"))
		w.roll()
	}
	require.False(t, w.clean())
	require.Equal(t, "0:a=1 1:b=2", w.text())
	require.Empty(t, w.files(".cleaned"))
	require.Empty(t, w.files(".swap"))
	require.True(t, w.clean())
	require.Equal(t, "0:a=1 1:b=2", w.text())
}
