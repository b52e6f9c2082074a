package dir_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// slow is a disk that takes long to sync data files below a path.
type slow struct {
	*crashfs.FS
	path  string
	takes time.Duration
}

type slowFile struct {
	vfs.File
	takes time.Duration
}

func (s *slow) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err == nil && strings.HasPrefix(name, s.path) && strings.HasSuffix(name, ".log") {
		f = slowFile{f, s.takes}
	}
	return f, err
}

func (f slowFile) Sync() error {
	time.Sleep(f.takes)
	return f.File.Sync()
}

// TestSlowDiskDelaysOnlyItself hangs one directory in an fsync.
func TestSlowDiskDelaysOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.o.FS = &slow{w.disk, "/a/t-", time.Hour}
		w.paths = []string{"/a", "/b"}
		s := w.open()
		flush := func(c *log.Config) { c.FlushMs = 1000 }
		hangs, works := createAs(t, s, part("t", 0), flush), createAs(t, s, part("t", 1), flush)
		run(t, s, func() {
			for _, l := range []*log.Log{hangs, works} {
				_, err := write(l, "v")
				require.NoError(t, err)
			}
			time.Sleep(5 * time.Hour)
			_, err := write(hangs, "v")
			require.NoError(t, err)
			_, err = write(works, "v")
			require.NoError(t, err)
			time.Sleep(5 * time.Second)
			require.Equal(t, int64(1), hangs.RecoveryPoint())
			require.Equal(t, int64(2), works.RecoveryPoint())
			time.Sleep(5 * time.Hour)
			require.Equal(t, int64(2), hangs.RecoveryPoint())
		})
		w.close(s)
	})
}
