package broker_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestALogMovesToAnotherDirectoryWhileItIsWritten drives AlterReplicaLogDirs as
// kafka-reassign-partitions does.
func TestALogMovesToAnotherDirectoryWhileItIsWritten(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	b := startIn(t, one+","+two)
	a := admin(t, b)
	_, err := a.CreateTopic(t.Context(), 1, 1, nil, "moved")
	require.NoError(t, err)
	from := dirOf(t, a, "moved")
	to := one
	if from == one {
		to = two
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.DefaultProduceTopic("moved"))
	require.NoError(t, err)
	defer cl.Close()
	written := 0
	write := func() {
		require.NoError(t, cl.ProduceSync(t.Context(), kgo.StringRecord("value")).FirstErr())
		written++
	}
	for range 100 {
		write()
	}
	request := kadm.AlterReplicaLogDirsReq{}
	request.Add(to, kadm.TopicsSet{"moved": {0: {}}})
	answers, err := a.AlterAllReplicaLogDirs(t.Context(), request)
	require.NoError(t, err)
	answers.Each(func(r kadm.AlterReplicaLogDirsResponse) { require.NoError(t, r.Err) })
	require.Eventually(t, func() bool {
		write()
		return dirOf(t, a, "moved") == to
	}, 30*time.Second, 5*time.Millisecond)
	write()
	ends, err := a.ListEndOffsets(t.Context(), "moved")
	require.NoError(t, err)
	end, ok := ends.Lookup("moved", 0)
	require.True(t, ok)
	require.Equal(t, int64(written), end.Offset)
	matches, err := filepath.Glob(filepath.Join(to, "moved-0", "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, matches)
}

// dirOf tells which data directory holds the partition 0 of a topic.
func dirOf(t *testing.T, a *kadm.Client, topic string) string {
	t.Helper()
	all, err := a.DescribeAllLogDirs(t.Context(), kadm.TopicsSet{topic: {0: {}}})
	require.NoError(t, err)
	found := ""
	all.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if !p.IsFuture {
				found = d.Dir
			}
		})
	})
	return found
}

// TestDynamicConfigsTakeEffectWithoutARestart sets broker and topic configs and
// feels them at once.
func TestDynamicConfigsTakeEffectWithoutARestart(t *testing.T) {
	b := start(t)
	a := admin(t, b)
	_, err := a.CreateTopic(t.Context(), 1, 1, nil, "sized")
	require.NoError(t, err)
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.DefaultProduceTopic("sized"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer cl.Close()
	large := &kgo.Record{Value: make([]byte, 20_000)}
	send := func() error { return cl.ProduceSync(t.Context(), &kgo.Record{Value: large.Value}).FirstErr() }
	require.NoError(t, send())

	set := func(alter func() (kadm.AlterConfigsResponses, error)) {
		answers, err := alter()
		require.NoError(t, err)
		for _, r := range answers {
			require.NoError(t, r.Err, r.ErrMessage)
		}
	}
	limit := func(op kadm.IncrementalOp, value string) []kadm.AlterConfig {
		return []kadm.AlterConfig{{Op: op, Name: "message.max.bytes", Value: &value}}
	}
	set(func() (kadm.AlterConfigsResponses, error) {
		return a.AlterBrokerConfigs(t.Context(), limit(kadm.SetConfig, "10000"))
	})
	require.ErrorIs(t, send(), kerr.MessageTooLarge, "the default of all brokers counts")
	set(func() (kadm.AlterConfigsResponses, error) {
		return a.AlterBrokerConfigs(t.Context(), limit(kadm.SetConfig, "1000000"), 0)
	})
	require.NoError(t, send(), "this broker's own counts more")
	small := "5000"
	set(func() (kadm.AlterConfigsResponses, error) {
		return a.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &small}}, "sized")
	})
	require.ErrorIs(t, send(), kerr.MessageTooLarge, "the topic's own counts most")
}
