package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded reads what kafka-configs printed against a real Kafka 3.9: the
// lines of entries, by the name of their key.
func recorded(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "golden", file))
	require.NoError(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "  ") {
			name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
			rows[name] = line
		}
	}
	return rows
}

// printed writes rows as kafka-configs does.
func printed(rows []Entry) map[string]string {
	sources := map[Source]string{FromTopic: "DYNAMIC_TOPIC_CONFIG", FromDynamicBroker: "DYNAMIC_BROKER_CONFIG",
		FromDynamicDefault: "DYNAMIC_DEFAULT_BROKER_CONFIG", FromStatic: "STATIC_BROKER_CONFIG", FromDefault: "DEFAULT_CONFIG"}
	text := func(v *string) string {
		if v == nil {
			return "null"
		}
		return *v
	}
	out := map[string]string{}
	for _, row := range rows {
		var synonyms []string
		for _, y := range row.Synonyms {
			synonyms = append(synonyms, fmt.Sprintf("%s:%s=%s", sources[y.Source], y.Name, text(y.Value)))
		}
		out[row.Name] = fmt.Sprintf("  %s=%s sensitive=%t synonyms={%s}",
			row.Name, text(row.Value), row.Sensitive, strings.Join(synonyms, ", "))
	}
	return out
}

// asRecorded returns a store with the static values of the recorded broker.
func asRecorded(t *testing.T) *Store {
	t.Helper()
	static := regexp.MustCompile(`STATIC_BROKER_CONFIG:([^=]+)=(.*?)(?:, DEFAULT_CONFIG:|}$)`)
	var file strings.Builder
	for _, line := range recorded(t, "broker.txt") {
		if m := static.FindStringSubmatch(line); m != nil {
			fmt.Fprintf(&file, "%s=%s\n", m[1], m[2])
		}
	}
	s, _, err := Load(Sources{File: write(t, file.String())})
	require.NoError(t, err)
	return s
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.properties")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestBrokerIsDescribedAsByKafka(t *testing.T) {
	want, got := recorded(t, "broker.txt"), printed(asRecorded(t).DescribeBroker(nil))
	require.Greater(t, len(want), 300)
	for name, line := range want {
		if k, ok := Lookup(name); ok && k.Own != nil {
			continue // leat's own default
		}
		require.Equal(t, line, got[name])
		delete(got, name)
	}
	for name := range got {
		k, _ := Lookup(name)
		require.True(t, strings.HasPrefix(name, "leat.") || k.Own != nil || name == "node.id", "%s: Kafka has no such row", name)
	}
}

func TestTopicIsDescribedAsByKafka(t *testing.T) {
	require.Equal(t, recorded(t, "topic.txt"), printed(asRecorded(t).DescribeTopic(nil, nil)))

	rows := printed(asRecorded(t).DescribeTopic(map[string]string{
		"cleanup.policy": "compact,delete", "min.insync.replicas": "2", "retention.ms": "1000000", "segment.bytes": "100000"}, nil))
	for name, line := range recorded(t, "cluster-topic.txt") {
		require.Equal(t, line, rows[name])
	}
}

func TestTopicRowsHaveTypesOfTheWire(t *testing.T) {
	var want []struct {
		Name       string
		Value      *string
		ReadOnly   bool
		ConfigType Type
		Source     Source `json:"configSource"`
	}
	data, err := os.ReadFile("testdata/golden/topic-wire.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	rows := asRecorded(t).DescribeTopic(nil, nil)
	require.Len(t, rows, len(want))
	for _, w := range want {
		i := slices.IndexFunc(rows, func(e Entry) bool { return e.Name == w.Name })
		require.GreaterOrEqual(t, i, 0, w.Name)
		require.Equal(t, []any{w.Value, w.ReadOnly, w.ConfigType, w.Source},
			[]any{rows[i].Value, rows[i].ReadOnly, rows[i].Type, rows[i].Source}, w.Name)
		require.NotEmpty(t, rows[i].Doc)
	}
}

func TestDynamicValuesAreDescribedAsByKafka(t *testing.T) {
	s := asRecorded(t)
	require.NoError(t, s.SetDynamic(ThisBroker, map[string]string{"log.cleaner.threads": "1", "message.max.bytes": "2000000"}))
	require.NoError(t, s.SetDynamic(ClusterDefault, map[string]string{"log.retention.ms": "1000000000"}))
	got := printed(s.DescribeBroker(nil))
	for name, line := range recorded(t, "broker-dynamic.txt") {
		require.Equal(t, line, got[name])
	}
	require.Equal(t, recorded(t, "broker-defaults.txt"), printed(s.DescribeDefaults(nil)))

	require.NoError(t, s.SetDynamic(ThisBroker, map[string]string{"log.cleaner.threads": "1", "background.threads": "3",
		"log.cleaner.io.max.bytes.per.second": "100000000.5"}))
	require.NoError(t, s.SetDynamic(ClusterDefault, map[string]string{"log.retention.ms": "700000000", "num.io.threads": "5"}))
	got = printed(s.DescribeBroker(nil))
	for name, line := range recorded(t, "cluster-broker.txt") {
		require.Equal(t, line, got[name])
	}
	require.Equal(t, recorded(t, "cluster-broker-defaults.txt"), printed(s.DescribeDefaults(nil)))
}

func TestSecretsAreNotDescribed(t *testing.T) {
	s, _, err := Load(Sources{Set: []string{"ssl.keystore.password=hunter2", "some.plugin.secret=hunter2"}})
	require.NoError(t, err)
	rows := s.DescribeBroker([]string{"ssl.keystore.password", "some.plugin.secret"})
	require.Len(t, rows, 2)
	for _, row := range rows {
		require.True(t, row.Sensitive)
		require.Nil(t, row.Value)
		require.NotContains(t, printed([]Entry{row})[row.Name], "hunter2")
		require.Equal(t, FromStatic, row.Source)
	}
}

// What a Kafka with these static values answered.
func TestDescriptionFollowsSynonymsAsKafkaDoes(t *testing.T) {
	s, _, err := Load(Sources{Set: []string{"log.retention.hours=1", "log.roll.ms=7200000", "my.custom.key=abc",
		"log.cleanup.policy=compact,delete", "log.message.timestamp.difference.max.ms=9", "listener.name.plaintext.ssl.keystore.location=/x"}})
	require.NoError(t, err)
	got := printed(s.DescribeTopic(nil, nil))
	for name, want := range map[string]string{
		"cleanup.policy":                  "compact,delete sensitive=false synonyms={STATIC_BROKER_CONFIG:log.cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}",
		"retention.ms":                    "3600000 sensitive=false synonyms={}",
		"segment.ms":                      "7200000 sensitive=false synonyms={STATIC_BROKER_CONFIG:log.roll.ms=7200000, DEFAULT_CONFIG:log.roll.hours=168}",
		"message.timestamp.before.max.ms": "9 sensitive=false synonyms={DEFAULT_CONFIG:log.message.timestamp.before.max.ms=9223372036854775807}",
	} {
		require.Equal(t, "  "+name+"="+want, got[name])
	}
	got = printed(s.DescribeBroker(nil))
	for name, want := range map[string]string{
		"log.retention.hours": "1 sensitive=false synonyms={STATIC_BROKER_CONFIG:log.retention.hours=1, DEFAULT_CONFIG:log.retention.hours=168}",
		"log.retention.ms":    "null sensitive=false synonyms={}",
		"log.roll.hours":      "168 sensitive=false synonyms={DEFAULT_CONFIG:log.roll.hours=168}",
		"my.custom.key":       "null sensitive=true synonyms={STATIC_BROKER_CONFIG:my.custom.key=null}",
		"listener.name.plaintext.ssl.keystore.location": "/x sensitive=false synonyms={STATIC_BROKER_CONFIG:listener.name.plaintext.ssl.keystore.location=/x}",
	} {
		require.Equal(t, "  "+name+"="+want, got[name])
	}
	require.NoError(t, s.SetDynamic(ThisBroker, map[string]string{"log.retention.ms": "-5"}))
	require.Equal(t, "  retention.ms=7 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=7, DYNAMIC_BROKER_CONFIG:log.retention.ms=-5, "+
		"STATIC_BROKER_CONFIG:log.retention.hours=1, DEFAULT_CONFIG:log.retention.hours=168}",
		printed(s.DescribeTopic(map[string]string{"retention.ms": " 7 "}, nil))["retention.ms"])
	require.Equal(t, int64(-1), s.Topic(nil).RetentionMs)
}
