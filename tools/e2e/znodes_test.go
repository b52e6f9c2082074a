package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/spawn"
	"github.com/leatmq/leat/tools/zookeeper"
)

// node is what is compared of a znode.
type node struct {
	Data      *string `json:"data"`
	Version   int32   `json:"version"`
	Ephemeral bool    `json:"ephemeral,omitempty"`
}

func (n node) String() string {
	if n.Data == nil {
		return fmt.Sprintf("version %d, ephemeral %v, no data", n.Version, n.Ephemeral)
	}
	return fmt.Sprintf("version %d, ephemeral %v, %s", n.Version, n.Ephemeral, *n.Data)
}

// change is how Apache Kafka 3.9.2's tree changed in one step of what
// testdata/znodes.json has recorded: three brokers, without an authorizer, quotas
// and transactions. Times, ids and versions of registrations are left out, and the
// keys of a configuration are sorted: Kafka writes them as a hash table of Java's
// has them, and no two of its own writers agree.
//
// Where leat means to write something else than Kafka, the file has what leat
// writes:
//
//   - The end of a reassignment elects a leader and takes the old replica out of the
//     in-sync set in one write, at one epoch: t2-0 once, t2-1 once.
//   - A change of order alone is written once, not twice: t1 twice.
//   - A topic that is being reassigned has the order before it, original_replicas:
//     what Kafka does not know it reads over.
//   - A configuration that is asked for as it is already is not written: topics/t2
//     once.
//   - A cancelled reassignment brings that order back: t2-0 is [2,1] again, not
//     [1,2]. So it has another preferred leader later.
//   - A controller that takes office finds a leader for a partition and takes the
//     dead replica out of its in-sync set in one write: t1-2 and t2-1.
//
// And where chance decided who took the office, the test gives it to the broker that
// had it in the recording (cluster.leads), at one epoch more each time: twice. What was recorded
// when a data directory failed comes with the stop of its broker.
type change struct {
	Step string          `json:"step"`
	Set  map[string]node `json:"set"`
	Gone []string        `json:"gone"`
}

// scene is one cluster that repeats what was recorded.
type scene struct {
	*cluster
	admin *kadm.Client
	tr    *zk.Tree
}

// TestZnodesAsKafkaWritesThem does with three brokers what was done with three
// of Kafka's; after each step the whole tree must be theirs, byte for byte.
func TestZnodesAsKafkaWritesThem(t *testing.T) {
	s := newScene(t)
	plays := s.plays()
	want := map[string]node{}
	for _, c := range readChanges(t) {
		require.Contains(t, plays, c.Step)
		plays[c.Step]()
		maps.Copy(want, c.Set)
		for _, path := range c.Gone {
			delete(want, path)
		}
		s.becomes(c.Step, want)
	}
}

func readChanges(t *testing.T) []change {
	t.Helper()
	data, err := os.ReadFile("testdata/znodes.json")
	require.NoError(t, err)
	var all []change
	require.NoError(t, json.Unmarshal(data, &all))
	for _, c := range all {
		for path, n := range c.Set {
			if n.Data != nil {
				text := sortConfig(*n.Data)
				n.Data = &text
				c.Set[path] = n
			}
		}
	}
	return all
}

// sortConfig sorts the keys of a configuration.
func sortConfig(text string) string {
	head, tail, ok := strings.Cut(text, `"config":{`)
	if !ok {
		return text
	}
	pairs := regexp.MustCompile(`"[^"]*":"[^"]*"`).FindAllString(tail, -1)
	slices.Sort(pairs)
	return head + `"config":{` + strings.Join(pairs, ",") + "}}"
}

// newScene starts a ZooKeeper; brokers begin in the order in which the recorded
// ones did.
func newScene(t *testing.T) *scene {
	t.Helper()
	server := zookeeper.Start(t)
	s := &scene{cluster: &cluster{t: t, server: server, connect: server.Addr + "/znodes"}}
	for id := range s.brokers {
		var err error
		s.addrs[id], err = spawn.FreeAddr()
		require.NoError(t, err)
		s.admins[id], err = spawn.FreeAddr()
		require.NoError(t, err)
		s.dirs[id] = filepath.Join(t.TempDir(), fmt.Sprint("broker-", id))
	}
	t.Cleanup(s.close)
	s.admin = kadm.NewClient(s.client())
	s.tr = s.tree()
	return s
}

// begin starts a broker as the recorded ones were set up.
func (s *scene) begin(id int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	b, err := spawn.Start(ctx, spawn.Options{
		Bin: bin, DataDir: s.dirs[id], Listen: s.addrs[id], Admin: s.admins[id],
		Set: []string{
			"zookeeper.connect=" + s.connect, fmt.Sprint("broker.id=", id), fmt.Sprint("broker.rack=rack-", id),
			fmt.Sprint("zookeeper.session.timeout.ms=", session.Milliseconds()), "auto.leader.rebalance.enable=false", "background.threads=2", "num.io.threads=4", "leat.log.level=debug",
		},
	})
	require.NoError(s.t, err)
	s.brokers[id] = b
}

func (s *scene) make(topic string, replicas [][]int32, config ...string) {
	s.t.Helper()
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = topic, -1, -1
	for p, on := range replicas {
		row.ReplicaAssignment = append(row.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(p), Replicas: on})
	}
	for _, c := range config {
		key, value, _ := strings.Cut(c, "=")
		row.Configs = append(row.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	q := kmsg.NewPtrCreateTopicsRequest()
	q.Topics, q.TimeoutMillis = append(q.Topics, row), 10_000
	got, err := q.RequestWith(s.t.Context(), s.client())
	require.NoError(s.t, err)
	require.Zero(s.t, got.Topics[0].ErrorCode)
}

// grow adds two partitions to t1 and a topic with one replica.
func (s *scene) grow() {
	s.make("dot.name", [][]int32{{1}})
	row := kmsg.NewCreatePartitionsRequestTopic()
	row.Topic, row.Count = "t1", 5
	row.Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{1, 2, 0}}, {Replicas: []int32{2, 0, 1}}}
	q := kmsg.NewPtrCreatePartitionsRequest()
	q.Topics, q.TimeoutMillis = append(q.Topics, row), 10_000
	got, err := q.RequestWith(s.t.Context(), s.client())
	require.NoError(s.t, err)
	require.Zero(s.t, got.Topics[0].ErrorCode)
}

// config sets KEY=VALUE and removes KEY.
func (s *scene) config(kind kmsg.ConfigResourceType, name string, sets ...string) {
	s.t.Helper()
	row := kmsg.NewIncrementalAlterConfigsRequestResource()
	row.ResourceType, row.ResourceName = kind, name
	for _, set := range sets {
		key, value, ok := strings.Cut(set, "=")
		c := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Value: &value}
		if !ok {
			c.Op, c.Value = kmsg.IncrementalAlterConfigOpDelete, nil
		}
		row.Configs = append(row.Configs, c)
	}
	q := kmsg.NewPtrIncrementalAlterConfigsRequest()
	q.Resources = append(q.Resources, row)
	got, err := q.RequestWith(s.t.Context(), s.client())
	require.NoError(s.t, err)
	require.Zero(s.t, got.Resources[0].ErrorCode, "%v", deref(got.Resources[0].ErrorMessage))
}

// produce asks broker 0, and no other, for a producer id.
func (s *scene) produce() {
	q := kmsg.NewPtrInitProducerIDRequest()
	cl := s.client()
	require.NoError(s.t, cl.Ping(s.t.Context()))
	got, err := q.RequestWith(s.t.Context(), cl.Broker(0))
	require.NoError(s.t, err)
	require.Zero(s.t, got.ErrorCode)
}

func (s *scene) assign(topic string, partition int32, replicas ...int32) {
	s.t.Helper()
	var to kadm.AlterPartitionAssignmentsReq
	to.Assign(topic, partition, replicas)
	got, err := s.admin.AlterPartitionAssignments(s.t.Context(), to)
	require.NoError(s.t, err)
	require.NoError(s.t, got.Error())
	require.Eventually(s.t, func() bool {
		left, err := s.admin.ListPartitionReassignments(s.t.Context(), nil)
		return err == nil && len(left) == 0
	}, patience, 50*time.Millisecond, "the reassignment does not end")
}

// write makes a node as tools without a broker do.
func (s *scene) write(path, data string) {
	_, err := s.tr.Multi(tree.Create(path, []byte(data), 0))
	require.NoError(s.t, err)
}

// becomes waits until the tree is what it must be.
func (s *scene) becomes(step string, want map[string]node) {
	s.t.Helper()
	var got map[string]node
	var err error
	same := func(a, b node) bool { return a.String() == b.String() }
	ok := func() bool {
		got = map[string]node{}
		err = s.read("/", got)
		return err == nil && maps.EqualFunc(want, got, same)
	}
	limit, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
			continue
		case <-limit:
		}
		require.NoError(s.t, err, step)
		paths := maps.Clone(want)
		maps.Copy(paths, got)
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			if w, g := want[path], got[path]; !same(w, g) {
				s.t.Errorf("%s: %s\n Kafka %v\n leat  %v", step, path, w, g)
			}
		}
		s.t.FailNow()
	}
}

// read reads everything below a node.
func (s *scene) read(path string, into map[string]node) error {
	names, _, err := s.tr.Children(path, nil)
	if err != nil {
		return err
	}
	for _, name := range names {
		child := strings.TrimSuffix(path, "/") + "/" + name
		n, err := s.tr.Get(child, nil)
		if errors.Is(err, tree.ErrNoNode) {
			continue // it has gone since
		} else if err != nil {
			return err
		}
		row := node{Version: n.Stat.Version, Ephemeral: n.Stat.EphemeralOwner != 0}
		if n.Data != nil {
			text := s.plain(string(n.Data))
			row.Data = &text
		}
		if filepath.Dir(child) == "/brokers/ids" {
			row.Version = 0
		}
		into[child] = row
		if err := s.read(child, into); err != nil && !errors.Is(err, tree.ErrNoNode) {
			return err
		}
	}
	return nil
}

// plain replaces what differs between two runs.
func (s *scene) plain(text string) string {
	for id, addr := range s.addrs {
		host, port, _ := strings.Cut(addr, ":")
		text = strings.ReplaceAll(text, addr, fmt.Sprint("127.0.0.1:", 31300+id))
		text = strings.ReplaceAll(text, `"host":"`+host+`"`, `"host":"127.0.0.1"`)
		text = strings.ReplaceAll(text, `"port":`+port+",", fmt.Sprintf(`"port":%d,`, 31300+id))
	}
	text = regexp.MustCompile(`"timestamp":"\d{13}"`).ReplaceAllString(text, `"timestamp":"TIME"`)
	return sortConfig(regexp.MustCompile(`("topic_id"|"id"):"[\w-]{22}"`).ReplaceAllString(text, `$1:"ID"`))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
