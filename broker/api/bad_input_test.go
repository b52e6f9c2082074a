package api_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// badCase is one request to Kafka 3.9, and what came of it.
type badCase struct {
	Name            string
	Key             int16
	Version         int16
	Request         string // hex, with the length; cut when RequestBytes is set
	RequestBytes    int
	Outcome         string
	Response        string // hex, without the length
	ResponseVersion *int16
	After           string
}

// recorded is when the requests were made: some are about time.
var recorded = time.UnixMilli(1795254169600)

// better are the cases in which the answer is not Kafka's, and why. The code is
// that of the only partition; where records are refused that Kafka took, later
// offsets are lower.
var better = map[string]struct {
	code *kerr.Error
	why  string
}{
	"Produce v8 null records":              {kerr.InvalidRecord, "Kafka never answers, and the connection stays blocked"},
	"Produce v9 null records":              {kerr.InvalidRecord, "likewise"},
	"Produce v8 codec 1 with garbage":      {kerr.CorruptMessage, "the data is corrupt, which UNKNOWN_SERVER_ERROR does not say"},
	"Produce v8 codec 2 with garbage":      {kerr.CorruptMessage, "likewise"},
	"Produce v8 codec 3 with garbage":      {kerr.CorruptMessage, "likewise"},
	"Produce v8 codec 4 with garbage":      {kerr.CorruptMessage, "likewise"},
	"Produce v8 gzip truncated":            {kerr.CorruptMessage, "likewise"},
	"Produce v2 magic 1 gzip garbage":      {kerr.CorruptMessage, "likewise"},
	"Produce v8 record varint too long":    {kerr.InvalidRecord, "the record is malformed, which UNKNOWN_SERVER_ERROR does not say"},
	"Produce v8 codec 5":                   {kerr.UnsupportedCompressionType, "there is no such codec, which UNKNOWN_SERVER_ERROR does not say"},
	"Produce v8 codec 6":                   {kerr.UnsupportedCompressionType, "likewise"},
	"Produce v8 codec 7":                   {kerr.UnsupportedCompressionType, "likewise"},
	"Produce v8 record offset deltas 0, 0": {kerr.InvalidRecord, "Kafka stores wrong offset deltas"},
	"Produce v8 record offset deltas 0, 5": {kerr.InvalidRecord, "likewise"},
}

func badCases(t *testing.T) (all []badCase) {
	f, err := os.Open("testdata/bad-input-records.jsonl")
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c badCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		all = append(all, c)
	}
	require.NoError(t, lines.Err())
	return all
}

// bytes returns the request. A long one was cut inside the last record's value,
// which is all 'x', with the number of headers, 0, behind it.
func (c *badCase) bytes(t *testing.T) []byte {
	b, err := hex.DecodeString(strings.TrimSuffix(c.Request, "..."))
	require.NoError(t, err)
	if c.RequestBytes > 0 {
		b = append(b, bytes.Repeat([]byte{'x'}, c.RequestBytes-len(b)-1)...)
		b = append(b, 0)
	}
	return b
}

// badInputNode has the topics of the broker that was asked.
func badInputNode(t *testing.T) *node {
	begin := time.Now()
	n := startWith(t, options{now: func() time.Time { return recorded.Add(time.Since(begin)) }})
	n.topic("t", 1)
	n.topic("comp", 1, "cleanup.policy", "compact")
	n.topic("small", 1, "max.message.bytes", "1000")
	n.topic("smallseg", 1, "segment.bytes", "2000")
	n.topic("zstd", 1, "compression.type", "zstd")
	n.topic("appendtime", 1, "message.timestamp.type", "LogAppendTime")
	n.topic("limited", 1, "message.timestamp.before.max.ms", "1000000", "message.timestamp.after.max.ms", "1000000")
	n.topic("__consumer_offsets", 1)
	return n
}

// Every request that Kafka was asked, in the same order, gets Kafka's answer,
// or a better one that is named above.
func TestBadInputGetsKafkasAnswer(t *testing.T) {
	n := badInputNode(t)
	seen := 0
	for _, c := range badCases(t) {
		seen++
		t.Run(c.Name, func(t *testing.T) {
			conn := n.connect()
			conn.t = t
			_, err := conn.conn.Write(c.bytes(t))
			require.NoError(t, err)
			if strings.HasPrefix(c.Outcome, "no answer") && c.After == "open" {
				conn.open(t) // acks=0: the next answer is the next request's
				return
			}
			got := conn.frame()
			if b, ok := better[c.Name]; ok {
				require.Equal(t, b.code.Code, produced(decoded(t, &c, got).(*kmsg.ProduceResponse)).ErrorCode, b.why)
				conn.open(t)
				return
			}
			if c.Outcome == "connection closed" {
				require.Nil(t, got)
				return
			}
			want, err := hex.DecodeString(c.Response)
			require.NoError(t, err)
			require.Equal(t, comparable(decoded(t, &c, want)), comparable(decoded(t, &c, got)))
			conn.open(t)
		})
	}
	require.Greater(t, seen, 200)
}

// open checks that the connection still answers.
func (c *client) open(t *testing.T) {
	t.Helper()
	require.Zero(t, versions(c, 0).ErrorCode)
}

func decoded(t *testing.T, c *badCase, frame []byte) kmsg.Response {
	t.Helper()
	require.NotNil(t, frame, "the connection was closed")
	a := kmsg.ResponseForKey(c.Key)
	a.SetVersion(c.Version)
	if c.ResponseVersion != nil {
		a.SetVersion(*c.ResponseVersion)
	}
	body := frame[4:]
	if a.IsFlexible() && c.Key != 18 {
		body = body[1:]
	}
	require.NoError(t, a.ReadFrom(body))
	return a
}

// comparable makes equal what differs between any two brokers: how much others
// have written before, times, ids drawn by chance, the order of a map.
func comparable(a kmsg.Response) kmsg.Response {
	switch a := a.(type) {
	case *kmsg.ApiVersionsResponse:
		if a.ErrorCode == 0 {
			a.ApiKeys = nil // fewer APIs; see TestApiVersionsTellWhatIsServed
		}
		a.SupportedFeatures, a.FinalizedFeaturesEpoch, a.ZkMigrationReady = nil, 0, false
	case *kmsg.ProduceResponse:
		for i := range a.Topics {
			for j := range a.Topics[i].Partitions {
				comparableRow(&a.Topics[i].Partitions[j])
			}
		}
	case *kmsg.FetchResponse:
		a.SessionID = min(a.SessionID, 1)
		for i := range a.Topics {
			for j := range a.Topics[i].Partitions {
				p := &a.Topics[i].Partitions[j]
				p.HighWatermark, p.LastStableOffset = min(p.HighWatermark, 0), min(p.LastStableOffset, 0)
				p.RecordBatches = p.RecordBatches[:min(1, len(p.RecordBatches))]
				if p.RecordBatches == nil {
					p.RecordBatches = []byte{} // one case: Kafka's is null
				}
			}
		}
	case *kmsg.ListOffsetsResponse:
		p := &a.Topics[0].Partitions[0]
		p.Offset, p.Timestamp = min(p.Offset, 0), min(p.Timestamp, 0)
		for i := range p.OldStyleOffsets {
			p.OldStyleOffsets[i] = min(p.OldStyleOffsets[i], 0)
		}
	case *kmsg.OffsetForLeaderEpochResponse:
		p := &a.Topics[0].Partitions[0]
		p.EndOffset = min(p.EndOffset, 0)
	case *kmsg.DescribeProducersResponse:
		for i := range a.Topics[0].Partitions {
			a.Topics[0].Partitions[i].ActiveProducers = nil // see TestDescribeProducers
		}
	}
	return a
}

func comparableRow(p *kmsg.ProduceResponseTopicPartition) {
	p.BaseOffset, p.LogAppendTime = min(p.BaseOffset, 0), min(p.LogAppendTime, 0)
	for i := range p.ErrorRecords {
		// The texts hold times and Java's names of things.
		p.ErrorRecords[i].ErrorMessage = nil
	}
	if p.ErrorMessage != nil && p.ErrorCode == kerr.InvalidTimestamp.Code {
		p.ErrorMessage = kmsg.StringPtr("")
	}
}
