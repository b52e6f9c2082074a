package log_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/vfs"
)

// coordinate is how markers are appended.
var coordinate = log.AppendOptions{LeaderEpoch: 3, ProduceVersion: 9, Origin: log.Coordinator}

// txnLog makes a log with these transactions, and 100 plain records at the end:
//
//	offset 0 1 2 3 4 5 6 7
//	10     ┌─────┐               aborted
//	11       ┌─────────┐         committed
//	10               ┌───┐       aborted
//	12                     ┌──   open
func txnLog(t *testing.T, dir string) *log.Log {
	l := openLog(t, dir, fresh(small()))
	for _, set := range [][]byte{
		transactional(t, 10, 0, "0"), transactional(t, 11, 0, "1"), transactional(t, 10, 1, "2"), endTxn(t, 10, false),
		transactional(t, 10, 2, "4"), endTxn(t, 11, true), endTxn(t, 10, false), transactional(t, 12, 0, "7"),
	} {
		_, err := l.Append(set, coordinate)
		require.NoError(t, err)
	}
	appendN(t, l, 100)
	return l
}

func TestLastStableOffsetAndAbortedTransactions(t *testing.T) {
	dir := t.TempDir()
	l := txnLog(t, dir)
	check := func(l *log.Log) {
		for _, each := range []struct {
			from, upTo int64
			want       []log.AbortedTxn
		}{
			{0, 108, []log.AbortedTxn{{10, 0}, {10, 4}}},
			{0, 4, []log.AbortedTxn{{10, 0}}},
			{4, 108, []log.AbortedTxn{{10, 4}}},
			{3, 5, []log.AbortedTxn{{10, 0}, {10, 4}}},
			{7, 108, nil},
			{0, 0, nil},
		} {
			got, err := l.Aborted(nil, each.from, each.upTo)
			require.NoError(t, err)
			require.Equal(t, each.want, got, "[%d, %d)", each.from, each.upTo)
		}
		require.Equal(t, int64(7), l.LastStableOffset(108), "12 is open")
	}
	check(l)
	require.NoError(t, l.Close())
	l = openLog(t, dir, fresh(small()))
	check(l)
	require.NoError(t, l.Close())

	// The transaction index is as good again when it is damaged, or lost in a crash.
	for _, clean := range []bool{true, false} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "00000000000000000000.txnindex"), make([]byte, 68), 0o644))
		l = openLog(t, dir, log.Options{Config: small(), Clean: clean, RecoveryPoint: -1, StartOffset: -1})
		check(l)
		require.NoError(t, l.Close())
	}
}

func TestLastStableOffsetFollowsTheHighWatermark(t *testing.T) {
	l := openLog(t, t.TempDir(), fresh(testConfig()))
	for _, set := range [][]byte{transactional(t, 10, 0, "0"), transactional(t, 10, 1, "1"), endTxn(t, 10, true)} {
		_, err := l.Append(set, coordinate)
		require.NoError(t, err)
	}
	require.Equal(t, int64(0), l.LastStableOffset(1))
	require.Equal(t, int64(0), l.LastStableOffset(2), "the marker is not replicated")
	require.Equal(t, int64(3), l.LastStableOffset(3))
	require.Equal(t, int64(3), l.LastStableOffset(3))
}

func TestProducersSurviveEveryKindOfStart(t *testing.T) {
	for name, spoil := range map[string]func(dir string) (clean bool){
		"clean":   func(string) bool { return true },
		"unclean": func(string) bool { return false },
		"newest snapshot damaged": func(dir string) bool {
			path := newestSnapshot(t, dir)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			data[len(data)-1] ^= 1
			require.NoError(t, os.WriteFile(path, data, 0o644))
			return true
		},
		"newest snapshot gone": func(dir string) bool {
			require.NoError(t, os.Remove(newestSnapshot(t, dir)))
			return true
		},
		"half a snapshot, unclean": func(dir string) bool {
			require.NoError(t, os.Truncate(newestSnapshot(t, dir), 20))
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "t-0")
			l, err := open(dir, fresh(small()))
			require.NoError(t, err)
			for i := range int32(300) {
				for id := range int64(3) {
					_, err := l.Append(idempotent(t, id, i, "v"), produce)
					require.NoError(t, err)
				}
			}
			require.Greater(t, l.Segments(), 2)
			want := l.Producers()
			require.NoError(t, l.Close())
			l = openLog(t, dir, log.Options{Config: small(), Clean: spoil(dir), RecoveryPoint: -1, StartOffset: -1})
			require.Equal(t, want, l.Producers())
			_, err = l.Append(idempotent(t, 1, 301, "gap"), produce)
			require.ErrorIs(t, err, producer.ErrOutOfOrder)
			done, err := l.Append(idempotent(t, 1, 299, "v"), produce)
			require.NoError(t, err)
			require.True(t, done.Duplicate)
		})
	}
}

func newestSnapshot(t *testing.T, dir string) string {
	list, err := filepath.Glob(filepath.Join(dir, "*.snapshot"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list[len(list)-1]
}

func TestIdleProducersExpire(t *testing.T) {
	o := fresh(testConfig())
	o.ProducerExpiry = time.Hour
	dir := t.TempDir()
	l := openLog(t, dir, o)
	_, err := l.Append(idempotent(t, 7, 0, "v"), produce)
	require.NoError(t, err)
	require.Zero(t, l.RemoveExpiredProducers(testNow.Add(59*time.Minute)))
	require.Equal(t, 1, l.RemoveExpiredProducers(testNow.Add(time.Hour)))
	require.NoError(t, l.Close())
}

func TestEpochsAreDurableBeforeAssignReturns(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, fresh(testConfig()))
	file := filepath.Join(dir, checkpoint.LeaderEpochFile)
	require.NoError(t, l.AssignEpoch(4))
	appendN(t, l, 3) // by epoch 3, which is over: nobody appends so, but it must not harm
	require.NoError(t, l.AssignEpoch(9))
	entries, err := checkpoint.ReadEpochs(vfs.OS, file)
	require.NoError(t, err)
	require.Equal(t, []epoch.Entry{{Epoch: 3, Start: 0}, {Epoch: 9, Start: 3}}, entries)
	require.Equal(t, int32(9), l.LatestEpoch())
	require.NoError(t, l.Close())

	// The file is only a copy of what the batches say.
	require.NoError(t, os.WriteFile(file, []byte("nonsense"), 0o644))
	l = openLog(t, dir, fresh(testConfig()))
	require.Equal(t, int32(3), l.LatestEpoch(), "9 wrote nothing")
}

func TestTopicIDIsWrittenWithTheFirstRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t-0")
	file := filepath.Join(dir, checkpoint.PartitionMetaFile)
	o := fresh(testConfig())
	o.TopicID = [16]byte{1, 2, 3}
	l := openLog(t, dir, o)
	require.Equal(t, o.TopicID, l.TopicID())
	require.NoFileExists(t, file)
	appendN(t, l, 1)
	id, err := checkpoint.ReadPartitionMeta(vfs.OS, file)
	require.NoError(t, err)
	require.Equal(t, o.TopicID, id)
	require.NoError(t, l.SetTopicID(o.TopicID))
	require.Error(t, l.SetTopicID([16]byte{9}), "it belongs to another topic")
	require.NoError(t, l.Close())

	l = openLog(t, dir, fresh(testConfig()))
	require.Equal(t, o.TopicID, l.TopicID())
	require.NoError(t, l.Close())

	o.TopicID = [16]byte{9}
	_, err = open(dir, o)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(file, []byte("version: 7"), 0o644))
	_, err = open(dir, fresh(testConfig()))
	require.ErrorIs(t, err, checkpoint.ErrCorrupt, "whose data this is must not be guessed")
}

func TestUnknownFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"README", "1.log", "00000000000000000000.log.bak", "00000000000000000000.txt", "0000000000000000000x.log"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
	}
	orphan := filepath.Join(dir, "00000000000000000500.index")
	require.NoError(t, os.WriteFile(orphan, make([]byte, 8), 0o644))
	deleted := filepath.Join(dir, "00000000000000000500.log.deleted")
	require.NoError(t, os.WriteFile(deleted, make([]byte, 8), 0o644))
	l := openLog(t, dir, fresh(testConfig()))
	appendN(t, l, 1)
	require.NoError(t, l.Close())
	files := readDir(t, dir)
	for _, name := range []string{"README", "1.log", "00000000000000000000.log.bak", "00000000000000000000.txt", "0000000000000000000x.log"} {
		require.Equal(t, name, files[name])
	}
	require.NoFileExists(t, orphan)
	require.NoFileExists(t, deleted)
}
