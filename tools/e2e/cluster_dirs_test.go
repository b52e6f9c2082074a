package e2e

import (
	"os"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// lostDir is one directory of a broker that is gone, and what was in it.
type lostDir struct {
	d     *disks
	topic string
	id    int
	path  string
	lost  map[int32]bool // partitions with a log there
}

// lose takes a directory away under a running broker, as a disk that is pulled
// out: its path leads to a file. Which one is chosen by a partition in it.
func (d *disks) lose(id int, topic string, partition int32) *lostDir {
	d.t.Helper()
	f := &lostDir{d: d, topic: topic, id: id, path: d.dirOf(id, topic, partition), lost: map[int32]bool{}}
	for p := range d.partitions(d.admin, topic) {
		f.lost[p] = d.dirOf(id, topic, p) == f.path
	}
	require.NoError(d.t, os.Rename(f.path, f.aside()))
	require.NoError(d.t, os.WriteFile(f.path, nil, 0o600))
	return f
}

func (f *lostDir) aside() string { return f.path + ".aside" }

// restored puts the directory back.
func (f *lostDir) restored() {
	f.d.t.Helper()
	require.NoError(f.d.t, os.Remove(f.path))
	require.NoError(f.d.t, os.Rename(f.aside(), f.path))
}

// replaced has an empty directory in its place.
func (f *lostDir) replaced() {
	f.d.t.Helper()
	require.NoError(f.d.t, os.Remove(f.path))
	require.NoError(f.d.t, os.RemoveAll(f.aside()))
}

// noticed waits until the cluster does without what was in the directory, and
// holds that nothing else has changed since before.
func (f *lostDir) noticed(before map[int32]kadm.PartitionDetail) {
	d, self := f.d, int32(f.id)
	d.t.Helper()
	d.eventually(d.admin, f.topic, "without the directory that failed", func(p kadm.PartitionDetail) bool {
		if !f.lost[p.Partition] {
			return true
		}
		return p.Leader >= 0 && p.Leader != self && !slices.Contains(p.ISR, self) && slices.Equal(p.OfflineReplicas, []int32{self})
	})
	for i, p := range d.partitions(d.admin, f.topic) {
		if !f.lost[i] {
			require.Equal(d.t, before[i].Leader, p.Leader, "%d is in the other directory", i)
			require.Equal(d.t, before[i].LeaderEpoch, p.LeaderEpoch)
			require.Len(d.t, p.ISR, 3)
			require.Empty(d.t, p.OfflineReplicas)
		}
	}
	f.described()
}

// described asks the broker itself.
func (f *lostDir) described() {
	f.d.t.Helper()
	dirs, err := f.d.described(f.id)
	require.NoError(f.d.t, err)
	require.Len(f.d.t, dirs, 2)
	require.ErrorIs(f.d.t, dirs[f.path].Err, kerr.KafkaStorageError)
	for i, lost := range f.lost {
		_, there := dirs.LookupPartition(f.topic, i)
		require.Equal(f.d.t, lost, !there, "%s-%d", f.topic, i)
	}
	require.EqualValues(f.d.t, 1, f.d.metric(f.id, "leat_dir_offline", f.path))
}

// running says whether a broker has not ended.
func (d *disks) running(id int) bool {
	select {
	case <-d.brokers[id].Done():
		return false
	default:
		return true
	}
}

// dirFails loses one directory of a leader of some partitions under load. The
// broker is restarted once without it, and once with it.
func (d *disks) dirFails() {
	d.place("spread", []int32{0, 1, 2}, []int32{0, 2, 1}, []int32{1, 0, 2}, []int32{0, 1, 2}, []int32{0, 2, 1}, []int32{2, 0, 1})
	for id := range d.paths { // even ones in the first directory
		for p := range int32(6) {
			d.moveTo(id, "spread", p, d.paths[id][p%2])
		}
	}
	for id := range d.paths {
		for p := range int32(6) {
			require.Eventually(d.t, func() bool { return d.dirOf(id, "spread", p) == d.paths[id][p%2] }, patience, 10*time.Millisecond)
		}
	}
	tr := d.tree()
	told, err := tr.Exists("/log_dir_event_notification", nil)
	require.NoError(d.t, err)
	l := startLoad(d.cluster, "spread")
	l.goesOn(100)
	before := d.partitions(d.admin, "spread")
	require.EqualValues(d.t, []int32{0, 0}, []int32{before[0].Leader, before[1].Leader}, "it leads in both directories")
	f := d.lose(0, "spread", 0)
	f.noticed(before)
	now, err := tr.Exists("/log_dir_event_notification", nil)
	require.NoError(d.t, err)
	require.Greater(d.t, now.Cversion, told.Cversion, "the controller was told")
	require.Eventually(d.t, func() bool {
		left, _, err := tr.Children("/log_dir_event_notification", nil)
		return err == nil && len(left) == 0
	}, patience, 20*time.Millisecond, "the controller has not taken the notice away")
	require.True(d.t, d.running(0))
	l.goesOn(100)

	d.stop(0)
	d.start(0)
	d.eventually(d.admin, "spread", "without the directory that is still away", func(p kadm.PartitionDetail) bool {
		return p.Leader >= 0 && slices.Contains(p.ISR, 0) != f.lost[p.Partition]
	})
	f.described()
	l.goesOn(100)

	d.stop(0)
	f.restored()
	d.start(0)
	d.inSync("spread")
	l.goesOn(100)
	l.finish(d.cluster)
	d.sameBytes("spread")
	for p, lost := range f.lost {
		require.Equal(d.t, lost, d.dirOf(0, "spread", p) == f.path, "%d has moved", p)
	}
}

// dirReplaced loses a directory and gets an empty one: all of it is fetched
// again. The broker is killed, not stopped.
func (d *disks) dirReplaced() {
	l := startLoad(d.cluster, "spread")
	l.goesOn(100)
	before := d.partitions(d.admin, "spread")
	f := d.lose(1, "spread", 0)
	f.noticed(before)
	l.goesOn(100)
	d.kill(1)
	f.replaced()
	d.start(1)
	d.inSync("spread")
	l.goesOn(100)
	l.stop()
	require.Empty(d.t, l.failed)
	d.sameBytes("spread")
}
