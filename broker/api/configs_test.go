package api_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

// describe returns the configuration rows of one resource by name.
func describe(c *client, kind kmsg.ConfigResourceType, name string) map[string]kmsg.DescribeConfigsResponseResourceConfig {
	c.t.Helper()
	q := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	q.Resources, q.IncludeSynonyms, q.IncludeDocumentation = append(q.Resources, r), true, true
	got := ask[*kmsg.DescribeConfigsResponse](c, 4, q).Resources[0]
	require.Zero(c.t, got.ErrorCode)
	rows := map[string]kmsg.DescribeConfigsResponseResourceConfig{}
	for _, row := range got.Configs {
		rows[row.Name] = row
	}
	return rows
}

type change struct {
	key   string
	op    kmsg.IncrementalAlterConfigOp
	value string
}

// target is whose configuration a test changes.
type target struct {
	kind         kmsg.ConfigResourceType
	name         string
	validateOnly bool
}

// alter changes single keys and returns the code.
func alter(c *client, at target, changes ...change) int16 {
	c.t.Helper()
	q := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = at.kind, at.name
	for _, ch := range changes {
		row := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		row.Name, row.Op, row.Value = ch.key, ch.op, &ch.value
		r.Configs = append(r.Configs, row)
	}
	q.Resources, q.ValidateOnly = append(q.Resources, r), at.validateOnly
	return ask[*kmsg.IncrementalAlterConfigsResponse](c, 1, q).Resources[0].ErrorCode
}

const (
	ofTopic  = kmsg.ConfigResourceTypeTopic
	ofBroker = kmsg.ConfigResourceTypeBroker

	set      = kmsg.IncrementalAlterConfigOpSet
	remove   = kmsg.IncrementalAlterConfigOpDelete
	append_  = kmsg.IncrementalAlterConfigOpAppend
	subtract = kmsg.IncrementalAlterConfigOpSubtract
)

func TestTopicConfigs(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	of := func(key string) string { return *describe(c, ofTopic, "t")[key].Value }

	require.Zero(t, alter(c, target{ofTopic, "t", true}, change{"retention.ms", set, "5"}))
	require.Equal(t, "604800000", of("retention.ms"), "only validated")
	require.Zero(t, alter(c, target{ofTopic, "t", false}, change{"retention.ms", set, "5"}, change{"cleanup.policy", append_, "compact"}))
	require.Equal(t, "5", of("retention.ms"))
	require.Equal(t, "delete,compact", of("cleanup.policy"))
	require.Zero(t, alter(c, target{ofTopic, "t", false}, change{"cleanup.policy", subtract, "delete"}))
	require.Equal(t, "compact", of("cleanup.policy"))
	require.Equal(t, kerr.InvalidConfig.Code, alter(c, target{ofTopic, "t", false}, change{"retention.ms", set, "x"}, change{"segment.bytes", set, "1000000"}))
	require.Equal(t, "1073741824", of("segment.bytes"), "all of a resource or nothing")

	w.restart()
	c = w.connect()
	require.Equal(t, "5", of("retention.ms"))
	row := describe(c, ofTopic, "t")["retention.ms"]
	require.EqualValues(t, 1, row.Source)
	require.NotNil(t, row.Documentation)
	require.EqualValues(t, 5, row.ConfigType)

	require.Zero(t, alter(c, target{ofTopic, "t", false}, change{"retention.ms", remove, ""}))
	require.Equal(t, "604800000", of("retention.ms"))
	require.Equal(t, "compact", of("cleanup.policy"), "others stay")

	q := kmsg.NewPtrAlterConfigsRequest()
	r := kmsg.NewAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = ofTopic, "t"
	kv := kmsg.NewAlterConfigsRequestResourceConfig()
	kv.Name, kv.Value = "max.message.bytes", value("2000")
	r.Configs = append(r.Configs, kv)
	q.Resources = append(q.Resources, r)
	require.Zero(t, ask[*kmsg.AlterConfigsResponse](c, 2, q).Resources[0].ErrorCode)
	require.Equal(t, "2000", of("max.message.bytes"))
	require.Equal(t, "delete", of("cleanup.policy"), "the old AlterConfigs resets what it does not name")
}

// TestChangedTopicConfigCounts: a smaller limit refuses the next batch.
func TestChangedTopicConfigCounts(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	require.Zero(t, produceOne(c, "t", make([]byte, 5000)))
	require.Zero(t, alter(c, target{ofTopic, "t", false}, change{"max.message.bytes", set, "1000"}))
	require.Equal(t, kerr.MessageTooLarge.Code, produceOne(c, "t", make([]byte, 5000)))
	w.restart()
	require.Equal(t, kerr.MessageTooLarge.Code, produceOne(w.connect(), "t", make([]byte, 5000)))
}

// TestBrokerConfigs: dynamic values of this broker stand before those of all
// brokers, both before the default; they count at once and after a restart.
func TestBrokerConfigs(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	require.Zero(t, alter(c, target{ofBroker, "", false}, change{"message.max.bytes", set, "3000"}))
	require.Zero(t, alter(c, target{ofBroker, "0", false}, change{"message.max.bytes", set, "2000"}))
	require.Equal(t, kerr.InvalidRequest.Code, alter(c, target{ofBroker, "7", false}, change{"message.max.bytes", set, "1"}))
	require.Equal(t, kerr.InvalidRequest.Code, alter(c, target{ofBroker, "0", false}, change{"broker.id", set, "1"}))
	check := func() {
		row := describe(c, ofBroker, "0")["message.max.bytes"]
		require.Equal(t, "2000", *row.Value)
		require.EqualValues(t, 2, row.Source)
		require.Len(t, row.ConfigSynonyms, 3)
		require.EqualValues(t, 3, row.ConfigSynonyms[1].Source)
		topic := describe(c, ofTopic, "t")["max.message.bytes"]
		require.Equal(t, "2000", *topic.Value)
		require.EqualValues(t, 2, topic.Source)
		require.Equal(t, "message.max.bytes", topic.ConfigSynonyms[0].Name)
		require.Equal(t, kerr.MessageTooLarge.Code, produceOne(c, "t", make([]byte, 2500)))
	}
	check()
	w.restart()
	c = w.connect()
	check()
	require.Zero(t, alter(c, target{ofBroker, "0", false}, change{"message.max.bytes", remove, ""}))
	require.Zero(t, produceOne(c, "t", make([]byte, 2500)))
	defaults := describe(c, ofBroker, "")
	require.Len(t, defaults, 1)
	require.EqualValues(t, 3, defaults["message.max.bytes"].Source)
}

// TestSimultaneousChangesAllCount: many connections, each with a key of its own,
// of a topic and of the broker.
func TestSimultaneousChangesAllCount(t *testing.T) {
	w := startWhole(t)
	require.Zero(t, createTopic(w.connect(), 7, named("t")).ErrorCode)
	topicKeys := []string{"retention.ms", "retention.bytes", "segment.bytes", "segment.ms", "max.message.bytes", "delete.retention.ms"}
	brokerKeys := []string{"log.retention.ms", "log.retention.bytes", "log.segment.bytes", "log.roll.ms", "message.max.bytes", "log.cleaner.delete.retention.ms"}
	var wg sync.WaitGroup
	for i := range topicKeys {
		a, b := w.connect(), w.connect()
		wg.Go(func() {
			if code := alter(a, target{ofTopic, "t", false}, change{topicKeys[i], set, fmt.Sprint(1_000_000 + i)}); code != 0 {
				t.Errorf("%s: code %d", topicKeys[i], code)
			}
		})
		wg.Go(func() {
			if code := alter(b, target{ofBroker, "0", false}, change{brokerKeys[i], set, fmt.Sprint(2_000_000 + i)}); code != 0 {
				t.Errorf("%s: code %d", brokerKeys[i], code)
			}
		})
	}
	wg.Wait()
	c := w.connect()
	topic, broker := describe(c, ofTopic, "t"), describe(c, ofBroker, "0")
	for i := range topicKeys {
		require.Equal(t, fmt.Sprint(1_000_000+i), *topic[topicKeys[i]].Value)
		require.Equal(t, fmt.Sprint(2_000_000+i), *broker[brokerKeys[i]].Value)
	}
}

func TestClientQuotasAreKept(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	type part struct {
		kind string
		name *string
	}
	put := func(key string, v float64, remove bool, parts ...part) int16 {
		q := kmsg.NewPtrAlterClientQuotasRequest()
		e := kmsg.NewAlterClientQuotasRequestEntry()
		for _, p := range parts {
			entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
			entity.Type, entity.Name = p.kind, p.name
			e.Entity = append(e.Entity, entity)
		}
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Value, op.Remove = key, v, remove
		e.Ops = append(e.Ops, op)
		q.Entries = append(q.Entries, e)
		return ask[*kmsg.AlterClientQuotasResponse](c, 1, q).Entries[0].ErrorCode
	}
	list := func(strict bool, components ...kmsg.DescribeClientQuotasRequestComponent) []string {
		q := kmsg.NewPtrDescribeClientQuotasRequest()
		q.Components, q.Strict = components, strict
		var out []string
		for _, e := range ask[*kmsg.DescribeClientQuotasResponse](c, 1, q).Entries {
			text := ""
			for _, p := range e.Entity {
				name := "<default>"
				if p.Name != nil {
					name = *p.Name
				}
				text += p.Type + "=" + name + " "
			}
			for _, v := range e.Values {
				text += fmt.Sprintf("%s:%g", v.Key, v.Value)
			}
			out = append(out, text)
		}
		return out
	}
	component := func(kind string, match kmsg.QuotasMatchType, name *string) kmsg.DescribeClientQuotasRequestComponent {
		e := kmsg.NewDescribeClientQuotasRequestComponent()
		e.EntityType, e.MatchType, e.Match = kind, match, name
		return e
	}
	require.Zero(t, put("producer_byte_rate", 1000, false, part{"client-id", value("my client")}))
	require.Zero(t, put("request_percentage", 150.5, false, part{"client-id", nil}, part{"user", value("CN=a b,O=c*")}))
	require.Zero(t, put("connection_creation_rate", 50, false, part{"ip", value("127.0.0.9")}))
	require.Equal(t, kerr.InvalidRequest.Code, put("producer_byte_rate", 5, false, part{"ip", value("127.0.0.9")}))
	require.Equal(t, kerr.InvalidRequest.Code, put("producer_byte_rate", 5, false, part{"ip", nil}, part{"user", nil}))
	w.restart()
	c = w.connect()
	require.Equal(t, []string{
		"user=CN=a b,O=c* client-id=<default> request_percentage:150.5",
		"client-id=my client producer_byte_rate:1000",
		"ip=127.0.0.9 connection_creation_rate:50",
	}, list(false))
	require.Equal(t, []string{"client-id=my client producer_byte_rate:1000"}, list(true, component("client-id", 0, value("my client"))))
	require.Empty(t, list(true, component("user", 2, nil)))
	require.Len(t, list(false, component("user", 2, nil)), 1)
	require.Len(t, list(true, component("user", 2, nil), component("client-id", 1, nil)), 1)
	require.Empty(t, list(false, component("client-id", 0, value("other"))))
	require.Zero(t, put("connection_creation_rate", 0, true, part{"ip", value("127.0.0.9")}))
	require.Empty(t, list(false, component("ip", 2, nil)))
}

func TestSCRAMCredentialsAreKept(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	q := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	for mechanism := int8(1); mechanism <= 2; mechanism++ {
		up := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
		up.Name, up.Mechanism, up.Iterations, up.Salt, up.SaltedPassword = "bob", mechanism, 4096, []byte("salt"), []byte("salted")
		q.Upsertions = append(q.Upsertions, up)
	}
	results := ask[*kmsg.AlterUserSCRAMCredentialsResponse](c, 0, q).Results
	require.Len(t, results, 1)
	require.Zero(t, results[0].ErrorCode)
	w.restart()
	c = w.connect()
	users := ask[*kmsg.DescribeUserSCRAMCredentialsResponse](c, 0, kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()).Results
	require.Len(t, users, 1)
	require.Equal(t, "bob", users[0].User)
	require.Len(t, users[0].CredentialInfos, 2)
	require.EqualValues(t, 4096, users[0].CredentialInfos[1].Iterations)

	q = kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	gone := kmsg.NewAlterUserSCRAMCredentialsRequestDeletion()
	gone.Name, gone.Mechanism = "bob", 1
	q.Deletions = append(q.Deletions, gone)
	require.Zero(t, ask[*kmsg.AlterUserSCRAMCredentialsResponse](c, 0, q).Results[0].ErrorCode)
	users = ask[*kmsg.DescribeUserSCRAMCredentialsResponse](c, 0, kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()).Results
	require.Len(t, users[0].CredentialInfos, 1)
	require.EqualValues(t, 2, users[0].CredentialInfos[0].Mechanism)
}

func TestLogDirs(t *testing.T) {
	w := startWhole(t)
	c := w.connect()
	require.Zero(t, createTopic(c, 7, func(t *kmsg.CreateTopicsRequestTopic) { t.Topic, t.NumPartitions = "t", 2 }).ErrorCode)
	require.Zero(t, produceOne(c, "t", make([]byte, 1000)))
	got := ask[*kmsg.DescribeLogDirsResponse](c, 4, kmsg.NewPtrDescribeLogDirsRequest())
	require.Len(t, got.Dirs, 1)
	require.Equal(t, w.dir, got.Dirs[0].Dir)
	require.Positive(t, got.Dirs[0].TotalBytes)
	require.Positive(t, got.Dirs[0].UsableBytes)
	require.Len(t, got.Dirs[0].Topics, 1)
	require.Len(t, got.Dirs[0].Topics[0].Partitions, 2)
	require.Greater(t, got.Dirs[0].Topics[0].Partitions[0].Size, int64(1000))
	require.Zero(t, got.Dirs[0].Topics[0].Partitions[1].Size)
	q := kmsg.NewPtrDescribeLogDirsRequest()
	one := kmsg.NewDescribeLogDirsRequestTopic()
	one.Topic, one.Partitions = "t", []int32{1, 9}
	q.Topics = append(q.Topics, one)
	require.Len(t, ask[*kmsg.DescribeLogDirsResponse](c, 4, q).Dirs[0].Topics[0].Partitions, 1)
}

func TestLogDirOfChoice(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	w := &whole{t: t, dir: first + "," + second}
	w.start()
	t.Cleanup(func() { w.stop() })
	c := w.connect()
	require.Zero(t, createTopic(c, 7, named("t")).ErrorCode)
	require.Zero(t, produceOne(c, "t", make([]byte, 1000)))
	move := func(topic, path string) int16 {
		q := kmsg.NewPtrAlterReplicaLogDirsRequest()
		d := kmsg.NewAlterReplicaLogDirsRequestDir()
		row := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
		row.Topic, row.Partitions = topic, []int32{0}
		d.Dir, d.Topics = path, append(d.Topics, row)
		q.Dirs = append(q.Dirs, d)
		return ask[*kmsg.AlterReplicaLogDirsResponse](c, 2, q).Topics[0].Partitions[0].ErrorCode
	}
	where := func(topic string) string {
		for _, d := range ask[*kmsg.DescribeLogDirsResponse](c, 4, kmsg.NewPtrDescribeLogDirsRequest()).Dirs {
			for _, row := range d.Topics {
				if row.Topic == topic && len(row.Partitions) == 1 && !row.Partitions[0].IsFuture {
					return d.Dir
				}
			}
		}
		return ""
	}
	require.Equal(t, kerr.LogDirNotFound.Code, move("t", "/no/such/dir"))
	require.Zero(t, move("t", where("t")), "it is there")
	require.Equal(t, kerr.ReplicaNotAvailable.Code, move("later", second), "remembered until it is made")
	require.Zero(t, createTopic(c, 7, named("later")).ErrorCode)
	require.Equal(t, second, where("later"))
	require.Equal(t, kerr.InvalidTopicException.Code, move(strings.Repeat("x", 230), second), "the moving directory's name would be too long")
}

// TestNoControllerToChangeConfigs: without one the answer comes in time all the
// same.
func TestNoControllerToChangeConfigs(t *testing.T) {
	n := startWith(t, options{
		settings: map[string]string{"request.timeout.ms": "50"}, memory: true,
		alterConfig: func(ctx context.Context, _ image.Entity, _ func(map[string]string) (map[string]string, error)) error {
			<-ctx.Done()
			return fmt.Errorf("no controller: %w", ctx.Err())
		},
	})
	c := n.connect()
	require.Equal(t, kerr.RequestTimedOut.Code, alter(c, target{ofTopic, "t", false}, change{"retention.ms", set, "5"}))
	require.Equal(t, kerr.RequestTimedOut.Code, alter(c, target{ofBroker, "", false}, change{"log.retention.ms", set, "5"}))
}
