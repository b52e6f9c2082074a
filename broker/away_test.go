package broker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/leatmq/leat/broker"
	"github.com/leatmq/leat/tools/zookeeper"
)

// TestZooKeeperIsAway: while ZooKeeper does not answer, whether its servers are
// gone or silent, requests that need it are answered in their time, and the
// broker can be stopped.
func TestZooKeeperIsAway(t *testing.T) {
	for name, away := range map[string]func(*zookeeper.Server) error{
		"gone": (*zookeeper.Server).Kill, "silent": (*zookeeper.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			server := zookeeper.Start(t)
			b, err := broker.New(broker.Config{DataDir: t.TempDir(), Set: []string{
				"zookeeper.connect=" + server.Addr, "broker.id=1", "request.timeout.ms=3000", "offsets.topic.num.partitions=1", "controlled.shutdown.enable=true",
				"zookeeper.session.timeout.ms=18000", "offsets.topic.replication.factor=1",
			}})
			require.NoError(t, err)
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- b.Run(ctx) }()
			defer stop()
			select {
			case <-b.Ready():
			case err := <-ended:
				require.NoError(t, err)
			}
			client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.RequestRetries(0))
			require.NoError(t, err)
			defer client.Close()
			versions := kversion.Stable()
			versions.SetMaxKeyVersion(kmsg.OffsetCommit.Int16(), 0)
			old, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.RequestRetries(0), kgo.MaxVersions(versions))
			require.NoError(t, err)
			defer old.Close()
			require.Zero(t, createTopic(t, client, "there"))
			makeOffsets(t, b.Addr().String())
			require.Zero(t, commitAsOfOld(t, old))
			require.NoError(t, away(server))

			for n := 0; createTopic(t, client, fmt.Sprint("last-", n)) == 0; n++ { // its threads stop one by one
				require.Less(t, n, 100)
			}
			began := time.Now()
			require.Equal(t, kerr.RequestTimedOut.Code, createTopic(t, client, "new"))
			require.Equal(t, kerr.RequestTimedOut.Code, alterTopic(t, client))
			require.Equal(t, kerr.RequestTimedOut.Code, commitAsOfOld(t, old))
			t.Log("three requests answered after", time.Since(began))
			require.Less(t, time.Since(began), 30*time.Second)
			client.Close()
			old.Close()

			began = time.Now()
			stop()
			require.NoError(t, <-ended)
			t.Log("stopped after", time.Since(began))
			require.Less(t, time.Since(began), 30*time.Second)
		})
	}
}

// makeOffsets has the topic of the groups' offsets made, which the first who looks
// for a coordinator is told to wait for.
func makeOffsets(t *testing.T, addr string) {
	t.Helper()
	patient, err := kgo.NewClient(kgo.SeedBrokers(addr))
	require.NoError(t, err)
	defer patient.Close()
	require.NoError(t, kadm.NewClient(patient).FindGroupCoordinators(t.Context(), "g")["g"].Err)
}

func createTopic(t *testing.T, client *kgo.Client, name string) int16 {
	t.Helper()
	q := kmsg.NewPtrCreateTopicsRequest()
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = name, 1, 1
	q.Topics, q.TimeoutMillis = append(q.Topics, row), 3000
	a, err := q.RequestWith(t.Context(), client)
	require.NoError(t, err)
	return a.Topics[0].ErrorCode
}

func alterTopic(t *testing.T, client *kgo.Client) int16 {
	t.Helper()
	q := kmsg.NewPtrIncrementalAlterConfigsRequest()
	row := kmsg.NewIncrementalAlterConfigsRequestResource()
	row.ResourceType, row.ResourceName = kmsg.ConfigResourceTypeTopic, "there"
	value := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	value.Name, value.Value = "retention.ms", kmsg.StringPtr("5000")
	row.Configs = append(row.Configs, value)
	q.Resources = append(q.Resources, row)
	a, err := q.RequestWith(t.Context(), client)
	require.NoError(t, err)
	return a.Resources[0].ErrorCode
}

// commitAsOfOld commits to the tree, as version 0 does.
func commitAsOfOld(t *testing.T, old *kgo.Client) int16 {
	t.Helper()
	q := kmsg.NewPtrOffsetCommitRequest()
	row := kmsg.NewOffsetCommitRequestTopic()
	row.Topic, q.Group = "there", "g"
	row.Partitions = append(row.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
	q.Topics = append(q.Topics, row)
	a, err := q.RequestWith(t.Context(), old)
	require.NoError(t, err)
	return a.Topics[0].Partitions[0].ErrorCode
}
