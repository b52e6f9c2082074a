package log_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

func TestAppendGivesOffsetsAndEpochInPlace(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	set := values(t, "a", "b", "c")
	crc := record.Batch(set).CRC()
	done, err := l.Append(values(t, "first"), produce)
	require.NoError(t, err)
	require.Equal(t, log.Appended{BaseOffset: 0, LastOffset: 0, LogAppendTime: -1, Bytes: done.Bytes}, done)
	done, err = l.Append(set, produce)
	require.NoError(t, err)
	require.Equal(t, log.Appended{BaseOffset: 1, LastOffset: 3, LogAppendTime: -1, Bytes: len(set)}, done)
	b := record.Batch(set)
	require.Equal(t, int64(1), b.BaseOffset())
	require.Equal(t, int32(3), b.LeaderEpoch())
	require.Equal(t, crc, b.CRC(), "the CRC does not cover what changed")
	require.Equal(t, int64(4), l.EndOffset())
	require.Equal(t, int32(3), l.LatestEpoch())
	want := []goldenRecord{{0, testNow.UnixMilli(), "", "first", 3}}
	for i, v := range []string{"a", "b", "c"} {
		want = append(want, goldenRecord{int64(i + 1), testNow.UnixMilli() + int64(i)*1000, "", v, 3})
	}
	require.Equal(t, want, readAll(t, l, 1<<20))
}

func TestAppendStampsTheBrokersTimeWhereAsked(t *testing.T) {
	c := testConfig()
	c.LogAppendTime = true
	l := openLog(t, t.TempDir(), fresh(c))
	done, err := l.Append(batch(t, record.Spec{}, time.UnixMilli(5), "a", "b"), produce)
	require.NoError(t, err)
	require.Equal(t, testNow.UnixMilli(), done.LogAppendTime)
	for _, r := range readAll(t, l, 1<<20) {
		require.Equal(t, testNow.UnixMilli(), r.Timestamp)
	}
}

func TestAppendRefusesWithoutATrace(t *testing.T) {
	c := testConfig()
	c.SegmentBytes = 300
	c.MaxMessageBytes = 1000
	full := errors.New("no more")
	o := fresh(c)
	var admit error
	o.Admit = func() error { return admit }
	l := openLog(t, t.TempDir(), o)
	appendN(t, l, 1)
	damaged := values(t, "x")
	damaged[len(damaged)-1] ^= 1
	for name, each := range map[string]struct {
		set   []byte
		admit error
		want  error
	}{
		"damaged":              {damaged, nil, record.ErrCorrupt},
		"over max.message":     {values(t, string(make([]byte, 2000))), nil, record.ErrTooLarge},
		"over segment.bytes":   {values(t, string(make([]byte, 400))), nil, log.ErrSetTooLarge},
		"nothing":              {nil, nil, record.ErrInvalidRecord},
		"not admitted":         {values(t, "x"), full, full},
		"sequence after a gap": {nil, nil, producer.ErrOutOfOrder},
	} {
		t.Run(name, func(t *testing.T) {
			if errors.Is(each.want, producer.ErrOutOfOrder) {
				_, err := l.Append(idempotent(t, 7, 0, "ok"), produce)
				require.NoError(t, err)
				each.set = idempotent(t, 7, 2, "gap")
			}
			admit = each.admit
			end, size := l.EndOffset(), l.Size()
			_, err := l.Append(each.set, produce)
			require.ErrorIs(t, err, each.want)
			require.Equal(t, end, l.EndOffset())
			require.Equal(t, size, l.Size())
			admit = nil
		})
	}
}

// An old client's set without a whole message is answered without an offset.
func TestAppendOfNothing(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	done, err := l.Append(nil, log.AppendOptions{ProduceVersion: 0})
	require.NoError(t, err)
	require.Equal(t, log.Appended{BaseOffset: -1, LastOffset: -1, LogAppendTime: -1}, done)
}

func TestDuplicatesAreAnsweredAndNotWritten(t *testing.T) {
	dir := t.TempDir()
	o := fresh(testConfig())
	l, err := open(dir, o)
	require.NoError(t, err)
	for i := range int32(3) {
		_, err := l.Append(idempotent(t, 7, i, fmt.Sprint(i)), produce)
		require.NoError(t, err)
	}
	again, err := l.Append(idempotent(t, 7, 1, "1"), produce)
	require.NoError(t, err)
	require.Equal(t, log.Appended{BaseOffset: 1, LastOffset: 1, LogAppendTime: testNow.UnixMilli(), Duplicate: true}, again)
	require.NoError(t, l.Close())

	l = openLog(t, dir, o) // the last batch is remembered across a restart
	again, err = l.Append(idempotent(t, 7, 2, "2"), produce)
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	require.Equal(t, int64(2), again.BaseOffset)
	require.Equal(t, int64(3), l.EndOffset())
	require.Len(t, l.Producers(), 1)
}

func TestFullDiskRefusesAndGoesOnWhenThereIsRoom(t *testing.T) {
	disk := crashfs.New(crashfs.Options{Seed: 1})
	o := fresh(testConfig())
	o.FS = disk
	o.OnIOError = func(err error) { t.Errorf("a full disk is not a broken one: %v", err) }
	require.NoError(t, disk.MkdirAll("data", 0o755))
	l := openLog(t, "data/t-0", o)
	appendN(t, l, 3)
	disk.SetCapacity(disk.Used() + 20) // a part of the next batch fits
	size := l.Size()
	_, err := l.Append(values(t, "does not fit"), produce)
	require.ErrorIs(t, err, log.ErrNoSpace)
	require.Equal(t, int64(3), l.EndOffset())
	require.Equal(t, size, l.Size())
	info, err := disk.Stat("data/t-0/00000000000000000000.log")
	require.NoError(t, err)
	require.Equal(t, size, info.Size(), "what was written is cut off again")
	disk.SetCapacity(0)
	appendN(t, l, 3)
	requireN(t, l, 0, 6)
}

func TestAFailedWriteEndsAppendingUnlessItCanBeUndone(t *testing.T) {
	for name, broken := range map[string][]crashfs.Kind{
		"write":           {crashfs.Write},
		"write, then cut": {crashfs.Write, crashfs.Truncate},
	} {
		t.Run(name, func(t *testing.T) {
			disk := crashfs.New(crashfs.Options{Seed: 1})
			require.NoError(t, disk.MkdirAll("data", 0o755))
			o := fresh(testConfig())
			o.FS = disk
			var told []error
			o.OnIOError = func(err error) { told = append(told, err) }
			l, err := open("data/t-0", o)
			require.NoError(t, err)
			appendN(t, l, 2)
			disk.SetRule(func(op crashfs.Op) error {
				for _, k := range broken {
					if op.Kind == k {
						return syscall.EIO
					}
				}
				return nil
			})
			var io *log.IOError
			_, err = l.Append(values(t, "lost"), produce)
			require.ErrorAs(t, err, &io)
			require.ErrorIs(t, err, syscall.EIO)
			disk.SetRule(nil)
			_, err = l.Append(values(t, "refused"), produce)
			require.ErrorAs(t, err, &io, "the log is out of service")
			require.Len(t, told, 1)
			require.Len(t, readAll(t, l, 1<<20), 2, "what is there can be read")
			require.Error(t, l.Close(), "the directory is not clean")
		})
	}
}

func TestConcurrentAppendsAndReads(t *testing.T) {
	c := testConfig()
	c.SegmentBytes = 10_000
	c.IndexIntervalBytes = 500
	o := fresh(c)
	o.Files = log.NewFileCache(2) // files come and go under the readers
	l := openLog(t, filepath.Join(t.TempDir(), "t-0"), o)
	const writers, each, readers = 4, 100, 3
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := l.Append(idempotentQuiet(int64(w), int32(i)), produce)
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range readers {
		wg.Go(func() {
			next := make([]int, writers)
			for offset := int64(0); offset < writers*each; {
				var err error
				if offset, err = follow(l, offset, next); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(writers*each), l.EndOffset())
}

// idempotentQuiet is idempotent for goroutines.
func idempotentQuiet(id int64, sequence int32) []byte {
	set, err := record.Build(record.Spec{Producer: &record.Producer{ID: id, BaseSequence: sequence}},
		record.Record{Timestamp: testNow.UnixMilli(), Value: fmt.Appendf(nil, "%d of %d", sequence, id)})
	if err != nil {
		panic(err)
	}
	return set
}

// follow reads what there is from an offset on and checks that each producer's
// batches are whole and in order.
func follow(l *log.Log, offset int64, next []int) (int64, error) {
	sl, err := l.Read(log.ReadRequest{Offset: offset, UpTo: l.EndOffset(), MaxBytes: 700, MinOne: true})
	if err != nil {
		return offset, err
	}
	defer sl.Release()
	data, err := sl.Bytes(nil)
	if err != nil {
		return offset, err
	}
	for len(data) > 0 {
		b, rest, err := record.Next(data)
		switch {
		case err != nil:
			return offset, err
		case b.BaseOffset() != offset || !b.CheckCRC():
			return offset, fmt.Errorf("batch at %d where %d was due, CRC %v", b.BaseOffset(), offset, b.CheckCRC())
		case int(b.BaseSequence()) != next[b.ProducerID()]:
			return offset, fmt.Errorf("sequence %d of producer %d, want %d", b.BaseSequence(), b.ProducerID(), next[b.ProducerID()])
		}
		next[b.ProducerID()]++
		offset, data = b.NextOffset(), rest
	}
	return offset, nil
}

func TestAppendAllocatesNothing(t *testing.T) {
	if raceEnabled {
		return // the race detector makes pools forget
	}
	for name, size := range map[string]int{"1 KiB": 900, "64 KiB": 64 << 10} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, t.TempDir(), fresh(testConfig()))
			sets := make(map[string][]byte)
			for codec := range 2 {
				set := batch(t, record.Spec{Codec: []compress.Codec{compress.None, compress.LZ4}[codec]}, testNow, split(size, 10)...)
				sets[fmt.Sprint("codec ", codec)] = set
			}
			for name, set := range sets {
				run := func() {
					record.Batch(set).SetBaseOffset(0)
					if _, err := l.Append(set, produce); err != nil {
						t.Fatal(err)
					}
				}
				run()
				require.LessOrEqual(t, testing.AllocsPerRun(200, run), 0.5, name)
			}
		})
	}
}

// split makes n values of size bytes together.
func split(size, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = string(make([]byte, size/n))
	}
	return out
}
