package log_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/verify"
	"github.com/leatmq/leat/log/vfs/crashfs"
)

// life is a log on a disk that may stop at any step, and what its user was told.
type life struct {
	t    *testing.T
	disk *crashfs.FS
	l    *log.Log

	tried map[int64][]string // every value that was ever appended at an offset
	acked map[int64]string   // the value that was acknowledged last
	end   int64              // behind the last acknowledged record
	safe  int64              // all below was promised to be on disk
	start int64              // the highest start offset that may be found
	// crashed says that the power was cut: what was not safe then may be gone.
	crashed bool
}

const (
	crashDir   = "data/t-0"
	cleanMark  = "data/.kafka_cleanshutdown"
	recoveryAt = "data/recovery-point-offset-checkpoint"
	startAt    = "data/log-start-offset-checkpoint"
)

// filler makes records long enough to be torn.
var filler = strings.Repeat("0123456789", 50)

var crashPartition = checkpoint.Partition{Topic: "t", Index: 0}

func newLife(t *testing.T, seed uint64) *life {
	f := &life{
		t: t, disk: crashfs.New(crashfs.Options{Seed: seed}),
		tried: make(map[int64][]string), acked: make(map[int64]string),
	}
	require.NoError(t, f.disk.MkdirAll("data", 0o755))
	require.NoError(t, f.disk.SyncDir("."))
	return f
}

// open opens the log as package dir does: the clean mark is taken away first.
func (f *life) open() error {
	c := testConfig()
	c.SegmentBytes, c.IndexIntervalBytes, c.FileDeleteDelayMs = 2500, 500, 0
	o := log.Options{Config: c, FS: f.disk, TopicID: [16]byte{1}, RecoveryPoint: -1, StartOffset: -1}
	if _, err := f.disk.Stat(cleanMark); err == nil {
		o.Clean = true
		if err := errors.Join(f.disk.Remove(cleanMark), f.disk.SyncDir("data")); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for path, at := range map[string]*int64{recoveryAt: &o.RecoveryPoint, startAt: &o.StartOffset} {
		offsets, err := checkpoint.ReadOffsets(f.disk, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		*at = offsets[crashPartition]
	}
	var err error
	f.l, err = open(crashDir, o)
	return err
}

func (f *life) crash() {
	f.disk.Crash()
	f.crashed = true
}

func (f *life) append(set []byte, value string) error {
	at := f.l.EndOffset()
	f.tried[at] = append(f.tried[at], value)
	done, err := f.l.Append(set, log.AppendOptions{LeaderEpoch: f.l.LatestEpoch(), ProduceVersion: 9, Origin: log.Coordinator})
	if err == nil {
		f.acked[done.BaseOffset] = value
		f.end = done.LastOffset + 1
	}
	return err
}

func (f *life) appendSome(from, n int) error {
	for i := range n {
		value := fmt.Sprintf("value %d of %d %s", i, from, filler) // a batch is more than one sector
		if err := f.append(batch(f.t, record.Spec{}, testNow, value), value); err != nil {
			return err
		}
	}
	return nil
}

func (f *life) txn(id int64, commit bool) error {
	value := fmt.Sprintf("in a transaction of %d", id)
	if err := f.append(transactional(f.t, id, 0, value), value); err != nil {
		return err
	}
	return f.append(endTxn(f.t, id, commit), "")
}

func (f *life) sync() error {
	end := f.end
	err := f.l.Sync(end)
	if err == nil {
		f.safe = end
		for at := range f.tried { // what was truncated must not come back from now on
			if at >= end {
				delete(f.tried, at)
			}
		}
	}
	return err
}

func (f *life) checkpoint() error {
	return errors.Join(
		checkpoint.WriteOffsets(f.disk, recoveryAt, map[checkpoint.Partition]int64{crashPartition: f.l.CheckpointOffset()}),
		checkpoint.WriteOffsets(f.disk, startAt, map[checkpoint.Partition]int64{crashPartition: f.l.StartOffset()}))
}

func (f *life) truncate(offset int64) error {
	f.safe, f.end = min(f.safe, offset), offset
	for at := range f.acked {
		if at >= offset {
			delete(f.acked, at)
		}
	}
	return f.l.Truncate(offset)
}

func (f *life) retain(start int64) error {
	f.start = max(f.start, start)
	if err := f.l.SetStartOffset(start); err != nil {
		return err
	}
	if _, err := f.l.ApplyRetention(testNow, f.end); err != nil {
		return err
	}
	return f.l.RemoveExpiredFiles(testNow)
}

func (f *life) close() error {
	end := f.l.EndOffset()
	if err := f.l.Close(); err != nil {
		return err
	}
	if !f.crashed { // else some that were acknowledged may have been lost already
		f.safe = end
	}
	return errors.Join(
		checkpoint.WriteOffsets(f.disk, recoveryAt, map[checkpoint.Partition]int64{crashPartition: end}),
		checkpoint.WriteClean(f.disk, cleanMark, -1))
}

// live goes through everything that changes files: writes, rolls, snapshots, epochs,
// syncs, checkpoints, retention, truncation, a stop and a start. It ends at the first
// error.
func (f *life) live() error {
	steps := []func() error{
		f.open,
		func() error { return f.l.AssignEpoch(0) },
		func() error { return f.appendSome(0, 8) }, // in segments of four
		func() error { return f.txn(5, false) },
		f.sync,
		f.checkpoint,
		func() error { return f.appendSome(1, 7) },
		func() error { return f.l.AssignEpoch(1) },
		func() error { return f.txn(6, true) },
		func() error { return f.l.Flush(f.end) },
		func() error { return f.appendSome(2, 9) },
		f.sync,
		func() error { return f.truncate(14) },
		func() error { return f.appendSome(3, 1) },
		f.sync,
		func() error { return f.appendSome(7, 12) },
		f.sync,
		func() error { return f.truncate(17) },
		func() error { return f.appendSome(8, 1) },
		f.sync,
		f.checkpoint,
		func() error { return f.retain(6) },
		f.checkpoint,
		func() error { return f.appendSome(4, 3) },
		f.close,
		f.open,
		func() error { return f.txn(7, false) },
		func() error { return f.appendSome(5, 8) },
		func() error { return f.l.Roll() },
		func() error { return f.appendSome(6, 2) },
		f.sync,
		f.close,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// examine opens the log after a crash and checks every promise. all says that nothing
// written may be lost, since only the process died.
func (f *life) examine(all bool) {
	t := f.t
	require.NoError(t, f.open())
	l := f.l
	must := f.safe
	if all {
		must = f.end
	}
	require.GreaterOrEqual(t, l.EndOffset(), must, "a record is lost")
	require.LessOrEqual(t, l.StartOffset(), max(f.start, 0))
	f.read(l.StartOffset(), must)

	// It goes on where it ended, and the next stop is clean.
	end := l.EndOffset()
	require.NoError(t, f.appendSome(9, 9))
	require.Equal(t, end+9, l.EndOffset())
	f.read(end, end+9)
	require.NoError(t, f.close())
	require.NoError(t, f.open())
	require.Equal(t, end+9, f.l.EndOffset())
	f.read(f.l.StartOffset(), must)
	f.read(end, end+9)
	require.NoError(t, f.close())
	report, err := verify.Partition(crashDir, verify.Options{FS: f.disk, Clean: true})
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}

// read reads the log from an offset on: all that was acknowledged below must has to be
// there, and nothing that was never written.
func (f *life) read(from, must int64) {
	t := f.t
	require.GreaterOrEqual(t, from, f.l.StartOffset())
	it := record.Iterator{MaxInflated: 1 << 20}
	next := from
	for next < f.l.EndOffset() {
		sl, err := f.l.Read(log.ReadRequest{Offset: next, UpTo: f.l.EndOffset(), MaxBytes: 300, MinOne: true})
		require.NoError(t, err)
		data, err := sl.Bytes(nil)
		require.NoError(t, err)
		sl.Release()
		if len(data) == 0 {
			break // the records just before the end are lost, and their offsets are not used again
		}
		for len(data) > 0 {
			b, rest, err := record.Next(data)
			require.NoError(t, err)
			require.True(t, b.CheckCRC(), "torn batch at %d", b.BaseOffset())
			if b.BaseOffset() < must {
				require.Equal(t, next, b.BaseOffset(), "records are missing")
			}
			require.GreaterOrEqual(t, b.BaseOffset(), next)
			require.NoError(t, it.Reset(b))
			for it.Next() {
				f.checkRecord(it.Record(), b.Control(), must)
			}
			require.NoError(t, it.Err())
			next, data = b.NextOffset(), rest
		}
	}
	require.GreaterOrEqual(t, next, must)
}

func (f *life) checkRecord(r *record.Record, control bool, must int64) {
	value := string(r.Value)
	if control {
		value = ""
	}
	if acked, ok := f.acked[r.Offset]; ok && r.Offset < must {
		require.Equal(f.t, acked, value, "offset %d was reused", r.Offset)
		return
	}
	require.True(f.t, slices.Contains(f.tried[r.Offset], value), "offset %d holds %q, which nobody wrote there", r.Offset, value)
}

// The crash points of the package comment are all among the changes to the disk that
// a life makes: it ends after each of them once, with the power and once with only the
// process gone.
func TestCrashAtEveryChange(t *testing.T) {
	f := newLife(t, 0)
	changes := -f.disk.Changes()
	require.NoError(t, f.live())
	changes += f.disk.Changes()
	require.Greater(t, changes, 150)
	f.disk.Kill()
	f.examine(true)
	for n := range changes {
		for _, power := range []bool{true, false} {
			f := newLife(t, uint64(n))
			f.disk.StopAfter(n)
			err := f.live()
			require.Error(t, err)
			if power {
				f.crash()
			} else {
				f.disk.Kill()
			}
			f.examine(!power)
			if t.Failed() {
				t.Fatalf("stopped after %d changes, power %v", n, power)
			}
		}
	}
}

// What recovery cuts off is still on the disk; it must not come back when the power
// fails after a clean stop, for then nobody looks for it.
func TestWhatRecoveryCutsOffDoesNotComeBack(t *testing.T) {
	for seed := range uint64(20) {
		f := newLife(t, seed)
		require.NoError(t, f.open())
		require.NoError(t, f.appendSome(0, 3))
		require.NoError(t, f.sync())
		require.NoError(t, f.checkpoint())
		torn := batch(t, record.Spec{BaseOffset: 3}, testNow, "torn")
		torn[len(torn)-1] ^= 1
		file, err := f.disk.OpenFile(crashDir+"/00000000000000000000.log", os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt(torn, f.l.Size())
		require.NoError(t, errors.Join(err, file.Sync(), file.Close()))
		f.disk.Kill()
		require.NoError(t, f.open())
		require.Equal(t, int64(3), f.l.EndOffset())
		require.NoError(t, f.close())
		f.disk.Crash()
		f.examine(false)
	}
}

// A recovery may crash too, as often as it likes.
func TestCrashDuringRecovery(t *testing.T) {
	for seed := range uint64(60) {
		f := newLife(t, seed)
		f.disk.StopAfter(30 + 2*int(seed))
		require.Error(t, f.live())
		f.crash()
		for n := 1; ; n++ {
			f.disk.StopAfter(n)
			err := f.open()
			if err == nil {
				f.disk.StopAfter(1 << 30)
				break
			}
			require.Less(t, n, 1000, "it never opens: %v", err)
			f.crash()
		}
		if seed%2 == 0 {
			require.NoError(t, f.close())
		}
		f.crash()
		f.examine(false)
	}
}

// What is written behind a truncation lies below the recovery point of the last
// checkpoint, for a while; after a crash it is not trusted all the same.
func TestWhatFollowsATruncationIsNotTrustedAfterACrash(t *testing.T) {
	for seed := range uint64(40) {
		f := newLife(t, seed)
		require.NoError(t, f.open())
		require.NoError(t, f.appendSome(0, 14)) // in segments of four
		require.NoError(t, f.sync())
		require.NoError(t, f.checkpoint())
		require.NoError(t, f.truncate(2))
		require.NoError(t, f.appendSome(1, 12))
		f.crash()
		f.examine(false)
	}
}

// diedBehindATruncation is a life whose last checkpoint names, for a while, a recovery
// point above what is on disk. truncating is told when the truncation begins.
func (f *life) diedBehindATruncation(truncating func()) error {
	for _, step := range []func() error{
		f.open,
		func() error { return f.appendSome(0, 14) }, // in segments of four
		f.sync,
		f.checkpoint,
		func() error { truncating(); return f.truncate(6) },
		func() error { return f.appendSome(1, 5) },
		f.checkpoint,
		func() error { return f.appendSome(2, 6) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// The process dies anywhere behind a truncation, comes back, and only then the power
// goes: what the second life says to be on disk is there, and what it does not say is
// not trusted.
func TestPowerFailsAfterAProcessDiedBehindATruncation(t *testing.T) {
	f, truncated := newLife(t, 0), 0
	changes := -f.disk.Changes()
	require.NoError(t, f.diedBehindATruncation(func() { truncated = f.disk.Changes() + changes }))
	changes += f.disk.Changes()
	for name, second := range map[string]struct {
		from int
		live func(f *life) error
	}{
		"syncs": {0, func(f *life) error { return f.sync() }},
		"goes on": {truncated, func(f *life) error {
			return errors.Join(f.appendSome(3, 3), f.checkpoint(), f.l.Roll(), f.appendSome(4, 5))
		}},
		"goes on and syncs": {truncated, func(f *life) error {
			return errors.Join(f.appendSome(3, 1), f.l.Roll(), f.appendSome(4, 1), f.sync(), f.checkpoint(), f.appendSome(5, 5))
		}},
		"truncates again": {truncated, func(f *life) error {
			return errors.Join(f.truncate(min(9, f.end)), f.appendSome(3, 6), f.sync(), f.appendSome(4, 3))
		}},
		"dies again": {truncated, func(f *life) error {
			f.disk.Kill()
			return errors.Join(f.open(), f.appendSome(3, 2), f.sync())
		}},
		"dies again behind a checkpoint": {truncated, func(f *life) error {
			err := errors.Join(f.appendSome(3, 6), f.checkpoint())
			f.disk.Kill()
			return errors.Join(err, f.open(), f.checkpoint(), f.appendSome(4, 2), f.l.Roll(), f.appendSome(5, 9), f.checkpoint(), f.appendSome(6, 1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for n := second.from; n <= changes; n++ {
				for seed := range uint64(4) {
					f := newLife(t, seed*1000+uint64(n))
					f.disk.StopAfter(n)
					require.Equal(t, n < changes, f.diedBehindATruncation(func() {}) != nil)
					f.disk.Kill()
					require.NoError(t, f.open())
					f.end = f.l.EndOffset()
					require.NoError(t, second.live(f))
					f.crash()
					f.examine(false)
					if t.Failed() {
						t.Fatalf("after %d changes, seed %d", n, seed)
					}
				}
			}
		})
	}
}
