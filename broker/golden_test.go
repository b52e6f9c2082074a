package broker_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker"
)

// exchange is one request as it was sent to Apache Kafka 3.9.2, with what came
// back.
type exchange struct {
	Name            string          `json:"name"`
	API             string          `json:"api"`
	Key             *int16          `json:"key"`
	Version         int16           `json:"version"`
	ResponseVersion *int16          `json:"responseVersion"`
	Framed          bool            `json:"framed"`
	Request         string          `json:"request"`
	Response        *string         `json:"response"`
	ResponseJSON    json.RawMessage `json:"responseJson"`
	Outcome         string          `json:"outcome"`
	After           string          `json:"after"`
}

// readExchanges reads a file of recorded exchanges.
func readExchanges(t *testing.T, path string) []exchange {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []exchange
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var e exchange
		require.NoError(t, json.Unmarshal(s.Bytes(), &e))
		all = append(all, e)
	}
	require.NoError(t, s.Err())
	return all
}

// frame is the request with its length in front.
func (e exchange) frame(t *testing.T) []byte {
	t.Helper()
	raw, err := hex.DecodeString(e.Request)
	require.NoError(t, err)
	if e.Framed || e.Key == nil {
		return raw
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
}

// start runs a broker inside the test.
func start(t *testing.T, set ...string) *broker.Broker {
	t.Helper()
	return startIn(t, t.TempDir(), set...)
}

// startIn runs a broker on the data directories given.
func startIn(t *testing.T, dirs string, set ...string) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Config{DataDir: dirs, Set: set})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	select {
	case <-b.Ready():
	case err := <-done:
		done <- err
		require.NoError(t, err, "the broker ended before it was ready")
	}
	return b
}

// admin returns an admin client of b.
func admin(t *testing.T, b *broker.Broker, opts ...kgo.Opt) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Addr().String()))...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// peer is a bare connection to a broker.
type peer struct{ net.Conn }

// dial connects.
func dial(t *testing.T, b *broker.Broker) peer {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return peer{c}
}

// errNoAnswer means that nothing came in time.
var errNoAnswer = errors.New("no answer")

// read reads one answer, without its length. io.EOF: the connection was closed.
func (p peer) read(wait time.Duration) ([]byte, error) {
	if err := p.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(p, head[:]); err != nil {
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			return nil, errNoAnswer
		}
		return nil, io.EOF
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(p, body); err != nil {
		return nil, io.EOF
	}
	return body, nil
}

// decodeResponse decodes an answer that begins with its header.
func decodeResponse(t *testing.T, key, version int16, raw []byte) kmsg.Response {
	t.Helper()
	m := kmsg.ResponseForKey(key)
	m.SetVersion(version)
	body := raw[4:]
	if m.IsFlexible() && key != int16(kmsg.ApiVersions) {
		require.Zero(t, body[0], "tagged fields in the response header")
		body = body[1:]
	}
	require.NoError(t, m.ReadFrom(body))
	return m
}

// served tells whether leat offers a version of an API.
func served(t *testing.T, b *broker.Broker) func(key, version int16) bool {
	t.Helper()
	p := dial(t, b)
	_, err := p.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255})
	require.NoError(t, err)
	raw, err := p.read(20 * time.Second)
	require.NoError(t, err)
	answer := decodeResponse(t, 18, 0, raw).(*kmsg.ApiVersionsResponse)
	return func(key, version int16) bool {
		return slices.ContainsFunc(answer.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
			return k.ApiKey == key && k.MinVersion <= version && version <= k.MaxVersion
		})
	}
}

// produce writes values to partition 0 of a topic in one batch.
func produce(t *testing.T, b *broker.Broker, topic string, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr().String()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer cl.Close()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Value: []byte(v)})
	}
	require.NoError(t, cl.ProduceSync(t.Context(), records...).FirstErr())
}

// warmUp has the internal topic made, as the recorded brokers had it.
func warmUp(t *testing.T, a *kadm.Client) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := a.FetchOffsets(t.Context(), "warm")
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
}

// sweepDiffers says why leat's answer to a request of the sweep has another
// shape than Kafka's, by API and, where it matters, a part of the path.
var sweepDiffers = map[string]string{
	"Metadata .Topics[1]":                "a topic that the request before has made is there at once",
	"InitProducerId .ErrorCode":          "leat has no transactions yet and says so",
	"DescribeAcls .ErrorCode":            "leat has no authorizer: SECURITY_DISABLED",
	"CreateAcls .Results":                "leat has no authorizer: SECURITY_DISABLED",
	"DeleteAcls .Results":                "leat has no authorizer: SECURITY_DISABLED",
	"DescribeProducers .ActiveProducers": "the recorded broker had a transactional producer too",
}

// TestEveryVersionIsAnsweredAsByKafka sends one request of every version of every
// API that leat offers, as Kafka got it, and compares the shapes of the answers.
// The recorded broker had an authorizer with a super user; leat has none.
func TestEveryVersionIsAnsweredAsByKafka(t *testing.T) {
	b := start(t, "offsets.topic.num.partitions=1", "group.initial.rebalance.delay.ms=0")
	a := admin(t, b)
	_, err := a.CreateTopic(t.Context(), 2, 1, nil, "sw")
	require.NoError(t, err)
	produce(t, b, "sw", "one", "two", "three", "four")
	warmUp(t, a)
	offered := served(t, b)
	exchanges := readExchanges(t, "testdata/every-version.jsonl")
	ids := topicIDs(t, exchanges, a)
	for _, e := range exchanges {
		if !offered(*e.Key, e.Version) {
			continue
		}
		t.Run(e.API+" "+string(rune('0'+e.Version/10))+string(rune('0'+e.Version%10)), func(t *testing.T) {
			p := dial(t, b)
			_, err := p.Write(ids(e.frame(t)))
			require.NoError(t, err)
			raw, err := p.read(20 * time.Second)
			require.NoError(t, err)
			want, err := hex.DecodeString(*e.Response)
			require.NoError(t, err)
			require.Equal(t, want[:4], raw[:4], "correlation id")
			diff := differences(shape(decodeResponse(t, *e.Key, e.Version, want)), shape(decodeResponse(t, *e.Key, e.Version, raw)))
			diff = slices.DeleteFunc(diff, func(d string) bool { return explained(e.API, d) })
			require.Empty(t, diff, strings.Join(diff, "\n"))
		})
	}
}

// explained tells whether a difference has a reason.
func explained(api, difference string) bool {
	for where := range sweepDiffers {
		name, path, _ := strings.Cut(where, " ")
		if name == api && strings.Contains(difference, path) {
			return true
		}
	}
	return false
}

// topicIDs returns a function that puts the id of leat's topic sw in the place
// of the recorded one.
func topicIDs(t *testing.T, exchanges []exchange, a *kadm.Client) func([]byte) []byte {
	t.Helper()
	details, err := a.ListTopics(t.Context(), "sw")
	require.NoError(t, err)
	ours := details["sw"].ID
	var recorded []byte
	for _, e := range exchanges {
		if e.API == "Metadata" && e.Version == 12 {
			raw, err := hex.DecodeString(*e.Response)
			require.NoError(t, err)
			for _, topic := range decodeResponse(t, 3, 12, raw).(*kmsg.MetadataResponse).Topics {
				if *topic.Topic == "sw" {
					recorded = topic.TopicID[:]
				}
			}
		}
	}
	require.NotEmpty(t, recorded)
	return func(frame []byte) []byte { return bytes.ReplaceAll(frame, recorded, ours[:]) }
}
