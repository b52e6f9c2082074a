package log_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// Damage in a sealed segment is cut out with what follows; the log goes on from there, and
// is the same after a crash.
func TestDropDamage(t *testing.T) {
	for name, at := range map[string]int64{"records": 65, "magic": 16, "length": 8} {
		t.Run(name, func(t *testing.T) {
			disk := crashfs.New(crashfs.Options{})
			require.NoError(t, disk.MkdirAll("data", 0o755))
			require.NoError(t, disk.SyncDir("."))
			o := fresh(testConfig())
			o.FS = disk
			l := openLog(t, "data", o)
			for range 3 {
				appendN(t, l, 4)
				require.NoError(t, l.Roll())
			}
			require.NoError(t, l.Sync(l.EndOffset()))
			end, err := l.DropDamage(0)
			require.NoError(t, err)
			require.EqualValues(t, 12, end, "nothing is wrong")
			size := l.Size() / 12
			f, err := disk.OpenFile("data/00000000000000000004.log", os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte{0xEE}, 2*size+at)
			require.NoError(t, err)
			require.NoError(t, f.Sync())
			require.NoError(t, f.Close())
			end, err = l.DropDamage(9)
			require.NoError(t, err)
			require.EqualValues(t, 12, end, "it is before")
			end, err = l.DropDamage(6)
			require.NoError(t, err)
			require.EqualValues(t, 6, end)
			requireN(t, l, 0, 6)
			appendN(t, l, 3)
			requireN(t, l, 0, 9)
			require.LessOrEqual(t, l.RecoveryPoint(), int64(6))
			require.NoError(t, l.Sync(9))
			disk.Crash()
			o.RecoveryPoint, o.Clean = 0, false
			l, err = open("data", o)
			require.NoError(t, err)
			requireN(t, l, 0, 9)
			require.NoError(t, l.Close())
		})
	}
}

// A log that is closed or has failed is left alone.
func TestDropDamageOfAClosedLog(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	require.NoError(t, l.Close())
	_, err := l.DropDamage(0)
	require.ErrorIs(t, err, log.ErrClosed)
}
