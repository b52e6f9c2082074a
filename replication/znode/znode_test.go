package znode_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/znode"
)

// goldenNode is one node of a tree recorded from Kafka 3.9.
type goldenNode struct {
	Data      *string `json:"data"`
	Ephemeral bool    `json:"ephemeral"`
}

func golden(t *testing.T, file string) map[string]goldenNode {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	var nodes map[string]goldenNode
	require.NoError(t, json.Unmarshal(raw, &nodes))
	return nodes
}

// TestGoldenNodes decodes what Kafka wrote and writes it again: the same bytes,
// but for the order of map keys in configurations.
func TestGoldenNodes(t *testing.T) {
	seen := map[string]int{}
	for path, node := range golden(t, "22-reassignment-under-way.json") {
		if node.Data == nil {
			continue
		}
		text := *node.Data
		again, kind := recode(t, path, []byte(text))
		seen[kind]++
		switch kind {
		case "config":
			require.JSONEq(t, text, again, path)
		case "":
		default:
			require.Equal(t, text, again, path)
		}
	}
	for _, kind := range []string{"broker", "topic", "state", "controller", "cluster", "feature", "config", "change", "producers", "number"} {
		require.NotZero(t, seen[kind], kind)
	}
}

func recode(t *testing.T, path string, data []byte) (again, kind string) {
	t.Helper()
	matches := func(pattern string) bool { return regexp.MustCompile("^" + pattern + "$").MatchString(path) }
	switch {
	case matches("/brokers/ids/[0-9]+"):
		n, err := znode.DecodeBroker(data)
		require.NoError(t, err)
		return string(znode.EncodeBroker(n)), "broker"
	case matches("/brokers/topics/[^/]+"):
		n, err := znode.DecodeTopic(data)
		require.NoError(t, err)
		return string(znode.EncodeTopic(n)), "topic"
	case matches("/brokers/topics/.*/state"):
		n, err := znode.DecodeState(data)
		require.NoError(t, err)
		return string(znode.EncodeState(n)), "state"
	case path == znode.ControllerPath:
		n, err := znode.DecodeController(data)
		require.NoError(t, err)
		return string(znode.EncodeController(n)), "controller"
	case path == znode.ControllerEpoch:
		n, err := znode.DecodeNumber(data)
		require.NoError(t, err)
		return string(znode.EncodeNumber(n)), "number"
	case path == znode.ClusterIDPath:
		n, err := znode.DecodeClusterID(data)
		require.NoError(t, err)
		return string(znode.EncodeClusterID(n)), "cluster"
	case path == znode.FeaturePath:
		n, err := znode.DecodeFeatures(data)
		require.NoError(t, err)
		return string(znode.EncodeFeatures(n)), "feature"
	case path == znode.ProducerIDPath:
		n, ok, err := znode.DecodeProducerIDs(data)
		require.NoError(t, err)
		require.True(t, ok)
		return string(znode.EncodeProducerIDs(n)), "producers"
	case strings.HasPrefix(path, znode.ConfigChanges+"/"):
		n, err := znode.DecodeConfigChange(data)
		require.NoError(t, err)
		return string(znode.EncodeConfigChange(n)), "change"
	case strings.HasPrefix(path, znode.Configs+"/"):
		n, err := znode.DecodeConfig(data)
		require.NoError(t, err)
		e, ok := image.EntityOf(strings.TrimPrefix(path, znode.Configs+"/"))
		require.True(t, ok)
		require.Equal(t, path, znode.ConfigPath(e))
		return string(znode.EncodeConfig(n)), "config"
	}
	return "", ""
}

// TestPathsAreKafkas: every path we would write for what the golden tree holds
// is in it.
func TestPathsAreKafkas(t *testing.T) {
	nodes := golden(t, "22-reassignment-under-way.json")
	for _, path := range append(znode.Persistent(),
		znode.BrokerPath(0), znode.TopicPath("t1"), znode.PartitionsPath("t1"), znode.PartitionPath("t1", 2),
		znode.StatePath("t1", 2), znode.ControllerPath, znode.ControllerEpoch, znode.ClusterIDPath,
		znode.FeaturePath, znode.ConfigChangePrefix+"0000000000",
		znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: "t1"}),
		znode.ConfigPath(image.Entity{Type: image.BrokerEntity, Name: image.DefaultName}),
		znode.ConfigPath(image.Entity{Type: image.UserEntity, Name: "alice/clients/c1"}),
		znode.ConfigPath(image.Entity{Type: image.ClientEntity, Name: znode.Sanitize("my client")}),
		znode.ConfigPath(image.Entity{Type: image.UserEntity, Name: znode.Sanitize("CN=a b,O=c*")}),
	) {
		require.Contains(t, nodes, path)
	}
	require.Equal(t, "/consumers/swg/offsets/sw/0", znode.ConsumerOffsetPath("swg", "sw", 0))
	require.Equal(t, "/admin/delete_topics/t", znode.DeleteTopicPath("t"))
}

func TestOlderClusters(t *testing.T) {
	nodes := golden(t, "ibp-2.6-tree.json")
	b, err := znode.DecodeBroker([]byte(*nodes["/brokers/ids/0"].Data))
	require.NoError(t, err)
	require.Equal(t, []image.Endpoint{{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "127.0.0.1", Port: 33500}}, b.Endpoints)
	require.Equal(t, "r0", b.Rack)
	tp, err := znode.DecodeTopic([]byte(*nodes["/brokers/topics/o1"].Data))
	require.NoError(t, err)
	require.True(t, tp.ID.IsZero())
	require.Equal(t, *nodes["/brokers/topics/o1"].Data, string(znode.EncodeTopic(tp)))
	f, err := znode.DecodeFeatures([]byte(*nodes["/feature"].Data))
	require.NoError(t, err)
	require.False(t, f.Enabled)

	b, err = znode.DecodeBroker([]byte(`{"jmx_port":9999,"timestamp":"1","host":"h","version":1,"port":9092}`))
	require.NoError(t, err)
	require.Equal(t, "h", b.Endpoints[0].Host)
	e, err := znode.DecodeConfigChange([]byte(`{"version":1,"entity_type":"topics","entity_name":"x"}`))
	require.NoError(t, err)
	require.Equal(t, image.Entity{Type: image.TopicEntity, Name: "x"}, e)
	c, err := znode.DecodeController([]byte(`{"version":1,"brokerid":3,"timestamp":"5"}`))
	require.NoError(t, err)
	require.Equal(t, znode.Controller{BrokerID: 3, Timestamp: 5}, c)
}

func TestBrokerWithoutPlaintext(t *testing.T) {
	n := znode.Broker{JMXPort: -1, Timestamp: 7, Endpoints: []image.Endpoint{
		{Listener: "OUT", Protocol: "SSL", Host: "::1", Port: 9093},
	}}
	text := znode.EncodeBroker(n)
	require.JSONEq(t, `{"features":{},"listener_security_protocol_map":{"OUT":"SSL"},"endpoints":["OUT://[::1]:9093"],
		"jmx_port":-1,"port":-1,"host":null,"version":5,"timestamp":"7"}`, string(text))
	again, err := znode.DecodeBroker(text)
	require.NoError(t, err)
	require.Equal(t, n, again)
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := znode.State{
			ControllerEpoch: rapid.Int32().Draw(r, "controller epoch"),
			Leader:          rapid.Int32Min(-1).Draw(r, "leader"),
			LeaderEpoch:     rapid.Int32().Draw(r, "epoch"),
			ISR:             rapid.SliceOfN(rapid.Int32Min(0), 1, 5).Draw(r, "isr"),
			Recovering:      rapid.Bool().Draw(r, "recovering"),
		}
		again, err := znode.DecodeState(znode.EncodeState(s))
		require.NoError(r, err)
		require.Equal(r, s, again)
	})
}

func TestConfigRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		config := rapid.MapOf(rapid.String(), rapid.String()).Draw(r, "config")
		again, err := znode.DecodeConfig(znode.EncodeConfig(config))
		require.NoError(r, err)
		require.Equal(r, config, again)
	})
}

func TestSanitize(t *testing.T) {
	require.Equal(t, "CN%3Da%20b%2CO%3Dc%2A", znode.Sanitize("CN=a b,O=c*"))
	require.Equal(t, "%C3%A4%7E", znode.Sanitize("ä~"))
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.String().Draw(r, "name")
		again, ok := znode.Desanitize(znode.Sanitize(name))
		require.True(r, ok)
		require.Equal(r, name, again)
	})
	for _, bad := range []string{"%", "%4", "%zz"} {
		_, ok := znode.Desanitize(bad)
		require.False(t, ok, bad)
	}
}

func TestDecodersRefuse(t *testing.T) {
	for _, bad := range []string{"", "{", "[]", `"x"`, `{"partitions":{"1":[0]}}`, `{"partitions":{"-1":[0]}}`, `{"partitions":{"x":[0]}}`, `{"topic_id":"short"}`} {
		_, err := znode.DecodeTopic([]byte(bad))
		require.ErrorIs(t, err, znode.ErrMalformed, bad)
	}
	for _, bad := range []string{"", "{", `{"controller_epoch":"x"}`, `{"leader":99999999999}`} {
		_, err := znode.DecodeState([]byte(bad))
		require.ErrorIs(t, err, znode.ErrMalformed, bad)
	}
	for _, bad := range []string{"", `{"version":5,"endpoints":["x"]}`, `{"version":5,"endpoints":["A://h"]}`, `{"version":5,"endpoints":["A://h:99999"]}`} {
		_, err := znode.DecodeBroker([]byte(bad))
		require.ErrorIs(t, err, znode.ErrMalformed, bad)
	}
	_, _, err := znode.DecodeProducerIDs([]byte(`{"block_start":"5","block_end":"2"}`))
	require.ErrorIs(t, err, znode.ErrMalformed)
	_, ok, err := znode.DecodeProducerIDs(nil)
	require.NoError(t, err)
	require.False(t, ok)
	_, err = znode.DecodeNumber([]byte("1x"))
	require.ErrorIs(t, err, znode.ErrMalformed)
	_, err = znode.DecodeClusterID([]byte("{}"))
	require.ErrorIs(t, err, znode.ErrMalformed)
	_, err = znode.DecodeConfigChange([]byte(`{"version":2,"entity_path":"nonsense/x"}`))
	require.ErrorIs(t, err, znode.ErrMalformed)
}

func TestTopicOf(t *testing.T) {
	id, err := topic.ParseID("pL6kPu-BSFKI7v81dkhDZg")
	require.NoError(t, err)
	tp := &image.Topic{Name: "t", ID: id, Partitions: []image.Partition{
		{Replicas: []int32{2, 1, 0}, Adding: []int32{2}, Removing: []int32{0}}, {Replicas: []int32{1, 2}},
	}}
	require.Equal(t, `{"partitions":{"0":[2,1,0],"1":[1,2]},"topic_id":"pL6kPu-BSFKI7v81dkhDZg",`+
		`"adding_replicas":{"0":[2]},"removing_replicas":{"0":[0]},"version":3}`, string(znode.EncodeTopic(znode.TopicOf(tp))))
}

func FuzzDecoders(f *testing.F) {
	f.Add([]byte(`{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2,0]}`))
	f.Add([]byte(`{"partitions":{"0":[1,2,0]},"topic_id":"pL6kPu-BSFKI7v81dkhDZg","adding_replicas":{},"removing_replicas":{},"version":3}`))
	f.Add([]byte(`{"version":5,"endpoints":["A://h:1"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := znode.DecodeState(data); err == nil {
			again, err := znode.DecodeState(znode.EncodeState(s))
			require.NoError(t, err)
			require.Equal(t, len(s.ISR), len(again.ISR))
			again.ISR = s.ISR
			require.Equal(t, s, again)
		}
		if n, err := znode.DecodeTopic(data); err == nil {
			_, err := znode.DecodeTopic(znode.EncodeTopic(n))
			require.NoError(t, err)
		}
		if n, err := znode.DecodeBroker(data); err == nil {
			require.NotEmpty(t, znode.EncodeBroker(n))
		}
		if c, err := znode.DecodeConfig(data); err == nil {
			again, err := znode.DecodeConfig(znode.EncodeConfig(c))
			require.NoError(t, err)
			require.Equal(t, len(c), len(again))
		}
	})
}
