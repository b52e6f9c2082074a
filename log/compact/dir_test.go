package compact_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/compact"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// TestADataDirectoryIsKeptClean lets a data directory do its background work: the dirty
// log is cleaned, the one that is not dirty enough is not, and the checkpoint says so.
func TestADataDirectoryIsKeptClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(crashfs.Options{})
		w := &world{t: t, disk: disk, config: smallSegments()}
		w.config.MinDirtyRatio = 0.5
		var set *dir.Set
		set, err := dir.Open([]string{"/data"}, dir.Options{
			FS: disk, BrokerID: -1, MinFree: -1,
			HighWatermark: func(p checkpoint.Partition) int64 {
				l, _ := set.Get(p)
				return l.EndOffset()
			},
			Clean: compact.New(compact.Options{Logger: slog.New(slog.DiscardHandler)}).Clean,
		})
		require.NoError(t, err)
		logs := make(map[string]*log.Log)
		for _, topic := range []string{"dirty", "idle"} {
			logs[topic], err = set.Create(checkpoint.Partition{Topic: topic}, dir.NewLog{TopicID: [16]byte{1}, Config: w.config})
			require.NoError(t, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- set.Run(ctx) }()
		w.l, w.dir = logs["dirty"], "/data/dirty-0"
		for i := range 40 {
			w.put(record.Spec{}, kv("k", fmt.Sprint(i)))
		}
		w.roll()
		time.Sleep(61 * time.Second) // not when the cleaner looks
		require.Equal(t, "39:k=39", w.text())
		cleaned, err := checkpoint.ReadOffsets(disk, "/data/"+checkpoint.CleanerFile)
		require.NoError(t, err)
		require.Equal(t, map[checkpoint.Partition]int64{{Topic: "dirty"}: 40}, cleaned)
		for i := range 30 {
			w.put(record.Spec{}, kv("l", fmt.Sprint(i)))
		}
		w.roll()
		time.Sleep(time.Minute)
		require.Equal(t, "39:k=39 69:l=29", w.text())
		require.Len(t, w.files(".deleted"), 0, "file.delete.delay.ms is over")
		stop()
		require.NoError(t, <-done)
		require.NoError(t, set.Close(t.Context()))
	})
}

// TestDeletedKeysStayDeleted, though the log was cut below what had been cleaned and
// has got other records there: a value and its tombstone among them are not taken for
// clean, or only the tombstone would go in the end.
func TestDeletedKeysStayDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(crashfs.Options{})
		w := &world{t: t, disk: disk, config: smallSegments()}
		var set *dir.Set
		set, err := dir.Open([]string{"/data"}, dir.Options{
			FS: disk, BrokerID: -1, MinFree: -1, Logger: slog.New(slog.DiscardHandler),
			HighWatermark: func(p checkpoint.Partition) int64 {
				l, _ := set.Get(p)
				return l.EndOffset()
			},
			Clean: compact.New(compact.Options{Logger: slog.New(slog.DiscardHandler)}).Clean,
		})
		require.NoError(t, err)
		w.l, err = set.Create(checkpoint.Partition{Topic: "t"}, dir.NewLog{TopicID: [16]byte{1}, Config: w.config})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- set.Run(ctx) }()
		more := func(keys ...string) {
			for _, key := range keys {
				w.put(record.Spec{}, kv(key, "1"))
			}
			w.roll()
			time.Sleep(61 * time.Second) // not when the cleaner looks
		}
		more("a", "b", "c", "d")
		require.NoError(t, w.l.Truncate(1))
		w.put(record.Spec{}, kv("gone", "1"))
		w.put(record.Spec{}, kv("gone", ""))
		more("e", "f", "g")
		more("h")
		more("i")
		require.Equal(t, "0:a=1 3:e=1 4:f=1 5:g=1 6:h=1 7:i=1", w.text())
		stop()
		require.NoError(t, <-done)
		require.NoError(t, set.Close(t.Context()))
	})
}

// TestThrottle cleans 100 KB at 20 KB a second: read for the map, read again, and written.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.config.SegmentBytes = 1 << 20
		w.l.Configure(w.config)
		value := string(make([]byte, 1000))
		for i := range 100 {
			w.put(record.Spec{}, kv(fmt.Sprint(i%50), value))
		}
		w.roll()
		slow := compact.DefaultLimits()
		slow.BytesPerSecond = 20_000
		c := compact.New(compact.Options{
			Limits: func() compact.Limits { return slow }, Logger: slog.New(slog.DiscardHandler),
		})
		target := compact.Target{Log: w.l, HighWatermark: w.l.EndOffset()}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		began := time.Now()
		_, _, err := c.CleanLog(ctx, target)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began), "stopping does not wait")

		began = time.Now()
		_, worked, err := c.CleanLog(t.Context(), target)
		require.NoError(t, err)
		require.True(t, worked)
		require.InDelta(t, 13.5, time.Since(began).Seconds(), 0.5)
		require.NoError(t, w.l.Close())
	})
}

// TestTombstonesOfOldMessages go by the age of their segment, as there is no horizon.
func TestTombstonesOfOldMessages(t *testing.T) {
	for age, want := range map[time.Duration]string{
		999 * time.Millisecond:  "0:a= 1:b=1 2:c=1",
		1000 * time.Millisecond: "1:b=1 2:c=1",
	} {
		w := newWorld(t)
		cleanApart := func() {
			small := w.config
			small.SegmentBytes = 40 // so that nothing is joined
			w.l.Configure(small)
			require.True(t, w.clean())
			w.l.Configure(w.config)
		}
		for i, r := range []record.Record{kv("a", ""), kv("b", "1")} {
			set, err := record.Build(record.Spec{BaseOffset: int64(i)}, r)
			require.NoError(t, err)
			var s record.Scratch
			old, err := record.Downconvert(nil, set, record.Down{Magic: 1}, &s)
			require.NoError(t, err)
			_, err = w.l.Copy(old)
			require.NoError(t, err)
			w.roll()
		}
		cleanApart()
		require.Equal(t, "0:a= 1:b=1", w.text(), "nothing was clean before")
		last := w.clock()
		require.NoError(t, w.disk.Chtimes(w.dir+"/00000000000000000000.log", last.Add(-age)))
		require.NoError(t, w.disk.Chtimes(w.dir+"/00000000000000000001.log", last))
		w.put(record.Spec{}, kv("c", "1"))
		w.roll()
		cleanApart()
		require.Equal(t, want, w.text(), "older by %v", age)
		info, err := w.disk.Stat(w.dir + "/00000000000000000000.log")
		require.NoError(t, err)
		require.Equal(t, last.Add(-age), info.ModTime(), "its age is kept")
	}
}
