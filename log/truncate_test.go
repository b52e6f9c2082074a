package log_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// A log is a list of batches: whatever is done to it, it says the same as that list.
func TestLogAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"append":   m.append,
			"roll":     func(*rapid.T) { require.NoError(rt, m.l.Roll()) },
			"truncate": m.truncate,
			"restart":  m.restart,
			"reopen":   m.reopen,
			"delete":   m.deleteRecords,
			"copy":     m.copy,
			"scan": func(rt *rapid.T) {
				end, err := m.l.DropDamage(rapid.Int64Range(m.start, m.end).Draw(rt, "from"))
				require.NoError(rt, err)
				require.Equal(rt, m.end, end, "nothing is damaged")
			},
			"": func(*rapid.T) { m.check() },
		})
		require.NoError(rt, m.l.Close())
	})
}

type modelBatch struct {
	base, last int64
	epoch      int32
	value      string
}

type model struct {
	t       *testing.T
	rt      *rapid.T
	disk    *crashfs.FS
	l       *log.Log
	batches []modelBatch
	start   int64
	end     int64
	epoch   int32
	written int
}

func newModel(t *testing.T, rt *rapid.T) *model {
	m := &model{t: t, rt: rt, disk: crashfs.New(crashfs.Options{})}
	require.NoError(rt, m.disk.MkdirAll("data", 0o755))
	m.open(true)
	return m
}

func (m *model) open(clean bool) {
	c := testConfig()
	c.SegmentBytes, c.IndexIntervalBytes = 700, 120
	var err error
	m.l, err = open("data/t-0", log.Options{FS: m.disk, Config: c, Clean: clean, RecoveryPoint: -1, StartOffset: m.start})
	require.NoError(m.rt, err)
}

func (m *model) append(rt *rapid.T) {
	n := rapid.IntRange(1, 5).Draw(rt, "records")
	m.written++
	value := fmt.Sprint("batch ", m.written)
	list := make([]string, n)
	for i := range list {
		list[i] = value
	}
	_, err := m.l.Append(values(m.t, list...), log.AppendOptions{LeaderEpoch: m.epoch, ProduceVersion: 9})
	require.NoError(rt, err)
	m.batches = append(m.batches, modelBatch{m.end, m.end + int64(n) - 1, m.epoch, value})
	m.end += int64(n)
}

// copy appends batches as a leader made them, with a gap.
func (m *model) copy(rt *rapid.T) {
	var set []byte
	for range rapid.IntRange(1, 3).Draw(rt, "batches") {
		m.written++
		base := m.end + int64(rapid.IntRange(0, 3).Draw(rt, "gap"))
		value := fmt.Sprint("copied ", m.written)
		set = append(set, batch(m.t, record.Spec{BaseOffset: base, LeaderEpoch: m.epoch}, testNow, value, value)...)
		m.batches = append(m.batches, modelBatch{base, base + 1, m.epoch, value})
		m.end = base + 2
	}
	end, err := m.l.Copy(append(set, "cut off"...))
	require.NoError(rt, err)
	require.Equal(rt, m.end, end)
	_, err = m.l.Copy(set)
	require.ErrorIs(rt, err, log.ErrOffsetOutOfRange, "it is there already")
}

func (m *model) truncate(rt *rapid.T) {
	offset := rapid.Int64Range(m.l.FirstSegment(), m.end+2).Draw(rt, "offset")
	require.NoError(rt, m.l.Truncate(offset))
	if offset >= m.end {
		return
	}
	keep := 0
	for keep < len(m.batches) && m.batches[keep].last < offset {
		keep++
	}
	m.batches = m.batches[:keep]
	m.end = m.l.EndOffset()
	if keep > 0 {
		require.GreaterOrEqual(rt, m.end, m.batches[keep-1].last+1)
	}
	require.LessOrEqual(rt, m.end, offset)
	m.start = min(m.start, offset)
	m.epoch++ // a follower truncates because there is a new leader
}

func (m *model) restart(rt *rapid.T) {
	offset := m.end + int64(rapid.IntRange(0, 10).Draw(rt, "ahead"))
	require.NoError(rt, m.l.TruncateFullyAndStartAt(offset))
	m.batches, m.start, m.end = nil, offset, offset
	require.Zero(rt, m.l.Size())
}

func (m *model) deleteRecords(rt *rapid.T) {
	offset := rapid.Int64Range(m.start, m.end).Draw(rt, "start")
	require.NoError(rt, m.l.SetStartOffset(offset))
	m.start = max(m.start, offset)
	_, err := m.l.ApplyRetention(testNow, m.end)
	require.NoError(rt, err)
}

func (m *model) reopen(rt *rapid.T) {
	require.NoError(rt, m.l.Close())
	m.open(rapid.Bool().Draw(rt, "clean"))
	m.end = max(m.end, m.l.EndOffset()) // after a truncation, offsets may be missing at the end
}

func (m *model) check() {
	require.Equal(m.rt, m.start, m.l.StartOffset())
	require.Equal(m.rt, m.end, m.l.EndOffset())
	var want, got []modelBatch
	for _, b := range m.batches {
		if b.last >= m.start {
			want = append(want, b)
		}
	}
	it := record.Iterator{MaxInflated: 1 << 20}
	for next := m.start; next < m.end; {
		sl, err := m.l.Read(log.ReadRequest{Offset: next, UpTo: m.end, MaxBytes: 250, MinOne: true})
		require.NoError(m.rt, err)
		data, err := sl.Bytes(nil)
		require.NoError(m.rt, err)
		sl.Release()
		if len(data) == 0 {
			break
		}
		for len(data) > 0 {
			b, rest, err := record.Next(data)
			require.NoError(m.rt, err)
			require.NoError(m.rt, it.Reset(b))
			require.True(m.rt, it.Next())
			got = append(got, modelBatch{b.BaseOffset(), b.LastOffset(), b.LeaderEpoch(), string(it.Record().Value)})
			next, data = b.NextOffset(), rest
		}
	}
	require.Equal(m.rt, want, got)
	m.checkEpochs(got)
}

// checkEpochs asks where the epochs of what was read end.
func (m *model) checkEpochs(list []modelBatch) {
	for i, b := range list {
		end := m.end
		for _, later := range list[i:] {
			if later.epoch != b.epoch {
				end = later.base
				break
			}
		}
		if b.epoch == m.l.LatestEpoch() || i+1 < len(list) && list[len(list)-1].epoch > b.epoch {
			found, got := m.l.EndOffsetForEpoch(b.epoch)
			require.Equal(m.rt, b.epoch, found)
			require.Equal(m.rt, end, got)
		}
		require.Equal(m.rt, b.epoch, m.l.EpochAt(b.last))
	}
}

func TestTruncatingBelowTheLogStartsThere(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	require.NoError(t, l.TruncateFullyAndStartAt(100))
	appendN(t, l, 5)
	require.NoError(t, l.Truncate(40))
	requireN(t, l, 40, 40)
	require.LessOrEqual(t, l.RecoveryPoint(), int64(40))
	appendN(t, l, 2)
	requireN(t, l, 40, 42)
}

// A jump of offsets beyond what a segment can count begins a new one.
func TestCopyAcrossAHugeGap(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, fresh(testConfig()))
	for _, base := range []int64{0, 1 << 31, 1<<31 + 5, 1 << 40} {
		_, err := l.Copy(batch(t, record.Spec{BaseOffset: base}, testNow, "v"))
		require.NoError(t, err)
	}
	require.Equal(t, 3, l.Segments())
	require.Len(t, readAll(t, l, 1<<20), 4)
	require.NoError(t, l.Close())
	l = openLog(t, dir, log.Options{Config: testConfig(), RecoveryPoint: -1, StartOffset: -1})
	require.Equal(t, int64(1<<40+1), l.EndOffset())
	require.Len(t, readAll(t, l, 1<<20), 4)
}

func TestCopyRefusesDamage(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	set := values(t, "x")
	set[len(set)-1] ^= 1
	_, err := l.Copy(set)
	require.ErrorIs(t, err, record.ErrCorrupt)
	require.Zero(t, l.EndOffset())
}

// The places that readers remember, and the epochs, are those of what was truncated no
// more.
func TestTruncationIsForgottenByNobody(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	as := func(epoch int32, list ...string) {
		_, err := l.Append(values(t, list...), log.AppendOptions{LeaderEpoch: epoch, ProduceVersion: 9})
		require.NoError(t, err)
	}
	for i := range 10 {
		as(0, fmt.Sprint("old ", i))
	}
	for offset := range int64(10) { // every end is remembered
		sl, err := l.Read(log.ReadRequest{Offset: offset, UpTo: offset + 1, MaxBytes: 1000})
		require.NoError(t, err)
		require.Positive(t, sl.Len())
		sl.Release()
	}
	as(1, "a", "b")                    // 10 and 11
	require.NoError(t, l.Truncate(11)) // takes 10 too
	require.Equal(t, int64(10), l.EndOffset())
	require.Equal(t, int32(0), l.LatestEpoch(), "epoch 1 has no record left")
	require.NoError(t, l.Truncate(4))
	for i := range 6 {
		as(2, strings.Repeat("longer than before ", i))
	}
	for offset := int64(0); offset < 10; offset++ {
		checkRead(t, l, log.ReadRequest{Offset: offset, UpTo: 10, MaxBytes: 1000})
	}
	found, end := l.EndOffsetForEpoch(0)
	require.Equal(t, int32(0), found)
	require.Equal(t, int64(4), end)
}

// Readers go on while a follower truncates and is given other records.
func TestReadingWhileTruncating(t *testing.T) {
	c := small()
	o := fresh(c)
	l := openLog(t, t.TempDir(), o)
	appendN(t, l, 200)
	var readers sync.WaitGroup
	over := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for offset := int64(0); ; offset = (offset + 3) % 190 {
				select {
				case <-over:
					return
				default:
				}
				if err := readOne(l, offset); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 200 {
		if err := l.Truncate(int64(50 + i%100)); err != nil {
			t.Fatal(err)
		}
		for l.EndOffset() < 200 {
			if _, err := l.Append(values(t, strings.Repeat("x", (i*7)%50+1)), produce); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(over)
	readers.Wait()
}

// readOne reads at an offset. What is truncated under a reader may be gone or changed
// when it looks, but where it looks a batch begins, or the log does not reach.
func readOne(l *log.Log, offset int64) error {
	end := l.EndOffset()
	sl, err := l.Read(log.ReadRequest{Offset: offset, UpTo: end, MaxBytes: 300})
	if errors.Is(err, log.ErrOffsetOutOfRange) {
		return nil
	}
	sl.Release()
	return err
}
