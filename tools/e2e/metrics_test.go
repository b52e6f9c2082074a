package e2e

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/replication/tree"
)

// The beans' names, shortened.
const (
	inTotal       = "kafka_server_brokertopicmetrics_replicationbytesin_total"
	outTotal      = "kafka_server_brokertopicmetrics_replicationbytesout_total"
	movedIn       = "kafka_server_brokertopicmetrics_reassignmentbytesin_total"
	movedOut      = "kafka_server_brokertopicmetrics_reassignmentbytesout_total"
	office        = "kafka_controller_kafkacontroller_"
	stats         = "kafka_controller_controllerstats_"
	replicas      = "kafka_server_replicamanager_"
	reassigning   = replicas + "reassigningpartitions"
	followerFetch = `leat_request_duration_seconds_count{api="FetchFollower"}`
	minFetchRate  = `kafka_server_replicafetchermanager_minfetchrate{clientId="Replica"}`
)

// numbers are the numbers that a broker shows, by name and labels.
func (c *cluster) numbers(id int) map[string]float64 {
	c.t.Helper()
	answer, err := http.Get("http://" + c.admins[id] + "/metrics?family=leat,jmx")
	require.NoError(c.t, err)
	defer answer.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(io.LimitReader(answer.Body, 64<<20))
	for lines.Scan() {
		name, number, _ := strings.Cut(lines.Text(), "} ")
		if number == "" {
			name, number, _ = strings.Cut(lines.Text(), " ")
		} else {
			name += "}"
		}
		if n, err := strconv.ParseFloat(number, 64); err == nil {
			all[name] = n
		}
	}
	require.NoError(c.t, lines.Err())
	return all
}

// shows waits until a broker shows the numbers.
func (c *cluster) shows(id int, want map[string]float64) {
	c.t.Helper()
	got := map[string]float64{}
	ok := func() bool {
		all := c.numbers(id)
		clear(got)
		for name := range want {
			if n, shown := all[name]; shown {
				got[name] = n
			}
		}
		return maps.Equal(want, got)
	}
	limit, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			require.Equal(c.t, want, got, "broker %d", id)
		}
	}
}

// grows waits until a broker shows a number that is more than it was.
func (c *cluster) grows(id int, name string, was float64) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return c.numbers(id)[name] > was }, patience, 50*time.Millisecond, "broker %d: %s", id, name)
}

// leads makes a broker the controller.
func (c *cluster) leads(id int) {
	c.t.Helper()
	tr := c.tree()
	for other, b := range c.brokers {
		if other != id && b.Alive() {
			require.NoError(c.t, b.Pause())
			defer func() { require.NoError(c.t, b.Resume()) }()
		}
	}
	_, err := tr.Multi(tree.Delete("/controller", tree.AnyVersion))
	require.NoError(c.t, err)
	require.Eventually(c.t, func() bool {
		n, err := tr.Get("/controller", nil)
		return err == nil && strings.Contains(string(n.Data), `"brokerid":`+strconv.Itoa(id)+",")
	}, patience, 10*time.Millisecond)
}

// TestMetricsOfReplicationAndController has each thing happen that brokers count
// about each other, and looks whether it has been counted as often as it happened.
func TestMetricsOfReplicationAndController(t *testing.T) {
	c := startCluster(t)
	admin := kadm.NewClient(c.client())
	c.leads(0)
	c.shows(0, map[string]float64{
		office + "activecontrollercount": 1, office + "activebrokercount": 3, office + "controllerstate": 0,
		"kafka_controller_controllereventmanager_eventqueuesize":            0,
		"kafka_server_sessionexpirelistener_zookeepersyncconnects_total":    1,
		"kafka_server_sessionexpirelistener_zookeeperdisconnects_total":     0,
		"kafka_controller_controllerchannelmanager_totalqueuesize":          0,
		`leat_controller_event_duration_seconds_count{event="TopicChange"}`: 0,
	})
	c.shows(1, map[string]float64{office + "activecontrollercount": 0, office + "activebrokercount": 0})
	c.countCopies(admin)
	c.countReassignment(admin)
	c.countDeath(admin)
}

// countCopies looks at what followers copy: as many bytes as the leader's log has.
func (c *cluster) countCopies(admin *kadm.Client) {
	t := c.t
	_, err := admin.CreateTopic(t.Context(), 1, 3, nil, "copied")
	require.NoError(t, err)
	c.grows(0, `leat_controller_event_duration_seconds_count{event="TopicChange"}`, 0)
	c.whole(admin, "copied")
	c.send("copied", 100)
	leader := int(c.partitions(admin, "copied")[0].Leader)
	size := c.numbers(leader)[`leat_partition_bytes{partition="0",topic="copied"}`]
	require.Greater(t, size, 100_000.0)
	for id := range c.brokers {
		if id == leader {
			c.shows(id, map[string]float64{inTotal: 0, outTotal: 2 * size, movedOut: 0, reassigning: 0})
			require.Positive(t, c.numbers(id)[followerFetch])
			continue
		}
		c.shows(id, map[string]float64{inTotal: size, outTotal: 0, movedIn: 0})
		require.Positive(t, c.numbers(id)[minFetchRate])
		require.Zero(t, c.numbers(id)[followerFetch])
	}
}

// send produces records of a kilobyte to partition 0 without a producer id.
func (c *cluster) send(topic string, records int) {
	c.t.Helper()
	cl := c.client(kgo.DisableIdempotentWrite(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	var all []*kgo.Record
	for range records {
		all = append(all, &kgo.Record{Topic: topic, Value: make([]byte, 1000)})
	}
	require.NoError(c.t, cl.ProduceSync(c.t.Context(), all...).FirstErr())
}

// countReassignment looks at a reassignment that a bound holds up, and at what it
// has copied when it is over.
func (c *cluster) countReassignment(admin *kadm.Client) {
	t := c.t
	var to kadm.AlterPartitionAssignmentsReq
	const name = "moved"
	made := &scene{cluster: c, admin: admin}
	made.make(name, [][]int32{{1}}, "leader.replication.throttled.replicas=0:1", "follower.replication.throttled.replicas=0:2", "min.insync.replicas=1")
	for _, id := range []string{"1", "2"} {
		made.config(4, id, "leader.replication.throttled.rate=1000", "follower.replication.throttled.rate=1000")
		made.bounded(id, "1000")
	}
	c.send(name, 3000)
	before := c.numbers(2)[inTotal]
	size := c.numbers(1)[`leat_partition_bytes{partition="0",topic="moved"}`]
	to.Assign(name, 0, []int32{2})
	_, err := admin.AlterPartitionAssignments(t.Context(), to)
	require.NoError(t, err)
	c.shows(1, map[string]float64{reassigning: 1})
	c.shows(0, map[string]float64{reassigning: 0})
	for _, id := range []string{"1", "2"} {
		made.config(4, id, "leader.replication.throttled.rate", "follower.replication.throttled.rate")
	}
	c.shows(1, map[string]float64{reassigning: 0, movedOut: size})
	c.shows(2, map[string]float64{reassigning: 0, movedIn: size, inTotal: before + size})
	c.shows(0, map[string]float64{stats + "partitionreassignmentrateandtimems_count": 1})
}

// countDeath looks at what the death of broker 2 is counted as, and at a deletion
// that has to wait for it.
func (c *cluster) countDeath(admin *kadm.Client) {
	t := c.t
	before := c.numbers(0)
	elections := c.numbers(0)["leat_elections_total"]
	led := c.numbers(2)[replicas+"leadercount"]
	c.kill(2)
	c.shows(0, map[string]float64{office + "activebrokercount": 2})
	// An event is counted when it has been handled, and its broker is gone before.
	c.grows(0, stats+"leaderelectionrateandtimems_count", before[stats+"leaderelectionrateandtimems_count"])
	after := c.numbers(0)
	require.GreaterOrEqual(t, after["leat_elections_total"], elections)
	require.LessOrEqual(t, after["leat_elections_total"], elections+led)
	require.Zero(t, after[stats+"uncleanleaderelections_total"])
	require.Greater(t, after["kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms_count"], before["kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms_count"])
	c.shows(0, map[string]float64{office + "offlinepartitionscount": 1}) // of moved
	_, err := admin.DeleteTopics(t.Context(), "copied")
	require.NoError(t, err)
	c.shows(0, map[string]float64{
		office + "topicstodeletecount": 1, office + "topicsineligibletodeletecount": 1,
		office + "replicastodeletecount": 1, office + "replicasineligibletodeletecount": 1,
	})
	c.start(2)
	c.shows(0, map[string]float64{
		office + "topicstodeletecount": 0, office + "topicsineligibletodeletecount": 0,
		office + "replicastodeletecount": 0, office + "replicasineligibletodeletecount": 0, office + "activebrokercount": 3,
	})
}
