package dir_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// messages is a log handler that keeps what was said.
type messages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (m *messages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(b)
}

func (m *messages) logger() *slog.Logger { return slog.New(slog.NewTextHandler(m, nil)) }

// count returns how many lines contain all of the words.
func (m *messages) count(words ...string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for line := range strings.Lines(m.text.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	return n
}

// world is a disk and how a broker opens it.
type world struct {
	t     *testing.T
	disk  *crashfs.FS
	o     dir.Options
	paths []string
	said  *messages
}

// newWorld has one directory, /data, on a disk in memory.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	said := &messages{}
	disk := crashfs.New(crashfs.Options{Seed: seed})
	return &world{t, disk, dir.Options{
		FS: disk, Logger: said.logger(), BrokerID: -1, MinFree: -1, Threads: 2,
		HighWatermark: func(checkpoint.Partition) int64 { return -1 },
	}, []string{"/data"}, said}
}

func (w *world) open() *dir.Set {
	w.t.Helper()
	s, err := dir.Open(w.paths, w.o)
	require.NoError(w.t, err, "%s", w.said.text.String())
	return s
}

func (w *world) close(s *dir.Set) {
	w.t.Helper()
	require.NoError(w.t, s.Close(context.Background()))
}

// reopen is a clean restart.
func (w *world) reopen(s *dir.Set) *dir.Set {
	w.t.Helper()
	w.close(s)
	return w.open()
}

// run runs the background work while do runs.
func run(t *testing.T, s *dir.Set, do func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	do()
	stop()
	require.NoError(t, <-done)
}

// later lets virtual time pass, and whoever else wakes at that instant be done first.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func part(topic string, index int32) checkpoint.Partition {
	return checkpoint.Partition{Topic: topic, Index: index}
}

func create(t testing.TB, s *dir.Set, p checkpoint.Partition) *log.Log {
	t.Helper()
	l, err := s.Create(p, dir.NewLog{TopicID: [16]byte{1, 2, 3}, Config: log.DefaultConfig()})
	require.NoError(t, err)
	return l
}

// write appends one record and returns its offset.
func write(l *log.Log, value string) (int64, error) {
	set, err := record.Build(record.Spec{}, record.Record{Timestamp: 1_700_000_000_000, Key: []byte("k"), Value: []byte(value)})
	if err != nil {
		return 0, err
	}
	a, err := l.Append(set, log.AppendOptions{LeaderEpoch: 0, ProduceVersion: 9})
	return a.BaseOffset, err
}

// fill appends records named prefix0, prefix1, ...
func fill(t *testing.T, l *log.Log, prefix string, n int) {
	t.Helper()
	for i := range n {
		_, err := write(l, fmt.Sprint(prefix, i))
		require.NoError(t, err)
	}
}

// values reads a whole log.
func values(t *testing.T, l *log.Log) []string {
	t.Helper()
	var list []string
	for at := l.StartOffset(); at < l.EndOffset(); {
		s, err := l.Read(log.ReadRequest{Offset: at, UpTo: l.EndOffset(), MaxBytes: 1 << 20, MinOne: true})
		require.NoError(t, err)
		set, err := s.Bytes(nil)
		s.Release()
		require.NoError(t, err)
		for len(set) > 0 {
			b, rest, err := record.Next(set)
			require.NoError(t, err)
			require.True(t, b.CheckCRC())
			var it record.Iterator
			require.NoError(t, it.Reset(b))
			for it.Next() {
				list = append(list, string(it.Record().Value))
			}
			require.NoError(t, it.Err())
			at, set = b.LastOffset()+1, rest
		}
	}
	return list
}

// names lists a directory of the disk.
func names(t *testing.T, fsys vfs.FS, path string) []string {
	t.Helper()
	list, err := fsys.ReadDir(path)
	require.NoError(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func exists(fsys vfs.FS, path string) bool {
	_, err := fsys.Stat(path)
	return err == nil
}

// logs counts the logs of a set.
func logs(s *dir.Set) int {
	n := 0
	for range s.Logs() {
		n++
	}
	return n
}

// linkDir makes a directory with the files of another.
func linkDir(tb testing.TB, from, to string) {
	tb.Helper()
	require.NoError(tb, os.Mkdir(to, 0o755))
	list, err := os.ReadDir(from)
	require.NoError(tb, err)
	for _, e := range list {
		require.NoError(tb, os.Link(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())))
	}
}
