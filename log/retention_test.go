package log_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

// A record of appendN at offset n is n seconds younger than testNow.
func after(offset int64) time.Time { return testNow.Add(time.Duration(offset) * time.Second) }

func TestRetention(t *testing.T) {
	const hour = int64(time.Hour / time.Millisecond)
	for name, each := range map[string]struct {
		configure func(c *log.Config)
		start     int64 // DeleteRecords before
		now       time.Time
		high      int64 // high watermark; -1: the end
		wantStart int64
		wantEmpty bool
	}{
		"nothing is old":         {func(*log.Config) {}, 0, after(1000), -1, 0, false},
		"no limits":              {func(c *log.Config) { c.RetentionMs = -1 }, 0, after(math.MaxInt32), -1, 0, false},
		"the first two are old":  {func(c *log.Config) { c.RetentionMs = hour }, 0, after(3600 + 400), -1, 400, false},
		"not beyond the high":    {func(c *log.Config) { c.RetentionMs = hour }, 0, after(9000), 350, 200, false},
		"just below the high":    {func(c *log.Config) { c.RetentionMs = hour }, 0, after(9000), 400, 400, false},
		"just not below":         {func(c *log.Config) { c.RetentionMs = hour }, 0, after(9000), 399, 200, false},
		"high watermark unknown": {func(c *log.Config) { c.RetentionMs = 1 }, 0, after(9000), -2, 0, false},
		"all are old":            {func(c *log.Config) { c.RetentionMs = hour }, 0, after(9000), -1, 1000, true},
		"too large":              {func(c *log.Config) { c.RetentionBytes = 36_000 }, 0, after(1000), -1, 400, false},
		"just not too large":     {func(c *log.Config) { c.RetentionBytes = 81_000 }, 0, after(1000), -1, 0, false},
		"only compacted":         {func(c *log.Config) { c.Compact, c.Delete, c.RetentionMs = true, false, 1 }, 0, after(9000), -1, 0, false},
		"below the start":        {func(c *log.Config) { c.Compact, c.Delete = true, false }, 450, after(1000), -1, 450, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			dir := t.TempDir()
			l := openLog(t, dir, fresh(c))
			for range 5 {
				require.NoError(t, l.Roll())
				appendN(t, l, 200)
			}
			require.Equal(t, 5, l.Segments())
			each.configure(&c)
			l.Configure(c)
			require.NoError(t, l.SetStartOffset(each.start))
			high := each.high
			if high == -1 {
				high = l.EndOffset()
			}
			n, err := l.ApplyRetention(each.now, high)
			require.NoError(t, err)
			require.Equal(t, each.wantStart, l.StartOffset())
			require.Equal(t, each.wantStart/200, int64(n))
			require.Equal(t, each.wantStart/200*200, l.FirstSegment())
			if each.wantEmpty {
				require.Zero(t, l.Size())
			} else {
				requireN(t, l, each.wantStart, 1000)
			}
			requireDeleted(t, l, dir, 3*n)
			// It goes on, and so it does after a restart.
			c = testConfig()
			l.Configure(c)
			appendN(t, l, 10)
			start := l.StartOffset()
			require.NoError(t, l.Close())
			o := fresh(c)
			o.StartOffset = start
			l = openLog(t, dir, o)
			requireN(t, l, start, 1010)
		})
	}
}

// requireDeleted checks that so many files wait for their time (a log and two indexes
// for each segment), and that they go when it comes.
func requireDeleted(t *testing.T, l *log.Log, dir string, n int) {
	t.Helper()
	for _, step := range []struct {
		now  time.Time
		left int
	}{{testNow, n}, {after(1_000_000), 0}} {
		require.NoError(t, l.RemoveExpiredFiles(step.now))
		deleted, err := filepath.Glob(filepath.Join(dir, "*.deleted"))
		require.NoError(t, err)
		require.Len(t, deleted, step.left)
	}
}

// Records without a timestamp are as old as their file.
func TestRetentionOfRecordsWithoutTimestamps(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	_, err := l.Append(batch(t, record.Spec{}, time.UnixMilli(-1), "x"), produce)
	require.NoError(t, err)
	week := 7 * 24 * time.Hour
	n, err := l.ApplyRetention(time.Now().Add(week-time.Minute), 1)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = l.ApplyRetention(time.Now().Add(week+time.Minute), 1)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestDeleteRecords(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, fresh(testConfig()))
	appendN(t, l, 10)
	require.ErrorIs(t, l.SetStartOffset(11), log.ErrOffsetOutOfRange)
	require.NoError(t, l.SetStartOffset(7))
	require.NoError(t, l.SetStartOffset(3), "backwards changes nothing")
	requireN(t, l, 7, 10)
	require.NoError(t, l.SetStartOffset(10))
	requireN(t, l, 10, 10)
	found, end := l.EndOffsetForEpoch(3)
	require.Equal(t, int32(3), found)
	require.Equal(t, int64(10), end)
	appendN(t, l, 2)
	require.NoError(t, l.Close())
	o := fresh(testConfig())
	o.StartOffset = 10
	requireN(t, openLog(t, dir, o), 10, 12)
}

// A start offset behind the end, as after an unclean loss of everything flushed, makes
// the log begin there: its offsets must not be used again.
func TestStartOffsetBehindTheEnd(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, fresh(testConfig()))
	appendN(t, l, 10)
	require.NoError(t, l.Close())
	o := fresh(testConfig())
	o.StartOffset = 50
	l = openLog(t, dir, o)
	requireN(t, l, 50, 50)
	appendN(t, l, 3)
	requireN(t, l, 50, 53)
}

func TestRollByTimeAndByFullIndex(t *testing.T) {
	for name, each := range map[string]struct {
		configure func(c *log.Config)
		want      []int64 // bases of segments after 100 records
	}{
		"never":              {func(*log.Config) {}, []int64{0}},
		"after 30 s":         {func(c *log.Config) { c.SegmentMs = 30_000 }, []int64{0, 31, 62, 93}},
		"after 30 s, jitter": {func(c *log.Config) { c.SegmentMs, c.SegmentJitterMs = 30_000, 11_000 }, []int64{0, 21, 42, 63, 84}},
		"compaction may not lag": {func(c *log.Config) {
			c.Compact, c.MaxCompactionLag = true, 49_000
		}, []int64{0, 50}},
		"index full": {func(c *log.Config) { c.SegmentIndexBytes, c.IndexIntervalBytes = 10*8, 1 }, []int64{0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 66, 72, 78, 84, 90, 96}},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			each.configure(&c)
			o := fresh(c)
			o.Jitter = func(n int64) int64 { return n - 1000 }
			l := openLog(t, t.TempDir(), o)
			for i := range 100 {
				set := batch(t, record.Spec{}, after(int64(i)), "v")
				if c.Compact {
					set = keyed(t, after(int64(i)))
				}
				_, err := l.Append(set, produce)
				require.NoError(t, err)
			}
			var got []int64
			for _, s := range l.SegmentOffsets() {
				got = append(got, s.Base)
			}
			require.Equal(t, each.want, got)
		})
	}
}

func keyed(t *testing.T, at time.Time) []byte {
	set, err := record.Build(record.Spec{}, record.Record{Timestamp: at.UnixMilli(), Key: []byte("k"), Value: []byte("v")})
	require.NoError(t, err)
	return set
}

// Without timestamps a segment is as old as the time since it was begun.
func TestRollByTheClockWithoutTimestamps(t *testing.T) {
	now := testNow
	o := fresh(testConfig())
	o.Config.SegmentMs = 1000
	o.Now = func() time.Time { return now }
	l := openLog(t, t.TempDir(), o)
	for range 4 {
		_, err := l.Append(batch(t, record.Spec{}, time.UnixMilli(-1), "x"), produce)
		require.NoError(t, err)
		now = now.Add(600 * time.Millisecond)
	}
	require.Equal(t, 2, l.Segments())
	require.NoError(t, l.Roll())
	require.NoError(t, l.Roll(), "an empty segment is not rolled")
	require.Equal(t, 3, l.Segments())
}

// preallocate reserves a segment's space, which does not show in its length and is
// given back when it is sealed.
func TestPreallocate(t *testing.T) {
	c := testConfig()
	c.Preallocate, c.SegmentBytes = true, 1<<20
	dir := t.TempDir()
	l := openLog(t, dir, fresh(c))
	appendN(t, l, 1)
	require.NoError(t, l.Roll())
	appendN(t, l, 1)
	path := filepath.Join(dir, "00000000000000000001.log")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(200))
	reserved := blocks(t, path)
	require.NoError(t, l.Roll())
	require.Less(t, blocks(t, path), int64(64<<10))
	if reserved > 0 { // where the file system can
		require.GreaterOrEqual(t, reserved, int64(1<<20))
	}
	requireN(t, l, 0, 2)
}

// blocks is how much disk a file takes.
func blocks(t *testing.T, path string) int64 {
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return st.Blocks * 512
}
