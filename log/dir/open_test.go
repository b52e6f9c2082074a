package dir_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs"
)

func meta(t *testing.T, w *world, path string) checkpoint.Meta {
	t.Helper()
	m, err := checkpoint.ReadMeta(w.disk, filepath.Join(path, checkpoint.MetaFile))
	require.NoError(t, err)
	return m
}

func TestNewDirectoriesGetOneOwner(t *testing.T) {
	w := newWorld(t, 1)
	w.paths = []string{"/a", "/deep/b"}
	w.o.BrokerID = 7
	s := w.open()
	require.Equal(t, int32(7), s.BrokerID())
	require.Len(t, s.ClusterID(), 22)
	for _, path := range w.paths {
		require.Equal(t, checkpoint.Meta{BrokerID: 7, ClusterID: s.ClusterID(), Other: map[string]string{}}, meta(t, w, path))
	}
	id := s.ClusterID()

	w.paths = append(w.paths, "/new")
	w.o.BrokerID = -1
	s = w.reopen(s)
	require.Equal(t, id, s.ClusterID(), "a directory that is added joins the others")
	require.Equal(t, int32(7), s.BrokerID())
	require.Equal(t, id, meta(t, w, "/new").ClusterID)
	w.close(s)
}

func TestClusterIDBeginsLikeNoFlag(t *testing.T) {
	w := newWorld(t, 1)
	ids := [][16]byte{{0xf8}, {0xfb, 0xff}, {4}}
	w.o.NewID = func() [16]byte {
		id := ids[0]
		ids = ids[1:]
		return id
	}
	s := w.open()
	require.Equal(t, "BAAAAAAAAAAAAAAAAAAAAA", s.ClusterID())
	w.close(s)
}

func TestWrongOwnerIsRefused(t *testing.T) {
	mine := checkpoint.Meta{BrokerID: 1, ClusterID: "ours"}
	tests := []struct {
		name    string
		other   checkpoint.Meta
		change  func(*dir.Options)
		message string
	}{
		{"another broker", checkpoint.Meta{BrokerID: 2, ClusterID: "ours"}, nil, "broker.id 2"},
		{"another cluster", checkpoint.Meta{BrokerID: 1, ClusterID: "theirs"}, nil, "cluster.id theirs"},
		{"another broker than configured", mine, func(o *dir.Options) { o.BrokerID = 3 }, "this broker is 3"},
		{"another cluster than configured", mine, func(o *dir.Options) { o.ClusterID = "x" }, "this cluster is x"},
		{"KRaft", checkpoint.Meta{Version: 1, BrokerID: 1, ClusterID: "ours"}, nil, "KRaft"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.paths = []string{"/a", "/b"}
			for i, m := range []checkpoint.Meta{mine, tt.other} {
				require.NoError(t, w.disk.MkdirAll(w.paths[i], 0o755))
				require.NoError(t, checkpoint.WriteMeta(w.disk, filepath.Join(w.paths[i], checkpoint.MetaFile), m, time.Now()))
				require.NoError(t, checkpoint.WriteClean(w.disk, filepath.Join(w.paths[i], checkpoint.CleanShutdownFile), -1))
			}
			if tt.change != nil {
				tt.change(&w.o)
			}
			_, err := dir.Open(w.paths, w.o)
			require.ErrorIs(t, err, dir.ErrOwner)
			require.ErrorContains(t, err, tt.message)
			for _, path := range w.paths {
				require.True(t, exists(w.disk, filepath.Join(path, checkpoint.CleanShutdownFile)), "nothing was touched")
				l, err := w.disk.Lock(filepath.Join(path, checkpoint.LockFile))
				require.NoError(t, err, "the lock was given back")
				require.NoError(t, l.Close())
			}
		})
	}
}

func TestUnreadableMetaIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	require.NoError(t, w.disk.MkdirAll("/data", 0o755))
	require.NoError(t, vfs.WriteFileAtomic(w.disk, "/data/meta.properties", []byte("broker.id=?")))
	_, err := dir.Open(w.paths, w.o)
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	require.ErrorContains(t, err, "/data/meta.properties")
}

func TestSecondBrokerIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	w.paths = []string{"/a", "/b"}
	s := w.open()
	_, err := dir.Open([]string{"/c", "/b"}, w.o)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.ErrorContains(t, err, "/b/.lock")
	l, err := w.disk.Lock("/c/.lock")
	require.NoError(t, err, "what was locked before is given back")
	require.NoError(t, l.Close())
	create(t, s, part("t", 0))
	w.close(s)
}

func TestSecondBrokerIsRefusedOnARealDisk(t *testing.T) {
	w := newWorld(t, 1)
	w.o.FS, w.paths = vfs.OS, []string{t.TempDir()}
	s := w.open()
	_, err := dir.Open(w.paths, w.o)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.ErrorContains(t, err, w.paths[0])
	w.close(s)
}

func TestSameDirectoryTwiceIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	_, err := dir.Open([]string{"/a", "/b/../a"}, w.o)
	require.ErrorContains(t, err, "twice")
	_, err = dir.Open(nil, w.o)
	require.Error(t, err)
}

// TestCleanMark: it is there exactly between a proper Close and the next Open.
func TestCleanMark(t *testing.T) {
	const mark = "/data/.kafka_cleanshutdown"
	w := newWorld(t, 1)
	s := w.open()
	require.False(t, exists(w.disk, mark))
	w.close(s)
	data, err := vfs.ReadFile(w.disk, mark)
	require.NoError(t, err)
	require.Equal(t, `{"version":0,"brokerEpoch":-1}`, string(data))

	for range 20 {
		w.open()
		require.False(t, exists(w.disk, mark))
		w.disk.Crash()
		require.False(t, exists(w.disk, mark), "its removal was durable before anything else happened")
		w.close(w.open())
	}

	s = w.open()
	create(t, s, part("t", 0))
	over, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.Close(over), context.Canceled)
	require.False(t, exists(w.disk, mark), "there was no time to close the log")

	s = w.open()
	w.close(s)
	require.True(t, exists(w.disk, mark))
}

func TestCleanMarkOfOlderReleases(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	l := create(t, s, part("t", 0))
	fill(t, l, "v", 3)
	w.close(s)
	require.NoError(t, vfs.WriteFileAtomic(w.disk, "/data/.kafka_cleanshutdown", nil))
	s = w.open()
	require.Equal(t, 1, w.said.count("loading logs", "clean=true"))
	w.close(s)
}

// TestStrangersAreLeftAlone: what no broker made is neither loaded nor touched,
// and nobody refuses to start for it.
func TestStrangersAreLeftAlone(t *testing.T) {
	w := newWorld(t, 1)
	s := w.open()
	create(t, s, part("mine", 0))
	w.close(s)
	const tag = ".0123456789abcdef0123456789abcdef"
	strangers := []string{
		"/data/lost+found", "/data/.snapshots", "/data/my files", "/data/backup", "/data/remote-log-index-cache",
		"/data/old-0" + tag + "-stray", "/data/x-0.notatag-delete", "/data/report-2024",
	}
	for _, path := range strangers {
		require.NoError(t, w.disk.MkdirAll(path, 0o755))
		require.NoError(t, vfs.WriteFileAtomic(w.disk, path+"/precious", []byte("data")))
	}
	require.NoError(t, vfs.WriteFileAtomic(w.disk, "/data/notes.txt", []byte("data")))
	require.NoError(t, w.disk.SyncDir("/data"))
	before := names(t, w.disk, "/data")

	s = w.open()
	require.Equal(t, 1, logs(s))
	for _, said := range []string{"my files", "backup", "report-2024", "x-0.notatag-delete", "old-0"} {
		require.Equal(t, 1, w.said.count("left alone", said), said)
	}
	require.Zero(t, w.said.count("lost+found"))
	_, err := s.Create(part("report", 2024), dir.NewLog{Config: create(t, s, part("other", 0)).Config(), Fresh: true})
	require.ErrorIs(t, err, dir.ErrOffline, "a log cannot be made where somebody has files")
	require.NoError(t, s.Delete(part("other", 0)))
	w.close(s)

	require.Equal(t, before, names(t, w.disk, "/data"))
	for _, path := range strangers {
		require.Equal(t, []string{"precious"}, names(t, w.disk, path))
	}
}

// TestGoldenDirectory opens what Kafka left behind, cleanly and not.
func TestGoldenDirectory(t *testing.T) {
	for _, tt := range []struct {
		name string
		logs int
	}{{"main", 27}, {"legacy", 19}, {"unclean", 3}, {"unclean-recovered", 3}} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			require.NoError(t, os.CopyFS(root, os.DirFS(filepath.Join("../testdata/golden", tt.name))))
			w := newWorld(t, 1)
			w.o.FS, w.paths = vfs.OS, []string{root}
			want, err := checkpoint.ReadOffsets(vfs.OS, filepath.Join(root, checkpoint.RecoveryPointFile))
			require.NoError(t, err)

			s := w.open()
			require.Equal(t, tt.logs, logs(s))
			for p, l := range s.Logs() {
				if tt.name != "unclean" {
					require.Equal(t, want[p], l.EndOffset(), "%v", p)
				}
				require.NotZero(t, l.TopicID(), "%v", p)
			}
			require.Equal(t, int32(0), s.BrokerID())
			w.close(s)

			again, err := checkpoint.ReadOffsets(vfs.OS, filepath.Join(root, checkpoint.RecoveryPointFile))
			require.NoError(t, err)
			if tt.name != "unclean" {
				require.Equal(t, want, again)
			}
			s = w.open()
			require.Equal(t, tt.logs, logs(s))
			require.NotZero(t, w.said.count("loading logs", "clean=true"))
			w.close(s)
		})
	}
}
