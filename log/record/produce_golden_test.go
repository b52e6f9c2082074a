package record_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// producePartition is what Kafka answered for one partition of a recorded Produce.
type producePartition struct {
	ErrorCode       int16
	ErrorMessage    *string
	LogAppendTimeMs int64
	LogStartOffset  int64
	RecordErrors    []struct {
		BatchIndex             int
		BatchIndexErrorMessage string
	}
}

// produceCase is one recorded Produce request, see testdata/bad-produce.jsonl.
type produceCase struct {
	Name         string
	Version      int16
	Request      string
	RequestBytes int // set when the request was cut for the recording
	Outcome      string
	ResponseJSON *struct {
		Responses []struct{ PartitionResponses []producePartition }
	} `json:"responseJson"`
}

// The error codes that a record set alone can earn.
var kindCode = map[error]int16{
	record.ErrCorrupt:                2,
	record.ErrTooLarge:               10,
	record.ErrInvalidTimestamp:       32,
	record.ErrUnsupportedCompression: 76,
	record.ErrInvalidRecord:          87,
}

// betterThanKafka names the cases that leat answers otherwise, and with what.
var betterThanKafka = map[string]struct {
	kind error
	why  string
}{
	"Produce v8 null records":                  {record.ErrInvalidRecord, "Kafka never answers"},
	"Produce v9 null records":                  {record.ErrInvalidRecord, "Kafka never answers"},
	"Produce v8 codec 1 with garbage":          {record.ErrCorrupt, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 codec 2 with garbage":          {record.ErrCorrupt, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 codec 3 with garbage":          {record.ErrCorrupt, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 codec 4 with garbage":          {record.ErrCorrupt, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 gzip truncated":                {record.ErrCorrupt, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v2 magic 1 gzip garbage":          {record.ErrCorrupt, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 codec 5":                       {record.ErrUnsupportedCompression, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 codec 6":                       {record.ErrUnsupportedCompression, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 codec 7":                       {record.ErrUnsupportedCompression, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 record varint too long":        {record.ErrInvalidRecord, "Kafka: UNKNOWN_SERVER_ERROR"},
	"Produce v8 record offset deltas 0, 0":     {record.ErrInvalidRecord, "Kafka stores two records of one offset"},
	"Produce v8 record offset deltas 0, 5":     {record.ErrInvalidRecord, "Kafka stores a record beyond its batch"},
	"Produce v8 control and transactional":     {record.ErrInvalidRecord, "the transactional id is checked before, elsewhere"},
	"Produce v8 transactional batch, empty id": {nil, "the transactional id is checked elsewhere"},
}

// decidedElsewhere are error codes that need a topic, a log or a coordinator.
var decidedElsewhere = map[int16]bool{3: true, 17: true, 18: true, 21: true, 45: true, 47: true, 49: true, 53: true}

// rulesOf are the rules of the topics of the recording, at the time of the recording.
func rulesOf(topic string, version int16) record.Rules {
	r := record.Rules{
		ProduceVersion: version, MaxBatchBytes: 1048588, MaxInflatedBytes: 64 << 20,
		TimestampBeforeMaxMs: math.MaxInt64, TimestampAfterMaxMs: math.MaxInt64,
		NowMs: 1795254169668, Partition: topic + "-0",
	}
	switch topic {
	case "comp":
		r.Compacted = true
	case "small":
		r.MaxBatchBytes = 1000
	case "zstd":
		r.Recompress, r.Codec = true, compress.Zstd
	case "appendtime":
		r.LogAppendTime = true
	case "limited":
		r.TimestampBeforeMaxMs, r.TimestampAfterMaxMs = 1000000, 1000000
	}
	return r
}

func TestPrepareAnswersAsKafkaDid(t *testing.T) {
	cases := 0
	for _, c := range readProduceCases(t) {
		topics, ok := decodeProduce(t, c)
		if !ok {
			continue
		}
		for i, topic := range topics {
			for k, p := range topic.Partitions {
				want, ok := c.answer(i, k)
				if !ok {
					continue
				}
				cases++
				t.Run(c.Name, func(t *testing.T) { checkProduce(t, c, topic.Topic, p.Records, want) })
			}
		}
	}
	require.Greater(t, cases, 90, "the recording has gone missing")
}

func checkProduce(t *testing.T, c produceCase, topic string, set []byte, want producePartition) {
	rules := rulesOf(topic, c.Version)
	if want.LogAppendTimeMs > 0 {
		rules.NowMs = want.LogAppendTimeMs
	}
	if topic == "limited" {
		rules.NowMs = clockOf(t, want)
	}
	var scratch record.Scratch
	p, err := record.Prepare(set, rules, &scratch)
	if better, ok := betterThanKafka[c.Name]; ok {
		require.ErrorIs(t, err, better.kind, "better than Kafka: %s", better.why)
		return
	}
	if want.ErrorCode == 0 {
		require.NoError(t, err)
		require.True(t, p.Offsets > 0 || c.Version < 3)
		return
	}
	var e *record.Error
	require.True(t, errors.As(err, &e), "got %v", err)
	require.Equal(t, want.ErrorCode, kindCode[e.Kind], "%v", err)
	if c.Version < 8 {
		return
	}
	var message string
	if want.ErrorMessage != nil {
		message = *want.ErrorMessage
	}
	require.Equal(t, message, e.Message)
	require.Len(t, e.Records, len(want.RecordErrors))
	for i, r := range want.RecordErrors {
		require.Equal(t, record.RecordError{Index: r.BatchIndex, Message: r.BatchIndexErrorMessage}, e.Records[i])
	}
	withoutLog := e.Early || errors.Is(e.Kind, record.ErrCorrupt) || errors.Is(e.Kind, record.ErrTooLarge)
	require.Equal(t, want.LogStartOffset == -1, withoutLog, "log start offset is answered unless the log was not asked")
}

// clockOf reads Kafka's clock off the range that its refusal names.
func clockOf(t *testing.T, want producePartition) int64 {
	t.Helper()
	require.Len(t, want.RecordErrors, 1)
	_, bounds, found := strings.Cut(want.RecordErrors[0].BatchIndexErrorMessage, "within [")
	require.True(t, found)
	var oldest, newest int64
	_, err := fmt.Sscanf(bounds, "%d, %d]", &oldest, &newest)
	require.NoError(t, err)
	return (oldest + newest) / 2
}

// answer gives Kafka's answer for a partition, and false when it tells nothing of the records.
func (c produceCase) answer(topic, partition int) (producePartition, bool) {
	if _, ok := betterThanKafka[c.Name]; ok {
		return producePartition{}, true
	}
	if c.ResponseJSON == nil || len(c.ResponseJSON.Responses) <= topic ||
		len(c.ResponseJSON.Responses[topic].PartitionResponses) <= partition {
		return producePartition{}, false
	}
	p := c.ResponseJSON.Responses[topic].PartitionResponses[partition]
	return p, !decidedElsewhere[p.ErrorCode]
}

func readProduceCases(t testing.TB) []produceCase {
	t.Helper()
	f, err := os.Open("testdata/bad-produce.jsonl")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var list []produceCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c produceCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		list = append(list, c)
	}
	require.NoError(t, lines.Err())
	return list
}

// decodeProduce takes the request apart; false when it does not hold together.
func decodeProduce(t testing.TB, c produceCase) ([]kmsg.ProduceRequestTopic, bool) {
	t.Helper()
	if c.RequestBytes > 0 {
		return nil, false
	}
	raw, err := hex.DecodeString(c.Request)
	require.NoError(t, err)
	header := 4 + 8 + 2 + len("golden")
	if c.Version >= 9 {
		header++
	}
	if len(raw) < header {
		return nil, false
	}
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(c.Version)
	if req.ReadFrom(raw[header:]) != nil {
		return nil, false
	}
	return req.Topics, true
}
