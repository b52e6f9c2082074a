package config

import (
	"strings"
	"testing"
	"time"

	"github.com/magiconair/properties"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStrongerSourceCounts(t *testing.T) {
	from := Sources{File: write(t, "num.partitions=1\nlog.retention.ms=11\nmessage.max.bytes=100\nfetch.max.bytes=2000\n"),
		Env:   []string{"KAFKA_NUM_PARTITIONS=2", "KAFKA_LOG_RETENTION_MS=22", "KAFKA_MESSAGE_MAX_BYTES=200"},
		Set:   []string{"num.partitions=3", "log.retention.ms=33"},
		Flags: map[string]string{"num.partitions": "4"}}
	s, warnings, err := Load(from)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, []any{4, 33 * time.Millisecond, 200, int64(2000)},
		[]any{s.Int("num.partitions"), s.Duration("log.retention.ms"), s.Int("message.max.bytes"), s.Int64("fetch.max.bytes")})
}

func TestVariablesOfTheUsualImages(t *testing.T) {
	for variable, want := range map[string]string{
		"KAFKA_LOG_RETENTION_MS=1":                     "log.retention.ms",
		"KAFKA_CFG_LOG_RETENTION_MS=1":                 "log.retention.ms",
		"KAFKA_LISTENER_NAME_A__B_SSL_KEY_PASSWORD=x":  "listener.name.a_b.ssl.key.password",
		"KAFKA_LISTENER_NAME_A___B_SSL_KEY_PASSWORD=x": "listener.name.a-b.ssl.key.password",
		"KAFKA_ZOOKEEPER_CLIENTCNXNSOCKET=x":           "zookeeper.clientCnxnSocket",
		"LEAT_ADMIN_LISTEN=:1":                         "leat.admin.listen",
		"CLUSTER_ID=abc":                               "leat.cluster.id",
		"KAFKA_HEAP_OPTS=-Xmx1g":                       "",
		"LEAT_BOOTSTRAP=x:1":                           "",
		"KAFKAESQUE=1":                                 "",
		"PATH=/bin":                                    "",
	} {
		all := readEnv([]string{variable})
		if want == "" {
			require.Empty(t, all, variable)
			continue
		}
		name, v, _ := strings.Cut(variable, "=")
		require.Equal(t, map[string]given{want: {value: v, from: name}}, all, variable)
	}
}

func TestUnknownKeyIsNamedWithItsNeighbour(t *testing.T) {
	s, warnings, err := Load(Sources{File: write(t, "num.partitons=3\nretention.ms=5\nquite.another.thing=1\n")})
	require.NoError(t, err)
	require.Equal(t, 1, s.Int("num.partitions"))
	require.Len(t, warnings, 3)
	require.Regexp(t, `server.properties:1: unknown key num.partitons: is num.partitions meant\?`, warnings[0].String())
	require.Regexp(t, `server.properties:3: unknown key quite.another.thing$`, warnings[1].String())
	require.Regexp(t, `server.properties:2: retention.ms is a topic's key; for all topics set log.retention.ms`, warnings[2].String())
}

func TestWhatIsNotThereYetIsSaid(t *testing.T) {
	s, warnings, err := Load(Sources{Set: []string{"zookeeper.connect=zk:2181", "authorizer.class.name=kafka.security.authorizer.AclAuthorizer",
		"replica.lag.time.max.ms=30000", "num.io.threads=3"}})
	require.NoError(t, err)
	require.Len(t, warnings, 1, "a default says nothing, nor does a key that leat will never need")
	require.Equal(t, "--set: authorizer.class.name has no effect yet: it comes with security", warnings[0].String())
	require.False(t, s.Embedded())
}

func TestPlainTextInSpiteOfStoresIsSaid(t *testing.T) {
	set := []string{"zookeeper.connect=zk:2181", "zookeeper.ssl.truststore.location=/etc/trust.jks", "zookeeper.ssl.truststore.password=hunter2"}
	_, warnings, err := Load(Sources{Set: set})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Equal(t, "--set: zookeeper.ssl.truststore.location has no effect: without zookeeper.ssl.client.enable=true ZooKeeper is spoken to in plain text",
		warnings[0].String())
	_, warnings, err = Load(Sources{Set: append(set, "zookeeper.ssl.client.enable=true")})
	require.NoError(t, err)
	require.Empty(t, warnings)
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	_, _, err := Load(Sources{File: write(t, "# a comment\nnum.partitions=x\n\nlog.segment.bytes=3\nbroken=\\u12\n")})
	require.ErrorContains(t, err, "line 5")
	_, _, err = Load(Sources{File: write(t, "# a comment\nnum.partitions=x\n\nlog.segment.bytes=3\n"),
		Set: []string{"auto.create.topics.enable=maybe", "compression.type=rar", "log.retention.hours=0x", "log.cleanup.policy=delete,shred"},
		Env: []string{"KAFKA_COMPRESSION_GZIP_LEVEL=10"}})
	for _, want := range []string{
		"server.properties:2: Invalid value x for configuration num.partitions: Not a number of type INT (valid: at least 1)",
		"server.properties:4: Invalid value 3 for configuration log.segment.bytes: Value must be at least 14 (valid: at least 14)",
		"--set: Invalid value maybe for configuration auto.create.topics.enable: Expected value to be either true or false",
		"--set: Invalid value rar for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
		"--set: Invalid value 0x for configuration log.retention.hours: Not a number of type INT",
		"--set: Invalid value delete,shred for configuration log.cleanup.policy: String must be one of: compact, delete",
		"KAFKA_COMPRESSION_GZIP_LEVEL: Invalid value 10 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1 (valid: between 1 and 9, or -1)",
	} {
		require.ErrorContains(t, err, want)
	}
	require.ErrorIs(t, err, ErrInvalidValue)
	_, _, err = Load(Sources{File: "/nonexistent/server.properties"})
	require.ErrorContains(t, err, "/nonexistent/server.properties")
	_, _, err = Load(Sources{Set: []string{"num.partitions"}})
	require.ErrorContains(t, err, "key=value")
}

func TestRulesBetweenKeys(t *testing.T) {
	for set, want := range map[string]string{
		"replica.fetch.wait.max.ms=40000": "replica.lag.time.max.ms",
		"replica.socket.timeout.ms=500":   "replica.socket.timeout.ms",
		"log.retention.ms=0":              "must be -1 (for ever) or at least 1",
		"log.roll.ms=0":                   "log.roll.ms",
		"offsets.commit.required.acks=2":  "offsets.topic.replication.factor",
		"queued.max.request.bytes=10":     "socket.request.max.bytes",
		"log.cleaner.max.compaction.lag.ms=5 log.cleaner.min.compaction.lag.ms=6": "log.cleaner.max.compaction.lag.ms",
		"group.min.session.timeout.ms=1800001":                                    "group.max.session.timeout.ms",
		"broker.id=3 node.id=4":                                                   "they are one",
		"max.connections.per.ip=0":                                                "max.connections.per.ip.overrides",
		"inter.broker.protocol.version=5":                                         "Version 5 is not a valid version",
		"broker.id=-1":                                                            "must be at least 0",
		"listeners=SSL://:1":                                                      "no TLS",
		"listeners=PLAINTEXT://:1,PLAINTEXT://:2":                                 "the name PLAINTEXT is there twice",
		"listeners=PLAINTEXT://:1,SSL://:1":                                       "port 1 is there twice",
		"listeners=FOO://:1":                                                      "listener.security.protocol.map",
		"listeners=localhost:9092":                                                "PLAINTEXT://:9092",
		"listeners=PLAINTEXT://:99999":                                            "65535",
		"listeners=":                                                              "names no listener",
		"advertised.listeners=PLAINTEXT://0.0.0.0:9092":                           "nobody can connect to",
		"advertised.listeners=SSL://h:1":                                          "listeners does not have",
		"process.roles=broker":                                                    "KRaft",
		"remote.log.storage.system.enable=true":                                   "tiered storage",
		"leader.replication.throttled.rate=5":                                     "while the broker runs",
		"listener.security.protocol.map=PLAINTEXT:TELEPATHY":                      "TELEPATHY",
	} {
		_, _, err := Load(Sources{Set: strings.Fields(set)})
		require.ErrorContains(t, err, want, set)
		require.ErrorContains(t, err, "--set", set)
	}
	for _, set := range []string{
		"broker.id=5000", "node.id=3 broker.id=3", "listeners=PLAINTEXT://127.0.0.1:1,V6://[::1]:1 listener.security.protocol.map=PLAINTEXT:PLAINTEXT,V6:PLAINTEXT",
		"listeners=A://:0,B://:0 listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT advertised.listeners=B://h:1",
		"log.retention.ms=-1", "queued.max.request.bytes=104857600", "inter.broker.protocol.version=2.8-IV1", "process.roles=",
	} {
		_, warnings, err := Load(Sources{Set: strings.Fields(set)})
		require.NoError(t, err, set)
		require.Empty(t, warnings, set)
	}
}

func TestSynonymsAreFollowed(t *testing.T) {
	for set, want := range map[string]time.Duration{
		"":                       7 * 24 * time.Hour,
		"log.retention.hours=1":  time.Hour,
		"log.retention.hours=-1": -time.Millisecond,
		"log.retention.hours=1 log.retention.minutes=2":                    2 * time.Minute,
		"log.retention.minutes=2 log.retention.ms=3 log.retention.hours=1": 3 * time.Millisecond,
	} {
		s, _, err := Load(Sources{Set: strings.Fields(set)})
		require.NoError(t, err)
		require.Equal(t, want, s.Duration("log.retention.ms"), set)
		require.Equal(t, want.Milliseconds(), s.Topic(nil).RetentionMs, set)
	}
	s, _, err := Load(Sources{Set: []string{"node.id=7", "log.dir=x"}})
	require.NoError(t, err)
	require.Equal(t, 7, s.Int("broker.id"))
	require.Equal(t, []string{"x"}, s.Dirs())
	s, _, err = Load(Sources{Set: []string{"log.dirs=a, b", "log.dir=x"}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, s.Dirs())
}

func TestOwnDefaultsOfASingleNode(t *testing.T) {
	s := Defaults()
	require.True(t, s.Embedded())
	require.Equal(t, []int{0, 1, 0}, []int{s.Int("group.initial.rebalance.delay.ms"), s.Int("offsets.topic.replication.factor"), s.Int("broker.id")})
	require.Equal(t, []Listener{{Name: "PLAINTEXT", Protocol: "PLAINTEXT", Port: 9092}}, s.Listeners())
	require.Empty(t, s.Advertised())
	k, _ := Lookup("offsets.topic.replication.factor")
	require.Equal(t, []string{"1", "3"}, []string{*k.standard(true), *k.standard(false)})
	k, _ = Lookup("group.initial.rebalance.delay.ms")
	require.Equal(t, []string{"0", "0"}, []string{*k.standard(true), *k.standard(false)})
}

func TestOverridesOfAddresses(t *testing.T) {
	s, _, err := Load(Sources{Set: []string{"max.connections.per.ip.overrides=127.0.0.1:200, 2001:db8::1:5,[::1]:0"}})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"127.0.0.1": 200, "2001:db8::1": 5, "::1": 0}, s.Overrides("max.connections.per.ip.overrides"))
	_, _, err = Load(Sources{Set: []string{"max.connections.per.ip.overrides=127.0.0.1"}})
	require.ErrorContains(t, err, "host:limit")
}

func TestMisusePanics(t *testing.T) {
	s := Defaults()
	require.Panics(t, func() { s.Int("no.such.key") })
	require.Panics(t, func() { s.Bool("num.partitions") })
	require.Panics(t, func() { s.Duration("num.partitions") })
}

// Any file reads as the reference parser reads it.
func TestPropertiesAgreeWithAnotherParser(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune(" \t\n\\abtn=:#!é.1")))
	rapid.Check(t, func(t *rapid.T) {
		in := text.Draw(t, "file")
		want, err := (&properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}).LoadBytes([]byte(in))
		got, err2 := parseProperties([]byte(in))
		if err != nil || err2 != nil {
			return // each refuses some escapes that the other lets pass
		}
		all := map[string]string{}
		for _, p := range got {
			all[p.key] = p.value
		}
		if !strings.Contains(in, "\\\n") && !strings.HasSuffix(in, `\`) {
			require.Equal(t, want.Map(), all, "%q", in)
		}
	})
}

func TestPropertiesOfJava(t *testing.T) {
	in := "\ufeff# c\n! c\r\n  a = 1 \nb:2\rc 3\nd\ne=x\\\n   y\nf\\ g\\:h=\\u00e4\\t\\q\ni=\\ud83d\\ude00\nj=C:\\\\logs\n"
	got, err := parseProperties([]byte(in))
	require.NoError(t, err)
	require.Equal(t, []property{{"a", "1 ", 3}, {"b", "2", 4}, {"c", "3", 5}, {"d", "", 6}, {"e", "xy", 7},
		{"f g:h", "ä\tq", 9}, {"i", "😀", 10}, {"j", `C:\logs`, 11}}, got)
	got, err = parseProperties([]byte("a=\xe4"))
	require.NoError(t, err)
	require.Equal(t, []property{{"a", "ä", 1}}, got)
}

func FuzzProperties(f *testing.F) {
	f.Add([]byte("a=1\\\n b\n"))
	f.Add([]byte("\\u00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseProperties(data)
		if err != nil {
			return
		}
		if lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r"); len(all) > lines {
			t.Fatalf("%d entries of %d lines", len(all), lines)
		}
	})
}
