package log_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// Clients that take all file descriptors for their connections do not break the disk:
// what needs a file is refused for as long as there is none.
func TestNoFileDescriptorLeftIsNoBrokenDisk(t *testing.T) {
	disk := crashfs.New(crashfs.Options{Seed: 1})
	o := fresh(small())
	o.FS = disk
	o.OnIOError = func(err error) { t.Errorf("the disk is said to have failed: %v", err) }
	o.Files = log.NewFileCache(1)
	require.NoError(t, disk.MkdirAll("data", 0o755))
	l := openLog(t, "data/t-0", o)
	appendN(t, l, 20)
	require.NoError(t, l.Roll())
	o.Files.Sweep() // as an idle log's
	o.Files.Sweep()
	read := func() error {
		sl, err := l.Read(log.ReadRequest{UpTo: 1, MaxBytes: 1000})
		sl.Release()
		return err
	}
	disk.SetRule(func(op crashfs.Op) error {
		if op.Kind == crashfs.Open && strings.HasPrefix(op.Name, "data") {
			return syscall.EMFILE
		}
		return nil
	})
	_, err := l.Append(values(t, "x"), produce)
	require.ErrorIs(t, err, log.ErrBusy)
	require.ErrorIs(t, read(), log.ErrBusy)
	_, _, err = l.OffsetForTimestamp(0, 20)
	require.ErrorIs(t, err, log.ErrBusy)
	require.ErrorIs(t, l.Sync(20), log.ErrBusy)
	require.Less(t, l.RecoveryPoint(), int64(20))
	disk.SetRule(nil)
	require.NoError(t, read())
	appendN(t, l, 3)
	requireN(t, l, 0, 23)
	require.NoError(t, l.Sync(23))
	require.Equal(t, int64(23), l.RecoveryPoint())
}
