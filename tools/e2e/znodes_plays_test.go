package e2e

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// plays are what is done in each step.
func (s *scene) plays() map[string]func() {
	return map[string]func(){
		"first broker": func() { s.begin(0) }, "three brokers": func() { s.begin(1); s.begin(2) },
		"topic created": func() {
			s.make("t1", [][]int32{{1, 2, 0}, {2, 0, 1}, {0, 1, 2}}, "min.insync.replicas=2", "segment.bytes=100000")
		},
		"topic created by assignment": func() { s.make("t2", [][]int32{{0, 1}, {1, 2}}) },
		"partitions added":            s.grow,
		"config topic": func() {
			s.config(kmsg.ConfigResourceTypeTopic, "t1", "retention.ms=1000000", "cleanup.policy=compact,delete")
		},
		"config topic deleted": func() { s.config(kmsg.ConfigResourceTypeTopic, "t1", "cleanup.policy") },
		"config broker": func() {
			s.config(kmsg.ConfigResourceTypeBroker, "1", "log.cleaner.threads=1", "background.threads=3", "log.cleaner.io.max.bytes.per.second=100000000.5")
		},
		"config broker default": func() { s.config(kmsg.ConfigResourceTypeBroker, "", "log.retention.ms=700000000", "num.io.threads=5") },
		"producer id block":     s.produce,

		"reassignment under way":   func() { s.send("t2", 3000); s.throttle(bound{"0:0,0:1", "0:2", "200000", "210"}); s.ask(2, 1) },
		"reassignment done":        func() { s.throttle(bound{"0:0,0:1", "0:2", "50000000", "102"}); s.ask(2, 1) },
		"reassignment verified":    func() { s.unthrottle("021") },
		"reassignment 2 under way": func() { s.throttle(bound{"0:1,0:2", "0:0", "1000", "201"}); s.ask(0, 1) },
		"reassignment cancelled":   func() { s.ask(); s.unthrottle("012") },
		"reassign znode done": func() {
			s.write("/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"t2","partition":1,"replicas":[0,2]}]}`)
		},
		"replica order changed": func() { s.assign("t1", 0, 2, 1, 0) },
		"preferred election":    func() { s.elect("t1") },
		"preferred election znode": func() {
			s.assign("t1", 0, 1, 2, 0)
			s.write("/admin/preferred_replica_election", `{"version":1,"partitions":[{"topic":"t1","partition":0}]}`)
		},
		"broker stopped": func() { s.stop(1) }, "broker back": func() { s.begin(1) },
		"broker killed": func() { s.kill(2) }, "killed broker back": func() { s.begin(2) },
		"preferred election all":    func() { s.elect("") },
		"controller znode deleted":  func() { s.leads(1) },
		"controller stopped":        func() { s.stop(1); s.has("dot.name/partitions/0", `"leader":-1`); s.leads(0) },
		"old controller back":       func() { s.begin(1) },
		"controller killed":         func() { s.kill(0); s.has("t2/partitions/1", `"leader":2`); s.leads(1) },
		"killed controller back":    func() { s.begin(0) },
		"topic deleted":             func() { s.delete("dot.name") },
		"topic deleted broker away": func() { s.stop(2); s.delete("t2") },
		"topic deletion done":       func() { s.begin(2) },
		"all stopped":               func() { s.stop(2); s.stop(1); s.stop(0) },
	}
}

// bound is what the reassignment of t2-0 is held to: which replicas, and how many
// bytes a second on each of the brokers in turn.
type bound struct{ leaders, followers, rate, brokers string }

func (s *scene) throttle(b bound) {
	s.t.Helper()
	s.config(kmsg.ConfigResourceTypeTopic, "t2", "leader.replication.throttled.replicas="+b.leaders, "follower.replication.throttled.replicas="+b.followers)
	for _, id := range strings.Split(b.brokers, "") {
		s.config(kmsg.ConfigResourceTypeBroker, id, "leader.replication.throttled.rate="+b.rate, "follower.replication.throttled.rate="+b.rate)
		s.bounded(id, b.rate)
	}
	s.hears("t2", leaderReplicas+"="+b.leaders)
	s.hears("t2", followerReplicas+"="+b.followers)
}

// bounded waits until a broker knows its bound.
func (s *scene) bounded(broker, rate string) {
	s.t.Helper()
	id, err := strconv.Atoi(broker)
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool {
		all, err := s.admin.DescribeBrokerConfigs(s.t.Context(), int32(id))
		return err == nil && len(all) == 1 && slices.ContainsFunc(all[0].Configs, func(c kadm.Config) bool {
			return c.Key == "follower.replication.throttled.rate" && c.MaybeValue() == rate
		})
	}, patience, 20*time.Millisecond, "broker %d does not hear of its bound", id)
}

// unthrottle takes the bound away again.
func (s *scene) unthrottle(brokers string) {
	s.t.Helper()
	for _, id := range strings.Split(brokers, "") {
		s.config(kmsg.ConfigResourceTypeBroker, id, "leader.replication.throttled.rate", "follower.replication.throttled.rate")
	}
	s.config(kmsg.ConfigResourceTypeTopic, "t2", "leader.replication.throttled.replicas", "follower.replication.throttled.replicas")
}

// ask asks for other replicas of t2-0, and does not wait for them; none cancels.
func (s *scene) ask(replicas ...int32) {
	s.t.Helper()
	var to kadm.AlterPartitionAssignmentsReq
	if len(replicas) == 0 {
		to.CancelAssign("t2", 0)
	} else {
		to.Assign("t2", 0, replicas)
	}
	got, err := s.admin.AlterPartitionAssignments(s.t.Context(), to)
	require.NoError(s.t, err)
	require.NoError(s.t, got.Error())
}

// elect elects preferred leaders of a topic's first partition, or of all.
func (s *scene) elect(topic string) {
	s.t.Helper()
	var of kadm.TopicsSet
	if topic != "" {
		of.Add(topic, 0)
	}
	got, err := s.admin.ElectLeaders(s.t.Context(), kadm.ElectPreferredReplica, of)
	require.NoError(s.t, err)
	for _, partitions := range got {
		for _, p := range partitions {
			require.NoError(s.t, p.Err)
		}
	}
}

// has waits until the state of a partition has a text.
func (s *scene) has(partition, text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		n, err := s.tr.Get("/brokers/topics/"+partition+"/state", nil)
		return err == nil && strings.Contains(string(n.Data), text)
	}, patience, 20*time.Millisecond, "%s: %s", partition, text)
}

func (s *scene) delete(topic string) {
	s.t.Helper()
	_, err := s.admin.DeleteTopics(s.t.Context(), topic)
	require.NoError(s.t, err)
}
