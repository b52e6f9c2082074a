package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/leatmq/leat/tools/spawn"
)

// dial is a franz-go client of the broker.
func dial(t *testing.T, b *spawn.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addr)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// run runs a broker on a directory without stopping it in the end.
func run(t *testing.T, o spawn.Options) *spawn.Broker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	o.Bin = bin
	b, err := spawn.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.Kill())
		if t.Failed() {
			t.Logf("broker's log:\n%s", b.Log())
		}
	})
	return b
}

// The service manager is told when the broker is ready, and when it stops.
func TestServiceManagerIsTold(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer l.Close()
	b := run(t, spawn.Options{DataDir: filepath.Join(dir, "data"), Env: []string{"NOTIFY_SOCKET=" + socket}})
	buf := make([]byte, 4096)
	told := func(word string) {
		require.NoError(t, l.SetReadDeadline(time.Now().Add(20*time.Second)))
		n, err := l.Read(buf)
		require.NoError(t, err)
		require.Contains(t, string(buf[:n]), word)
	}
	told("READY=1")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, b.Stop(ctx))
	told("STOPPING=1")
}

// What a client says about itself cannot forge a line of the log.
func TestClientsCannotForgeTheLog(t *testing.T) {
	b := startBroker(t)
	c, err := net.Dial("tcp", b.Addr)
	require.NoError(t, err)
	defer c.Close()
	id := "evil\ntime=2026 level=ERROR msg=forged\x1b[31m"
	q := kmsg.NewPtrListGroupsRequest()
	q.SetVersion(4)
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(id)).AppendRequest(nil, q, 1)
	frame = frame[:len(frame)-2] // it ends too early, which is worth a line
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	_, err = c.Write(frame)
	require.NoError(t, err)
	_, err = io.ReadAll(c)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(b.Log(), "evil") }, 10*time.Second, 10*time.Millisecond)
	for line := range strings.Lines(b.Log()) {
		require.False(t, strings.HasPrefix(line, "time=2026 "), "forged: %q", line)
	}
	require.NotContains(t, b.Log(), "\x1b")
}

// A topic's limits and clock hold for clients.
func TestTopicSettingsHold(t *testing.T) {
	b := startBroker(t, "leat.fsync=group")
	createTopic(t, b, "stamped", 1, "message.timestamp.type=LogAppendTime")
	createTopic(t, b, "small", 1, "max.message.bytes=1000")
	cl := dial(t, b, kgo.ProducerBatchCompression(kgo.NoCompression()))
	before := time.Now().Truncate(time.Millisecond)
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{
		Topic: "stamped", Value: []byte("v"), Timestamp: time.Unix(1_000_000_000, 0),
	}).FirstErr())
	reader := dial(t, b, kgo.ConsumeTopics("stamped"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	got := reader.PollFetches(t.Context()).Records()
	require.Len(t, got, 1)
	require.False(t, got[0].Timestamp.Before(before), "the broker's clock, not the client's: %v", got[0].Timestamp)
	require.EqualValues(t, 1, got[0].Attrs.TimestampType())

	err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "small", Value: bytes.Repeat([]byte{1, 2, 3}, 500)}).FirstErr()
	require.ErrorIs(t, err, kerr.MessageTooLarge)
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "small", Value: []byte("v")}).FirstErr())
}

// Clients that know no zstd are told so.
func TestZstdForOldClients(t *testing.T) {
	b := startBroker(t)
	createTopic(t, b, "z", 1, "compression.type=zstd")
	cl := dial(t, b, kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "z", Value: bytes.Repeat([]byte("v"), 1000)}).FirstErr())
	for version, want := range map[int16]error{9: kerr.UnsupportedCompressionType, 10: nil} {
		q := kmsg.NewPtrFetchRequest()
		q.MaxBytes, q.MinBytes, q.MaxWaitMillis = 1<<20, 1, 100
		q.SessionEpoch = -1
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = "z"
		p := kmsg.NewFetchRequestTopicPartition()
		p.PartitionMaxBytes = 1 << 20
		topic.Partitions = append(topic.Partitions, p)
		q.Topics = append(q.Topics, topic)
		old := dial(t, b, kgo.MaxVersions(only(kmsg.Fetch, version)))
		answer, err := q.RequestWith(t.Context(), old)
		require.NoError(t, err)
		require.ErrorIs(t, kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode), want, "version %d", version)
	}
}

// What a group was told is known after a kill: its offsets, those that a 0.8
// client stored, and its static members.
func TestGroupsSurviveAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := run(t, spawn.Options{DataDir: dir})
	createTopic(t, b, "t", 1)
	cl := dial(t, b)
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t"}).FirstErr())
	commitOld(t, b, 41)
	member := joinStatic(t, b)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "t", Partition: 0, At: 1, LeaderEpoch: -1})
	require.NoError(t, kadm.NewClient(cl).CommitAllOffsets(t.Context(), "plain", offsets))
	require.NoError(t, b.Kill())

	b = run(t, spawn.Options{DataDir: dir})
	require.EqualValues(t, 41, fetchOld(t, b))
	kept, err := kadm.NewClient(dial(t, b)).FetchOffsets(t.Context(), "plain")
	require.NoError(t, err)
	at, ok := kept.Lookup("t", 0)
	require.True(t, ok)
	require.EqualValues(t, 1, at.At)
	require.NotEqual(t, member, joinStatic(t, b), "the member comes back under a new id")
	groups, err := kadm.NewClient(dial(t, b)).DescribeGroups(t.Context(), "static")
	require.NoError(t, err)
	require.Len(t, groups["static"].Members, 1, "and takes its own place: no second member")
}

// only lets a client use one version of a request.
func only(k kmsg.Key, version int16) *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(k.Int16(), version)
	return v
}

// joinStatic joins the group "static" as its instance "one", and returns the
// member id.
func joinStatic(t *testing.T, b *spawn.Broker) string {
	t.Helper()
	q := kmsg.NewPtrJoinGroupRequest()
	q.Group, q.ProtocolType = "static", "consumer"
	q.InstanceID = kmsg.StringPtr("one")
	q.SessionTimeoutMillis, q.RebalanceTimeoutMillis = 30_000, 30_000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	q.Protocols = append(q.Protocols, p)
	cl := dial(t, b)
	joined, err := q.RequestWith(t.Context(), cl)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(joined.ErrorCode))
	s := kmsg.NewPtrSyncGroupRequest()
	s.Group, s.Generation, s.MemberID = "static", joined.Generation, joined.MemberID
	s.InstanceID = q.InstanceID
	s.ProtocolType, s.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	a := kmsg.NewSyncGroupRequestGroupAssignment()
	a.MemberID, a.MemberAssignment = joined.MemberID, []byte("mine")
	s.GroupAssignment = append(s.GroupAssignment, a)
	synced, err := s.RequestWith(t.Context(), cl)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(synced.ErrorCode))
	return joined.MemberID
}

// commitOld commits as a client of Kafka 0.8 does.
func commitOld(t *testing.T, b *spawn.Broker, offset int64) {
	t.Helper()
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Group = "old"
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = "t"
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	topic.Partitions = append(topic.Partitions, p)
	q.Topics = append(q.Topics, topic)
	answer, err := q.RequestWith(t.Context(), dial(t, b, kgo.MaxVersions(only(kmsg.OffsetCommit, 0))))
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode), fmt.Sprint(answer))
}

// fetchOld asks as such a client for what it committed.
func fetchOld(t *testing.T, b *spawn.Broker) int64 {
	t.Helper()
	q := kmsg.NewPtrOffsetFetchRequest()
	q.Group = "old"
	topic := kmsg.NewOffsetFetchRequestTopic()
	topic.Topic, topic.Partitions = "t", []int32{0}
	q.Topics = append(q.Topics, topic)
	answer, err := q.RequestWith(t.Context(), dial(t, b, kgo.MaxVersions(only(kmsg.OffsetFetch, 0))))
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode))
	return answer.Topics[0].Partitions[0].Offset
}
