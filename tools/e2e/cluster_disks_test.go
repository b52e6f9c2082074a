package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// disks is a cluster whose brokers have two data directories each, and have
// consumers read in their own rack.
type disks struct {
	*cluster
	admin *kadm.Client
	paths [3][2]string
}

// TestClusterDisks has one cluster copy, move and lose what is on its disks, one
// scene after the other. Each leaves it whole.
func TestClusterDisks(t *testing.T) {
	d := startDisks(t)
	for _, scene := range []struct {
		name string
		play func(d *disks)
	}{
		{"reassignments keep the leaders' and the followers' rate", (*disks).throttledReassignments},
		{"who is in sync is not throttled", (*disks).inSyncUnthrottled},
		{"consumers read in their own rack", (*disks).readInRack},
		{"kcat reads in its own rack", (*disks).kcatInRack},
		{"a follower shows nothing above the high watermark", (*disks).nothingUncommitted},
		{"a follower's log and a leader's move to another directory", (*disks).movedUnderLoad},
		{"a broker is killed while logs move", (*disks).killedMoving},
		{"brokers are killed during a reassignment", (*disks).killedReassigning},
		{"a directory fails and comes back", (*disks).dirFails},
		{"a directory fails and is replaced by an empty one", (*disks).dirReplaced},
	} {
		if !t.Run(scene.name, func(t *testing.T) {
			inner := *d.cluster
			inner.t = t
			scene.play(&disks{cluster: &inner, admin: d.admin, paths: d.paths})
			d.brokers = inner.brokers
		}) {
			return
		}
	}
}

func startDisks(t *testing.T) *disks {
	t.Helper()
	d := &disks{cluster: newCluster(t,
		"replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector",
		// Small pieces keep a rate evenly, and what was before is soon forgotten.
		"replica.fetch.max.bytes=200000", "replication.quota.window.num=3",
		// How soon a directory is seen to be gone.
		"replica.high.watermark.checkpoint.interval.ms=200",
		// Scenes look whether leaders stay, at whatever time after one took office.
		"auto.leader.rebalance.enable=false",
	)}
	for id := range d.dirs {
		home := t.TempDir()
		d.paths[id] = [2]string{filepath.Join(home, "one"), filepath.Join(home, "two")}
		d.dirs[id] = strings.Join(d.paths[id][:], ",")
	}
	d.startAll()
	d.admin = kadm.NewClient(d.client())
	return d
}

// place makes a topic with the replicas of each partition where they are wanted.
func (d *disks) place(topic string, replicas ...[]int32) {
	d.t.Helper()
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = topic, -1, -1
	for p, on := range replicas {
		row.ReplicaAssignment = append(row.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(p), Replicas: on})
	}
	q := kmsg.NewPtrCreateTopicsRequest()
	q.Topics, q.TimeoutMillis = append(q.Topics, row), 10_000
	got, err := q.RequestWith(d.t.Context(), d.client())
	require.NoError(d.t, err)
	require.NoError(d.t, kerr.ErrorForCode(got.Topics[0].ErrorCode))
	d.inSync(topic)
}

// inSync waits until all replicas of a topic are in sync.
func (d *disks) inSync(topic string) {
	d.t.Helper()
	d.eventually(d.admin, topic, "in sync", func(p kadm.PartitionDetail) bool {
		return p.Leader >= 0 && len(p.ISR) == len(p.Replicas) && len(p.OfflineReplicas) == 0
	})
}

// fill produces about that many bytes that cannot be compressed.
func (d *disks) fill(topic string, size int) {
	d.t.Helper()
	const one = 20_000
	cl := d.client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchMaxBytes(100_000))
	defer cl.Close()
	rng := rand.NewChaCha8([32]byte{1})
	var all []*kgo.Record
	for range (size + one - 1) / one {
		value := make([]byte, one)
		_, err := rng.Read(value)
		require.NoError(d.t, err)
		all = append(all, kgo.SliceRecord(value))
	}
	require.NoError(d.t, cl.ProduceSync(d.t.Context(), all...).FirstErr())
}

// reassign has a topic's only partition get other replicas.
func (d *disks) reassign(topic string, replicas ...int32) {
	d.t.Helper()
	var to kadm.AlterPartitionAssignmentsReq
	to.Assign(topic, 0, replicas)
	got, err := d.admin.AlterPartitionAssignments(d.t.Context(), to)
	require.NoError(d.t, err)
	require.NoError(d.t, got.Error())
}

// arrived waits until a topic's only partition has just these replicas, in sync.
func (d *disks) arrived(topic string, replicas ...int32) {
	d.t.Helper()
	d.eventually(d.admin, topic, fmt.Sprint("on ", replicas), func(p kadm.PartitionDetail) bool {
		return p.Leader >= 0 && slices.Equal(p.Replicas, replicas) && len(p.ISR) == len(replicas)
	})
}

// set changes the dynamic configuration of all brokers: KEY=VALUE, or KEY to
// remove one.
func (d *disks) set(pairs ...string) {
	d.t.Helper()
	got, err := d.admin.AlterBrokerConfigs(d.t.Context(), alterations(pairs), 0, 1, 2)
	require.NoError(d.t, err)
	for _, r := range got {
		require.NoError(d.t, r.Err, r.ErrMessage)
	}
}

// setTopic changes the configuration of a topic in the same way, and waits until
// all brokers have heard of it.
func (d *disks) setTopic(topic string, pairs ...string) {
	d.t.Helper()
	got, err := d.admin.AlterTopicConfigs(d.t.Context(), alterations(pairs), topic)
	require.NoError(d.t, err)
	require.NoError(d.t, got[0].Err, got[0].ErrMessage)
	for _, pair := range pairs {
		d.hears(topic, pair)
	}
}

func alterations(pairs []string) []kadm.AlterConfig {
	var all []kadm.AlterConfig
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		c := kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key}
		if ok {
			c.Op, c.Value = kadm.SetConfig, &value
		}
		all = append(all, c)
	}
	return all
}

// described are a broker's data directories, as it tells itself.
func (d *disks) described(id int) (kadm.DescribedLogDirs, error) {
	return d.admin.DescribeBrokerLogDirs(d.t.Context(), int32(id), nil)
}

// size is how much a broker has of a topic's first partition.
func (d *disks) size(id int, topic string) int64 {
	dirs, err := d.described(id)
	if err != nil {
		return 0
	}
	p, _ := dirs.LookupPartition(topic, 0)
	return p.Size
}

// dirOf is the directory that a broker has a partition's log in.
func (d *disks) dirOf(id int, topic string, partition int32) string {
	d.t.Helper()
	var at string
	require.Eventually(d.t, func() bool {
		dirs, err := d.described(id)
		if err != nil {
			return false
		}
		for path := range dirs {
			if p, ok := dirs.Lookup(path, topic, partition); ok && !p.IsFuture {
				at = path
			}
		}
		return at != ""
	}, patience, 20*time.Millisecond, "broker %d has no %s-%d", id, topic, partition)
	return at
}

// sameBytes compares the data files of all replicas of a topic, whose records
// all are committed.
func (d *disks) sameBytes(topic string) {
	d.t.Helper()
	d.inSync(topic)
	for i, p := range d.partitions(d.admin, topic) {
		first := d.stored(int(p.Replicas[0]), topic, i)
		require.NotEmpty(d.t, first)
		for _, id := range p.Replicas[1:] {
			require.True(d.t, bytes.Equal(first, d.stored(int(id), topic, i)), "%s-%d differs between broker %d and %d", topic, i, p.Replicas[0], id)
		}
	}
}

// stored is what a broker's data files of a partition hold.
func (d *disks) stored(id int, topic string, partition int32) []byte {
	d.t.Helper()
	var segments []string
	for _, path := range d.paths[id] {
		found, err := filepath.Glob(filepath.Join(path, fmt.Sprintf("%s-%d", topic, partition), "*.log"))
		require.NoError(d.t, err)
		require.True(d.t, len(segments) == 0 || len(found) == 0, "%s-%d is in both directories of broker %d", topic, partition, id)
		segments = append(segments, found...) // sorted: by their first offsets
	}
	var all []byte
	for _, s := range segments {
		data, err := os.ReadFile(s)
		require.NoError(d.t, err)
		all = append(all, data...)
	}
	return all
}

// metric is the sum of a metric's series, of those that have the labels.
func (d *disks) metric(id int, name, labels string) float64 {
	d.t.Helper()
	answer, err := http.Get("http://" + d.admins[id] + "/metrics?family=leat")
	require.NoError(d.t, err)
	page, err := io.ReadAll(answer.Body)
	require.NoError(d.t, errors.Join(err, answer.Body.Close()))
	require.Equal(d.t, http.StatusOK, answer.StatusCode, "%s", page)
	sum := 0.0
	for row := range strings.Lines(string(page)) {
		series, value, ok := strings.Cut(strings.TrimSpace(row), " ")
		if !ok || !strings.HasPrefix(series, name+"{") && series != name || !strings.Contains(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		require.NoError(d.t, err)
		sum += n
	}
	return sum
}
