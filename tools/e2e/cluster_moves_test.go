package e2e

import (
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
)

// slowMoves is how fast a broker may move logs: slowly, it takes long enough to be
// looked at on a busy machine too.
const (
	slowMoves = "replica.alter.log.dirs.io.max.bytes.per.second"
	slowly    = slowMoves + "=200000"
)

// move has a broker move a topic's partition to its other directory, which it
// returns once the copy is seen there.
func (d *disks) move(id int, topic string) (to string) {
	d.t.Helper()
	from := d.dirOf(id, topic, 0)
	if to = d.paths[id][0]; from == to {
		to = d.paths[id][1]
	}
	d.moveTo(id, topic, 0, to)
	p, there := d.copyIn(id, topic, to)
	require.True(d.t, there, "the copy is listed at once")
	require.True(d.t, p.IsFuture)
	require.Positive(d.t, p.OffsetLag)
	return to
}

// moveTo has a broker move one partition.
func (d *disks) moveTo(id int, topic string, partition int32, to string) {
	d.t.Helper()
	var what kadm.TopicsSet
	what.Add(topic, partition)
	var q kadm.AlterReplicaLogDirsReq
	q.Add(to, what)
	got, err := d.admin.AlterBrokerReplicaLogDirs(d.t.Context(), int32(id), q)
	require.NoError(d.t, err)
	require.NoError(d.t, got[topic][partition].Err)
}

// copyIn is what a broker tells of a topic's partition in one of its directories.
func (d *disks) copyIn(id int, topic, dir string) (kadm.DescribedLogDirPartition, bool) {
	d.t.Helper()
	dirs, err := d.described(id)
	require.NoError(d.t, err)
	return dirs.Lookup(dir, topic, 0)
}

// settled waits until a topic's partition is in one directory and no other.
func (d *disks) settled(id int, topic, dir string) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		dirs, err := d.described(id)
		if err != nil {
			return false
		}
		rows := 0
		dirs.EachPartition(func(p kadm.DescribedLogDirPartition) {
			if p.Topic == topic {
				rows++
			}
		})
		p, ok := dirs.Lookup(dir, topic, 0)
		return ok && !p.IsFuture && rows == 1
	}, patience, 20*time.Millisecond, "%s of broker %d is not in %s", topic, id, dir)
}

// noFutures looks for what a move has left behind.
func (d *disks) noFutures(topic string) {
	d.t.Helper()
	for id := range d.paths {
		for _, path := range d.paths[id] {
			left, err := filepath.Glob(filepath.Join(path, topic+"-0.*-future"))
			require.NoError(d.t, err)
			require.Empty(d.t, left)
		}
	}
}

// movedUnderLoad moves the logs of a follower and of a leader while records
// come: nobody leaves the in-sync set, and no leader changes.
func (d *disks) movedUnderLoad() {
	d.place("housed", []int32{0, 1, 2})
	d.fill("housed", moved)
	d.set(slowly)
	l := startLoad(d.cluster, "housed")
	l.goesOn(50)
	before := d.partitions(d.admin, "housed")[0]
	shrinks := d.metric(0, "leat_isr_shrinks_total", "")
	for _, id := range []int{1, 0} {
		to := d.move(id, "housed")
		l.goesOn(50)
		p, there := d.copyIn(id, "housed", to)
		require.True(d.t, there)
		d.t.Logf("broker %d: future %v, %d bytes behind %d offsets", id, p.IsFuture, p.Size, p.OffsetLag)
		d.set(slowMoves)
		d.settled(id, "housed", to)
		l.goesOn(50)
		d.set(slowly)
	}
	d.set(slowMoves)
	after := d.partitions(d.admin, "housed")[0]
	require.Equal(d.t, before.LeaderEpoch, after.LeaderEpoch)
	require.Equal(d.t, shrinks, d.metric(0, "leat_isr_shrinks_total", ""))
	l.stop()
	require.Empty(d.t, l.failed)
	d.t.Log("longest wait for an acknowledgement: ", l.slowestSince())
	d.sameBytes("housed")
	d.noFutures("housed")
}

// killedMoving kills a follower and then a leader whose log is half moved: when
// it is back, the move goes on and ends.
func (d *disks) killedMoving() {
	d.place("unhoused", []int32{1, 2, 0})
	d.fill("unhoused", moved)
	d.set(slowly)
	l := startLoad(d.cluster, "unhoused")
	for _, id := range []int{2, 1} {
		to := d.move(id, "unhoused")
		require.Eventually(d.t, func() bool {
			p, there := d.copyIn(id, "unhoused", to)
			return there && p.Size > 0
		}, patience, 10*time.Millisecond, "nothing is copied")
		p, _ := d.copyIn(id, "unhoused", to)
		require.True(d.t, p.IsFuture)
		d.kill(id)
		l.goesOn(50)
		d.start(id)
		d.set(slowMoves)
		d.settled(id, "unhoused", to)
		d.inSync("unhoused")
		d.set(slowly)
	}
	d.set(slowMoves)
	l.goesOn(50)
	l.stop()
	require.Empty(d.t, l.failed)
	d.sameBytes("unhoused")
	d.noFutures("unhoused")
}

// killedReassigning kills whom a partition is moved to, and then the controller,
// with the partition half there: what was asked for comes about.
func (d *disks) killedReassigning() {
	d.place("uprooted", []int32{0, 1})
	d.fill("uprooted", moved)
	whole := d.size(0, "uprooted")
	d.set(leaderRate + "=50000") // a quota lets ten seconds of it pass at once
	d.setTopic("uprooted", leaderReplicas+"=*")
	l := startLoad(d.cluster, "uprooted")
	d.reassign("uprooted", 2, 0)
	half := func(least int64) {
		d.t.Helper()
		require.Eventually(d.t, func() bool { return d.size(2, "uprooted") > least }, patience, 10*time.Millisecond, "nothing is copied")
	}
	half(0)
	d.kill(2)
	l.goesOn(50)
	d.start(2)
	had := d.size(2, "uprooted")
	require.Less(d.t, had, whole)
	half(had)

	meta, err := d.admin.BrokerMetadata(d.t.Context())
	require.NoError(d.t, err)
	controller := int(meta.Controller)
	d.t.Logf("broker 2 has %d of %d bytes; the controller is broker %d", had, whole, controller)
	d.kill(controller)
	require.Eventually(d.t, func() bool {
		meta, err := d.admin.BrokerMetadata(d.t.Context())
		return err == nil && meta.Controller >= 0 && int(meta.Controller) != controller
	}, patience, 50*time.Millisecond, "no other controller")
	d.start(controller)
	d.set(leaderRate)
	d.setTopic("uprooted", leaderReplicas)
	d.arrived("uprooted", 2, 0)
	l.goesOn(50)
	l.stop()
	require.Empty(d.t, l.failed)
	left, err := d.admin.ListPartitionReassignments(d.t.Context(), nil)
	require.NoError(d.t, err)
	require.Empty(d.t, left)
	d.sameBytes("uprooted")
	require.Eventually(d.t, func() bool { return d.size(1, "uprooted") == 0 }, patience, 20*time.Millisecond, "the replica taken away is still there")
}
