package config

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
)

func op(name string, kind OpKind, v string) Op { return Op{Name: name, Kind: kind, Value: &v} }

func TestTopicTakesWhatItSaysThenTheBroker(t *testing.T) {
	want := log.DefaultConfig()
	want.MaxInflatedBytes = Defaults().Int("leat.max.inflated.bytes")
	require.Equal(t, want, Defaults().Topic(nil))

	s, _, err := Load(Sources{Set: strings.Fields("log.segment.bytes=100 log.cleanup.policy=compact log.roll.hours=1 message.max.bytes=7 " +
		"compression.type=zstd log.message.timestamp.type=LogAppendTime log.message.timestamp.difference.max.ms=9")})
	require.NoError(t, err)
	got := s.Topic(map[string]string{"segment.bytes": "200", "cleanup.policy": "delete", "max.message.bytes": "bad"})
	require.Equal(t, []any{200, true, false, int64(3600000), 7, "zstd", true, int64(9), int64(9)},
		[]any{got.SegmentBytes, got.Delete, got.Compact, got.SegmentMs, got.MaxMessageBytes, got.CompressionType, got.LogAppendTime,
			got.TimestampBeforeMax, got.TimestampAfterMax})
}

func TestTopicRefusalsAreKafkas(t *testing.T) {
	for set, want := range map[string]string{
		"no.such=1":             "Unknown topic config name: no.such",
		"retention.ms=x":        "Invalid value x for configuration retention.ms: Not a number of type LONG",
		"min.insync.replicas=0": "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
		"cleanup.policy=nope":   "Invalid value nope for configuration cleanup.policy: String must be one of: compact, delete",
		"min.compaction.lag.ms=2 max.compaction.lag.ms=1": "conflict topic config setting min.compaction.lag.ms (2) > max.compaction.lag.ms (1)",
		"compression.gzip.level=0":                        "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
		"compression.lz4.level=18":                        "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
		"min.cleanable.dirty.ratio=1.5":                   "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
		"segment.bytes=99999999999":                       "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT",
		"message.format.version=9.9":                      "Invalid value 9.9 for configuration message.format.version: Version 9.9 is not a valid version",
		"remote.storage.enable=true":                      "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
		"leader.replication.throttled.replicas=a":         "Invalid value [a] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
	} {
		own := map[string]string{}
		for _, pair := range strings.Fields(set) {
			k, v, _ := strings.Cut(pair, "=")
			own[k] = v
		}
		err := Defaults().ValidateTopic(own)
		require.EqualError(t, err, want)
		if strings.HasPrefix(want, "Unknown") {
			require.ErrorIs(t, err, ErrUnknownKey)
		} else {
			require.ErrorIs(t, err, ErrInvalidValue)
		}
	}
	require.NoError(t, Defaults().ValidateTopic(map[string]string{"retention.ms": "-1", "cleanup.policy": "compact, delete",
		"message.format.version": "2.8.1", "leader.replication.throttled.replicas": "0:1,1:2", "follower.replication.throttled.replicas": "*", "segment.bytes": " 14 "}))
}

func TestTopicOps(t *testing.T) {
	own := map[string]string{"retention.ms": "5"}
	next, err := Defaults().AlterTopic(own, []Op{op("retention.ms", Set, "6"), op("cleanup.policy", Append, "compact,delete"),
		op("segment.ms", Delete, ""), {Name: "no.such", Kind: Delete}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"retention.ms": "6", "cleanup.policy": "delete,compact"}, next)
	require.Equal(t, map[string]string{"retention.ms": "5"}, own)
	next, err = Defaults().AlterTopic(next, []Op{op("cleanup.policy", Subtract, "delete,shred")})
	require.NoError(t, err)
	require.Equal(t, "compact", next["cleanup.policy"])

	for _, c := range []struct {
		ops  []Op
		kind error
		text string
	}{
		{[]Op{op("retention.ms", Append, "1")}, ErrNotList, "Config value append is not allowed for config key: retention.ms"},
		{[]Op{op("retention.ms", Subtract, "1")}, ErrNotList, "Config value subtract is not allowed for config key: retention.ms"},
		{[]Op{{Name: "retention.ms"}}, ErrInvalidRequest, "Null value not supported for : retention.ms"},
		{[]Op{op("retention.ms", Set, "1"), op("retention.ms", Delete, "")}, ErrInvalidRequest, "Error due to duplicate config keys"},
		{[]Op{op("no.such", Set, "1")}, ErrUnknownKey, "Unknown topic config name: no.such"},
	} {
		_, err := Defaults().AlterTopic(nil, c.ops)
		require.ErrorIs(t, err, c.kind)
		require.EqualError(t, err, c.text)
	}
}

func TestBrokerOps(t *testing.T) {
	s := Defaults()
	for _, c := range []struct {
		scope Scope
		op    Op
		text  string
	}{
		{ThisBroker, op("broker.id", Set, "3"), "Cannot update these configs dynamically: Set(broker.id)"},
		{ClusterDefault, op("listeners", Set, "PLAINTEXT://:1"), "Cannot update these configs at default cluster level, broker id must be specified: Set(listeners)"},
		{ThisBroker, op("ssl.keystore.location", Set, "/x"), "These security configs can be dynamically updated only per-listener using the listener prefix: HashSet(ssl.keystore.location)"},
		{ClusterDefault, op("ssl.key.password", Set, "x"), "only per-listener using the listener prefix: HashSet(ssl.key.password)"},
		{ClusterDefault, op("sasl.jaas.config", Set, "x"), "Cannot update these configs at default cluster level, broker id must be specified: Set(sasl.jaas.config)"},
		{ThisBroker, op("message.max.bytes", Set, "x"), "Invalid value x for configuration message.max.bytes: Not a number of type INT"},
		{ThisBroker, op("num.io.threads", Set, "17"), "Dynamic thread count update validation failed for num.io.threads=17, value should not be greater than double the current value 8"},
		{ThisBroker, op("num.io.threads", Set, "3"), "Dynamic thread count update validation failed for num.io.threads=3, value should be at least half the current value 8"},
		{ThisBroker, op("log.retention.ms", Set, "0"), "log.retention.ms"},
	} {
		_, err := s.AlterBroker(c.scope, []Op{c.op})
		require.ErrorContains(t, err, c.text)
		require.ErrorIs(t, err, ErrInvalidRequest)
	}
	for _, o := range []Op{op("message.max.bytes", Set, "5"), op("no.such", Set, "5"), op("num.io.threads", Set, "16"),
		op("listener.name.x.ssl.keystore.location", Set, "/x"), op("sasl.kerberos.min.time.before.relogin", Set, "58000"),
		op("ssl.protocol", Set, "TLSv1.3"), op("leader.replication.throttled.rate", Set, "9"),
		{Name: "leader.replication.throttled.rate", Kind: Delete}} {
		_, err := s.AlterBroker(ThisBroker, []Op{o})
		require.NoError(t, err, o.Name)
	}
	require.Equal(t, 1048588, s.Int("message.max.bytes"), "nothing changes before SetDynamic")
	require.ErrorIs(t, s.ReplaceBroker(ThisBroker, map[string]string{"broker.id": "3"}), ErrInvalidRequest)
}

func TestDynamicValuesCountAtOnce(t *testing.T) {
	s := Defaults()
	var seen []int
	s.OnChange(func() { seen = append(seen, s.Int("message.max.bytes")) })
	require.NoError(t, s.SetDynamic(ClusterDefault, map[string]string{"message.max.bytes": "10", "log.retention.ms": "5"}))
	require.NoError(t, s.SetDynamic(ThisBroker, map[string]string{"message.max.bytes": "20"}))
	require.Equal(t, []int{10, 20}, seen)
	require.Equal(t, []int64{20, 5}, []int64{int64(s.Topic(nil).MaxMessageBytes), s.Topic(nil).RetentionMs})
	require.NoError(t, s.SetDynamic(ThisBroker, nil))
	require.Equal(t, 10, s.Int("message.max.bytes"))

	err := s.SetDynamic(ThisBroker, map[string]string{"message.max.bytes": "x", "log.retention.bytes": "7"})
	require.ErrorIs(t, err, ErrInvalidValue)
	require.Equal(t, []int64{10, 7}, []int64{s.Int64("message.max.bytes"), s.Int64("log.retention.bytes")}, "what is valid counts")
}

func TestReadsDuringChanges(t *testing.T) {
	s := Defaults()
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if n := s.Int("message.max.bytes"); n != 10 && n != 20 && n != 1048588 {
						t.Errorf("torn read %d", n)
					}
				}
			}
		})
	}
	for i := range 200 {
		if err := s.SetDynamic(ThisBroker, map[string]string{"message.max.bytes": []string{"10", "20"}[i%2]}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wait.Wait()
	require.Zero(t, testing.AllocsPerRun(100, func() { s.Int("message.max.bytes") }))
}
