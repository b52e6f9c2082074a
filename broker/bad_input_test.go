package broker_test

import (
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// badInputTopics are the topics that the recorded broker had.
var badInputTopics = map[string]map[string]string{
	"t": {}, "comp": {"cleanup.policy": "compact"}, "small": {"max.message.bytes": "1000"},
	"smallseg": {"segment.bytes": "2000"}, "zstd": {"compression.type": "zstd"},
	"appendtime": {"message.timestamp.type": "LogAppendTime"},
	"limited":    {"message.timestamp.before.max.ms": "1000000", "message.timestamp.after.max.ms": "1000000"},
}

// badInputCut are recorded only in part.
var badInputCut = []string{"Produce v8 too large", "Produce v8 larger than a segment", "OffsetCommit v3 metadata of 4097 bytes"}

// better names the cases in which leat answers otherwise than Kafka, and why.
var better = map[string]string{
	"Produce v8 null records": nullRecords, "Produce v9 null records": nullRecords,
	"Produce v8 codec 1 with garbage": garbage, "Produce v8 codec 2 with garbage": garbage,
	"Produce v8 codec 3 with garbage": garbage, "Produce v8 codec 4 with garbage": garbage,
	"Produce v8 gzip truncated": garbage, "Produce v2 magic 1 gzip garbage": garbage,
	"Produce v8 codec 5": unknownCodec, "Produce v8 codec 6": unknownCodec, "Produce v8 codec 7": unknownCodec,
	"Produce v8 record offset deltas 0, 0": deltas, "Produce v8 record offset deltas 0, 5": deltas,
	"Produce v8 record varint too long":                  "INVALID_RECORD, where Kafka has no code for it",
	"Fetch v11 isolation 7":                              "records are empty, not null, which clients stumble over",
	"InitProducerId v0 no id":                            firstID,
	"InitProducerId v3 no transactional id, producer id": firstID,
	"InitProducerId v3 unknown producer id":              transactional,
	"InitProducerId v1 fine":                             transactional,
	"FindCoordinator v1 type 1":                          transactional,
	"Metadata v0 empty topics":                           oneTopicLess,
	"Metadata v1 null topics":                            oneTopicLess,
	"Metadata v1 length -2":                              oneTopicLess,
	"DescribeProducers v0":                               "one of the recorded producers wrote what leat refuses",
	"two requests in one write":                          "two answers; see TestPipelinedRequestsAreAnsweredInOrder",
}

// The reasons.
const (
	nullRecords   = "answered, where Kafka never answers and the connection stays blocked"
	garbage       = "CORRUPT_MESSAGE instead of UNKNOWN_SERVER_ERROR"
	unknownCodec  = "UNSUPPORTED_COMPRESSION_TYPE instead of UNKNOWN_SERVER_ERROR"
	deltas        = "INVALID_RECORD instead of being stored otherwise than sent"
	firstID       = "a producer id at once instead of COORDINATOR_LOAD_IN_PROGRESS"
	transactional = "leat has no transactions yet and says so"
	oneTopicLess  = "the recorded broker had __transaction_state too"
)

// betterCodes are the error codes of leat's answer where that is the point.
var betterCodes = map[string]string{
	nullRecords: "code 87", garbage: "code 2", unknownCodec: "code 76", deltas: "code 87", firstID: "code 0", transactional: "code 35",
}

// TestBadInputGetsKafkasAnswerOrABetterOne sends every recorded case, in order,
// each on a connection of its own, and compares outcome, shape and error codes,
// and whether the connection still answers afterwards.
func TestBadInputGetsKafkasAnswerOrABetterOne(t *testing.T) {
	b := start(t, "offsets.topic.num.partitions=1", "auto.create.topics.enable=true")
	a := admin(t, b)
	for name, configs := range badInputTopics {
		values := map[string]*string{}
		for k, v := range configs {
			values[k] = &v
		}
		_, err := a.CreateTopic(t.Context(), 1, 1, values, name)
		require.NoError(t, err)
	}
	warmUp(t, a)
	offered := served(t, b)
	for _, e := range readExchanges(t, "testdata/bad-input.jsonl") {
		if slices.Contains(badInputCut, e.Name) {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			p := dial(t, b)
			_, err := p.Write(e.frame(t))
			require.NoError(t, err)
			if e.Name == "half a frame, then end of stream" {
				require.NoError(t, p.Close())
				return
			}
			raw, err := p.read(waitFor(e))
			if e.Key != nil && !offered(*e.Key, e.Version) && *e.Key != int16(kmsg.ApiVersions) {
				require.Equal(t, io.EOF, err, "an API or version that is not offered closes the connection")
				return
			}
			if why, ok := better[e.Name]; ok {
				require.NoError(t, err, why)
				requireCode(t, e, raw, betterCodes[why])
				return
			}
			switch {
			case strings.HasPrefix(e.Outcome, "answered"):
				require.NoError(t, err)
				compareAnswer(t, e, raw)
			case e.Outcome == "connection closed":
				require.Equal(t, io.EOF, err)
				return
			default:
				require.Equal(t, errNoAnswer, err)
			}
			if e.After == "open" {
				requireOpen(t, p)
			}
		})
	}
}

// requireCode wants an error code somewhere in the answer; "" wants nothing.
func requireCode(t *testing.T, e exchange, raw []byte, code string) {
	t.Helper()
	if code != "" {
		require.Contains(t, slices.Collect(maps.Values(shape(decodeResponse(t, *e.Key, e.Version, raw)))), code)
	}
}

// TestPipelinedRequestsAreAnsweredInOrder sends many requests at once, as a
// client does that does not wait.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	b := start(t)
	p := dial(t, b)
	request := func(correlation byte) []byte {
		return []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, correlation, 255, 255}
	}
	var all []byte
	for i := range byte(50) {
		all = append(all, request(i)...)
	}
	_, err := p.Write(all)
	require.NoError(t, err)
	for i := range byte(50) {
		raw, err := p.read(20 * time.Second)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 0, 0, i}, raw[:4])
	}
}

// waitFor is how long to wait for an answer: briefly where Kafka gave none.
func waitFor(e exchange) time.Duration {
	if strings.HasPrefix(e.Outcome, "no answer") {
		return 500 * time.Millisecond
	}
	return 20 * time.Second
}

// compareAnswer holds leat's answer against Kafka's.
func compareAnswer(t *testing.T, e exchange, raw []byte) {
	t.Helper()
	if e.Key == nil || e.Response == nil {
		return
	}
	want, err := hex.DecodeString(*e.Response)
	require.NoError(t, err)
	version := e.Version
	if e.ResponseVersion != nil {
		version = *e.ResponseVersion
	}
	require.Equal(t, want[:4], raw[:4], "correlation id")
	diff := differences(shape(decodeResponse(t, *e.Key, version, want)), shape(decodeResponse(t, *e.Key, version, raw)))
	require.Empty(t, diff, strings.Join(diff, "\n"))
}

// requireOpen sends ApiVersions and wants its answer.
func requireOpen(t *testing.T, p peer) {
	t.Helper()
	_, err := p.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 77, 255, 255})
	require.NoError(t, err)
	raw, err := p.read(20 * time.Second)
	require.NoError(t, err, "the connection should still answer")
	require.Equal(t, byte(77), raw[3])
}
