package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
)

// What is moved under a throttle, and how fast it may go.
const (
	moved     = 3_000_000
	movedRate = "2000000" // a second
	// atLeast is half of what the copying takes at that rate. A slow machine can
	// only take longer.
	atLeast = 750 * time.Millisecond
)

// The settings of the brokers and of a topic that throttle replication.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"
)

// throttledReassignments moves a partition with either side throttled alone, and
// with both as leat's own command line has them. Each takes its time.
func (d *disks) throttledReassignments() {
	d.place("free", []int32{0})
	d.place("led-slowly", []int32{0})
	d.place("followed-slowly", []int32{0})
	d.place("both-slowly", []int32{2})
	for _, topic := range []string{"free", "led-slowly", "followed-slowly", "both-slowly"} {
		d.fill(topic, moved)
	}
	d.set(leaderRate+"="+movedRate, followerRate+"="+movedRate)
	d.setTopic("led-slowly", leaderReplicas+"=0:0")
	d.setTopic("followed-slowly", followerReplicas+"=0:1")
	// Rates are remembered for a while, so each move has a quota that nothing has
	// counted against.
	took := map[string]time.Duration{}
	for _, topic := range []string{"free", "led-slowly", "followed-slowly"} {
		began := time.Now()
		d.reassign(topic, 1)
		d.arrived(topic, 1)
		took[topic] = time.Since(began)
	}
	d.t.Log(took)
	require.Greater(d.t, took["led-slowly"], atLeast)
	require.Greater(d.t, took["followed-slowly"], atLeast)
	d.set(leaderRate, followerRate)

	plan := filepath.Join(d.t.TempDir(), "plan.json")
	text := `{"version":1,"partitions":[{"topic":"both-slowly","partition":0,"replicas":[0]}]}`
	require.NoError(d.t, os.WriteFile(plan, []byte(text), 0o600))
	began := time.Now()
	command(d.t, nil, bin, "topic", "reassign", "execute", plan, "--throttle", "2MB", "--detach", "--bootstrap", d.all())
	d.hears("both-slowly", leaderReplicas+"=0:2")
	d.hears("both-slowly", followerReplicas+"=0:0")
	d.arrived("both-slowly", 0)
	require.Greater(d.t, time.Since(began), atLeast)
	var status struct {
		Unthrottled bool `json:"unthrottled"`
	}
	out := command(d.t, nil, bin, "topic", "reassign", "status", "-o", "json", "--bootstrap", d.all())
	require.NoError(d.t, json.Unmarshal(out, &status))
	require.True(d.t, status.Unthrottled, "the throttles are taken back: %s", out)
	d.hears("both-slowly", leaderReplicas)
	d.hears("both-slowly", followerReplicas)
}

// inSyncUnthrottled adds a replica at a rate that never gets it there: those in
// sync go on with the same partition as if there was no throttle, and once it is
// removed the new replica comes in.
func (d *disks) inSyncUnthrottled() {
	d.place("crawling", []int32{0, 1})
	d.fill("crawling", moved)
	whole := d.size(0, "crawling")
	d.set(leaderRate+"=2000", followerRate+"=2000")
	d.setTopic("crawling", leaderReplicas+"=*", followerReplicas+"=*")
	d.reassign("crawling", 0, 1, 2)
	require.Eventually(d.t, func() bool { return d.size(2, "crawling") > 0 }, patience, 20*time.Millisecond)
	fetches, since := d.metric(0, "leat_requests_total", `api="FetchFollower"`), time.Now()
	l := startLoad(d.cluster, "crawling")
	l.goesOn(200)
	// Broker 1 fetches for each of these at most once, and broker 2 has nothing
	// to come for.
	asked := d.metric(0, "leat_requests_total", `api="FetchFollower"`) - fetches
	d.t.Logf("%v fetches, %d records in %v, none waited longer than %v", asked, l.count(), time.Since(since), l.slowestSince())
	require.Positive(d.t, asked)
	require.Less(d.t, asked, float64(2*l.count())+100*time.Since(since).Seconds(), "a follower that waits asks again and again")
	d.fill("crawling", moved) // would take broker 1 out of the in-sync set at that rate
	p := d.partitions(d.admin, "crawling")[0]
	require.ElementsMatch(d.t, []int32{0, 1}, p.ISR)
	require.Less(d.t, d.size(2, "crawling"), whole/2)

	d.set(leaderRate, followerRate)
	d.setTopic("crawling", leaderReplicas, followerReplicas)
	d.eventually(d.admin, "crawling", "in sync", func(p kadm.PartitionDetail) bool { return len(p.ISR) == 3 })
	l.goesOn(100)
	l.stop()
	require.Empty(d.t, l.failed)
	d.sameBytes("crawling")
}
