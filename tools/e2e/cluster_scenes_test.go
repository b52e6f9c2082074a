package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/tree"
)

// TestCluster has one cluster go through what clusters go through, one scene
// after the other. Each leaves it whole.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	admin := kadm.NewClient(c.client())
	for _, scene := range []struct {
		name string
		play func(t *testing.T, c *cluster, admin *kadm.Client)
	}{
		{"kcat sees three brokers", listed},
		{"requests for the controller go to any broker", forwarded},
		{"a leader is killed", leaderKilled},
		{"the controller is killed", controllerKilled},
		{"a group moves with its coordinator", coordinatorKilled},
		{"brokers are restarted one after the other under load", restarted},
		{"partitions are reassigned", reassigned},
		{"other tools write to the tree", handMade},
		{"a broker's session expires", expired},
		{"a leader's records are damaged", damaged},
	} {
		if !t.Run(scene.name, func(t *testing.T) {
			inner := *c
			inner.t = t
			scene.play(t, &inner, admin)
			c.brokers = inner.brokers
		}) {
			return
		}
	}
}

func listed(t *testing.T, c *cluster, admin *kadm.Client) {
	c.topic(admin, "listed", 2)
	for _, addr := range c.addrs {
		out := string(command(t, nil, "kcat", "-L", "-b", addr))
		require.Contains(t, out, "3 brokers")
		require.Contains(t, out, `topic "listed" with 2 partitions`)
	}
	want := lines(t, 2_000)
	command(t, want, "kcat", "-q", "-P", "-b", c.all(), "-t", "listed", "-X", "acks=all")
	got := command(t, nil, "kcat", "-q", "-C", "-b", c.all(), "-t", "listed", "-o", "beginning", "-e", "-f", `%p\t%s\n`)
	checkPerPartition(t, want, got)
}

// forwarded sends what only the controller may do to each broker alone.
func forwarded(t *testing.T, c *cluster, _ *kadm.Client) {
	for id, addr := range c.addrs {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
		require.NoError(t, err)
		one := cl.Broker(id)
		name := fmt.Sprint("made-by-", id)
		got, err := createRequest(name).RequestWith(t.Context(), one)
		require.NoError(t, err)
		require.Zero(t, got.Topics[0].ErrorCode)
		require.NotZero(t, got.Topics[0].TopicID)
		gone, err := deleteRequest(name).RequestWith(t.Context(), one)
		require.NoError(t, err)
		require.Zero(t, gone.Topics[0].ErrorCode)
		cl.Close()
	}
}

func leaderKilled(t *testing.T, c *cluster, admin *kadm.Client) {
	c.topic(admin, "survivor", 3)
	l := startLoad(c, "survivor")
	l.goesOn(300)
	leader := int(c.partitions(admin, "survivor")[0].Leader)
	c.kill(leader)
	l.goesOn(300)
	c.eventually(admin, "survivor", "led by others", func(p kadm.PartitionDetail) bool { return p.Leader >= 0 && p.Leader != int32(leader) })
	c.start(leader)
	c.whole(admin, "survivor")
	l.goesOn(300)
	l.finish(c)
	t.Log("longest wait for an acknowledgement: ", l.slowestSince())
}

func controllerKilled(t *testing.T, c *cluster, admin *kadm.Client) {
	meta, err := admin.BrokerMetadata(t.Context())
	require.NoError(t, err)
	was := int(meta.Controller)
	require.GreaterOrEqual(t, was, 0)
	l := startLoad(c, "survivor")
	l.goesOn(100)
	c.kill(was)
	require.Eventually(t, func() bool {
		meta, err := admin.BrokerMetadata(t.Context())
		return err == nil && meta.Controller >= 0 && int(meta.Controller) != was
	}, patience, 50*time.Millisecond, "no other controller")
	l.goesOn(100)
	made, err := admin.CreateTopic(t.Context(), 1, 2, nil, "afterwards")
	require.NoError(t, err)
	require.NoError(t, made.Err)
	c.start(was)
	c.whole(admin, "survivor")
	l.stop()
	require.Empty(t, l.failed)
}

func coordinatorKilled(t *testing.T, c *cluster, admin *kadm.Client) {
	c.topic(admin, "grouped", 3)
	consumer := c.client(kgo.ConsumerGroup("movers"), kgo.ConsumeTopics("grouped"), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(200*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	producer := c.client(kgo.DefaultProduceTopic("grouped"))
	read := func(n int) {
		for i := range n {
			require.NoError(t, producer.ProduceSync(t.Context(), kgo.StringRecord(fmt.Sprint(i))).FirstErr())
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for got := 0; got < n; {
			got += consumer.PollFetches(ctx).NumRecords()
			require.NoError(t, ctx.Err())
		}
		require.NoError(t, consumer.CommitUncommittedOffsets(ctx))
	}
	read(20)
	found := admin.FindGroupCoordinators(t.Context(), "movers")["movers"]
	require.NoError(t, found.Err)
	was := int(found.NodeID)
	c.whole(admin, "__consumer_offsets")
	c.kill(was)
	read(20)
	require.Eventually(t, func() bool {
		offsets, err := admin.FetchOffsets(t.Context(), "movers")
		sum := int64(0)
		offsets.Each(func(o kadm.OffsetResponse) { sum += o.At })
		return err == nil && sum == 40
	}, patience, 50*time.Millisecond, "what was committed before and after")
	c.start(was)
	c.whole(admin, "__consumer_offsets")
}

// restarted stops and starts each broker: no client sees an error, and no
// record waits for long.
func restarted(t *testing.T, c *cluster, admin *kadm.Client) {
	c.topic(admin, "rolling", 6)
	l := startLoad(c, "rolling", kgo.RecordRetries(200))
	l.goesOn(300)
	for id := range c.brokers {
		c.whole(admin, "rolling")
		l.slowestSince()
		c.stop(id)
		l.goesOn(200)
		stopped := l.slowestSince()
		c.start(id)
		l.goesOn(200)
		back := l.slowestSince()
		t.Logf("broker %d: longest wait for an acknowledgement %v when it stopped, %v when it came back", id, stopped, back)
		require.Less(t, max(stopped, back), session, "others took over only when the session had ended")
	}
	c.whole(admin, "rolling")
	l.finish(c)
}

func reassigned(t *testing.T, c *cluster, admin *kadm.Client) {
	made, err := admin.CreateTopic(t.Context(), 1, 1, nil, "moving")
	require.NoError(t, err)
	require.NoError(t, made.Err)
	l := startLoad(c, "moving")
	l.goesOn(100)
	var to kadm.AlterPartitionAssignmentsReq
	target := (c.partitions(admin, "moving")[0].Leader + 1) % 3
	to.Assign("moving", 0, []int32{target, (target + 1) % 3})
	answers, err := admin.AlterPartitionAssignments(t.Context(), to)
	require.NoError(t, err)
	require.NoError(t, answers.Error())
	c.eventually(admin, "moving", "moved", func(p kadm.PartitionDetail) bool {
		return p.Leader == target && slices.Equal(p.Replicas, []int32{target, (target + 1) % 3}) && len(p.ISR) == 2
	})
	l.goesOn(100)
	l.finish(c)
	left, err := admin.ListPartitionReassignments(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, left)
}

// handMade writes what Kafka's older tools write to ZooKeeper.
func handMade(t *testing.T, c *cluster, admin *kadm.Client) {
	tr := c.tree()
	made, err := admin.CreateTopic(t.Context(), 1, 1, nil, "handmade")
	require.NoError(t, err)
	require.NoError(t, made.Err)
	create := func(path, data string, flags tree.Flags) {
		_, err := tr.Multi(tree.Create(path, []byte(data), flags))
		require.NoError(t, err)
	}

	create("/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"handmade","partition":0,"replicas":[2,0]}]}`, 0)
	c.eventually(admin, "handmade", "moved", func(p kadm.PartitionDetail) bool {
		return slices.Equal(p.Replicas, []int32{2, 0}) && len(p.ISR) == 2
	})
	require.Eventually(t, func() bool {
		_, err := tr.Exists("/admin/reassign_partitions", nil)
		return errors.Is(err, tree.ErrNoNode)
	}, patience, 20*time.Millisecond, "what was asked for is done, so the node goes")

	_, err = tr.Multi(tree.Set("/config/topics/handmade", []byte(`{"version":1,"config":{"retention.ms":"12345"}}`), tree.AnyVersion))
	require.NoError(t, err)
	create("/config/changes/config_change_", `{"version":2,"entity_path":"topics/handmade"}`, tree.Sequential)
	require.Eventually(t, func() bool {
		got, err := admin.DescribeTopicConfigs(t.Context(), "handmade")
		return err == nil && slices.ContainsFunc(got[0].Configs, func(k kadm.Config) bool { return k.Key == "retention.ms" && k.MaybeValue() == "12345" })
	}, patience, 20*time.Millisecond, "the configuration is not seen")

	create("/admin/delete_topics/handmade", "", 0)
	require.Eventually(t, func() bool {
		found, err := admin.ListTopics(t.Context())
		return err == nil && !found.Has("handmade")
	}, patience, 20*time.Millisecond, "the topic is still there")
}

func createRequest(name string) *kmsg.CreateTopicsRequest {
	q := kmsg.NewPtrCreateTopicsRequest()
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = name, 1, 3
	q.Topics, q.TimeoutMillis = append(q.Topics, row), 10_000
	return q
}

func deleteRequest(name string) *kmsg.DeleteTopicsRequest {
	q := kmsg.NewPtrDeleteTopicsRequest()
	row := kmsg.NewDeleteTopicsRequestTopic()
	row.Topic = &name
	q.Topics, q.TopicNames, q.TimeoutMillis = append(q.Topics, row), append(q.TopicNames, name), 10_000
	return q
}

// expired ends a broker's session on ZooKeeper: it registers again, and goes on.
func expired(t *testing.T, c *cluster, admin *kadm.Client) {
	tr := c.tree()
	was, err := tr.Exists("/brokers/ids/1", nil)
	require.NoError(t, err)
	l := startLoad(c, "survivor")
	l.goesOn(50)
	require.NoError(t, c.server.ExpireSession(t.Context(), was.EphemeralOwner))
	require.Eventually(t, func() bool {
		now, err := tr.Exists("/brokers/ids/1", nil)
		return err == nil && now.Czxid > was.Czxid
	}, patience, 20*time.Millisecond, "the broker has not registered again")
	c.whole(admin, "survivor")
	l.goesOn(50)
	l.stop()
	require.Empty(t, l.failed)
	select {
	case <-c.brokers[1].Done():
		t.Error("the broker has ended")
	default:
	}
}
