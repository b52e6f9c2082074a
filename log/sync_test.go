package log_test

import (
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// slowDisk is a disk whose syncs of data files take 10 ms (virtual) and are counted.
type slowDisk struct {
	*crashfs.FS
	syncs atomic.Int64
	takes time.Duration
}

type slowFile struct {
	vfs.File
	disk *slowDisk
}

func newSlowDisk(t *testing.T, takes time.Duration) *slowDisk {
	disk := &slowDisk{FS: crashfs.New(crashfs.Options{}), takes: takes}
	require.NoError(t, disk.MkdirAll("data", 0o755))
	return disk
}

func (d *slowDisk) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := d.FS.OpenFile(name, flag, perm)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return slowFile{f, d}, nil
}

func (f slowFile) Sync() error {
	f.disk.syncs.Add(1)
	if f.disk.takes > 0 {
		time.Sleep(f.disk.takes)
	}
	return f.File.Sync()
}

func TestManyAppendsShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newSlowDisk(t, 10*time.Millisecond)
		o := fresh(testConfig())
		o.FS, o.Config.FlushMessages = disk, 1
		l, err := open("data/t-0", o)
		require.NoError(t, err)
		const writers, each = 20, 10
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					done, err := l.Append(idempotentQuiet(int64(w), int32(i)), produce)
					if err != nil || done.SyncDue || l.RecoveryPoint() <= done.LastOffset {
						t.Errorf("%+v, %v, durable below %d", done, err, l.RecoveryPoint())
					}
				}
			})
		}
		wg.Wait()
		require.Less(t, disk.syncs.Load(), int64(writers*each/4))
		require.Equal(t, l.EndOffset(), l.RecoveryPoint())
		require.NoError(t, l.Close())
	})
}

func TestDeferredSyncIsTheCallersToWaitFor(t *testing.T) {
	disk := newSlowDisk(t, 0)
	o := fresh(testConfig())
	o.FS, o.Config.FlushMessages = disk, 3
	l := openLog(t, "data/t-0", o)
	deferred := produce
	deferred.DeferSync = true
	for i := range 5 {
		done, err := l.Append(values(t, "v"), deferred)
		require.NoError(t, err)
		require.Equal(t, i >= 2, done.SyncDue, "three records are not on disk")
	}
	require.Zero(t, disk.syncs.Load())
	require.Zero(t, l.RecoveryPoint())
	require.NoError(t, l.Sync(4))
	require.Equal(t, int64(5), l.RecoveryPoint(), "all that was there is durable")
	require.NoError(t, l.Sync(5))
	require.NoError(t, l.Sync(1000))
	require.Equal(t, int64(1), disk.syncs.Load(), "nothing was left to do")
	require.False(t, l.LastFlush().IsZero())
}

// After a failed sync nobody knows what is on disk, and trying again would lie.
func TestAFailedSyncIsNotTriedAgain(t *testing.T) {
	disk := newSlowDisk(t, 0)
	o := fresh(testConfig())
	o.FS = disk
	l, err := open("data/t-0", o)
	require.NoError(t, err)
	appendN(t, l, 3)
	disk.Fail(crashfs.Sync, syscall.EIO)
	var io *log.IOError
	require.ErrorAs(t, l.Sync(3), &io)
	disk.SetRule(nil)
	require.ErrorAs(t, l.Sync(3), &io)
	require.ErrorAs(t, l.Flush(3), &io)
	require.Zero(t, l.RecoveryPoint())
	_, err = l.Append(values(t, "x"), produce)
	require.ErrorAs(t, err, &io)
	require.ErrorAs(t, l.Close(), &io)
}

func TestAClosedLogSaysSo(t *testing.T) {
	l, err := open(t.TempDir(), fresh(testConfig()))
	require.NoError(t, err)
	appendN(t, l, 1)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err = l.Append(values(t, "x"), produce)
	require.ErrorIs(t, err, log.ErrClosed)
	_, err = l.Read(log.ReadRequest{UpTo: 1, MaxBytes: 100})
	require.ErrorIs(t, err, log.ErrClosed)
	_, _, err = l.OffsetForTimestamp(0, 1)
	require.ErrorIs(t, err, log.ErrClosed)
	for _, err := range []error{
		l.Roll(), l.Sync(2), l.Flush(2), l.Truncate(0), l.TruncateFullyAndStartAt(5), l.SetStartOffset(1), l.AssignEpoch(4),
		l.Rename("x"), l.RemoveExpiredFiles(testNow),
	} {
		if err != nil {
			require.ErrorIs(t, err, log.ErrClosed)
		}
	}
	_, err = l.ApplyRetention(testNow, 1)
	require.ErrorIs(t, err, log.ErrClosed)
	require.NoError(t, l.Delete())
	require.NoDirExists(t, l.Dir())
}
