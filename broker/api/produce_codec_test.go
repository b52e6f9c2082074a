package api

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/record"
)

// produceVersions is what the codec must be able to do.
const produceVersions = 12

// randomProduce makes a Produce request with some null records.
func randomProduce(r *rand.Rand, version int16) (*kmsg.ProduceRequest, []byte) {
	q := kmsg.NewPtrProduceRequest()
	randomMessage(r, q)
	for i := range q.Topics {
		for j := range q.Topics[i].Partitions {
			if r.IntN(4) == 0 {
				q.Topics[i].Partitions[j].Records = nil
			}
		}
	}
	q.SetVersion(version)
	return q, q.AppendTo(nil)
}

func TestProduceRequestIsReadAsKmsgReadsIt(t *testing.T) {
	for version := range int16(produceVersions) {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(version)))
			var c produceCall
			for range 200 {
				want, body := randomProduce(r, version)
				c.reset()
				require.NoError(t, c.decode(body, version))
				sameProduce(t, want, &c)
				for n := range body {
					c.reset()
					require.ErrorIs(t, c.decode(body[:n], version), ErrMalformed)
				}
				c.reset()
				require.NoError(t, c.decode(append(body, "junk"...), version))
			}
		})
	}
}

func sameProduce(t *testing.T, want *kmsg.ProduceRequest, got *produceCall) {
	t.Helper()
	require.Equal(t, want.Acks, got.acks)
	require.Equal(t, want.TimeoutMillis, got.timeoutMs)
	if want.Version >= 3 {
		require.Equal(t, want.TransactionID != nil, got.transactional)
		if got.transactional {
			require.Equal(t, *want.TransactionID, string(got.transactionID))
		}
	}
	i := 0
	for run, topic := range want.Topics {
		for _, p := range topic.Partitions {
			part := &got.parts[i]
			require.Equal(t, topic.Topic, string(part.topic))
			require.Equal(t, run, part.run)
			require.Equal(t, p.Partition, part.index)
			require.Equal(t, p.Records == nil, part.records == nil)
			require.Equal(t, string(p.Records), string(part.records))
			i++
		}
	}
	require.Len(t, got.parts, i)
}

// randomRows makes an answer, ours and kmsg's.
func randomRows(r *rand.Rand, version int16) (*produceCall, *kmsg.ProduceResponse) {
	c, want := &produceCall{version: version}, kmsg.NewPtrProduceResponse()
	want.SetVersion(version)
	for run := range r.IntN(4) {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = string(randomBytes(r))
		for range r.IntN(4) {
			p := producePart{topic: []byte(topic.Topic), run: run, index: int32(r.Uint32()), skip: r.IntN(5) == 0}
			row := p.random(r, version)
			c.parts = append(c.parts, p)
			if !p.skip {
				topic.Partitions = append(topic.Partitions, row)
			}
		}
		if len(topic.Partitions) > 0 {
			want.Topics = append(want.Topics, topic)
		}
	}
	if version >= 10 {
		c.nodes, want.Brokers = randomNodes(r)
	}
	return c, want
}

// random fills the row and gives kmsg's.
func (p *producePart) random(r *rand.Rand, version int16) kmsg.ProduceResponseTopicPartition {
	row := kmsg.NewProduceResponseTopicPartition()
	p.code, p.baseOffset, p.appendTime, p.logStart = int16(r.IntN(100)), r.Int64(), r.Int64(), r.Int64()
	row.Partition, row.ErrorCode, row.BaseOffset, row.LogAppendTime, row.LogStartOffset = p.index, p.code, p.baseOffset, p.appendTime, p.logStart
	for range r.IntN(3) {
		fault := record.RecordError{Index: r.IntN(1000), Message: string(randomBytes(r))}
		p.faults = append(p.faults, fault)
		e := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		e.RelativeOffset, e.ErrorMessage = int32(fault.Index), &fault.Message
		row.ErrorRecords = append(row.ErrorRecords, e)
	}
	if r.IntN(2) == 0 {
		text := string(randomBytes(r))
		p.message, row.ErrorMessage = &text, &text
	}
	if version >= 10 && r.IntN(2) == 0 {
		p.hint = hint{known: true, id: int32(r.IntN(100)), epoch: int32(r.IntN(100))}
		row.CurrentLeader.LeaderID, row.CurrentLeader.LeaderEpoch = p.hint.id, p.hint.epoch
	}
	return row
}

func randomNodes(r *rand.Rand) (ours []endpoint, theirs []kmsg.ProduceResponseBroker) {
	for range r.IntN(3) {
		n := endpoint{id: int32(r.Uint32()), host: string(randomBytes(r)), port: int32(r.IntN(65536))}
		b := kmsg.NewProduceResponseBroker()
		if r.IntN(2) == 0 {
			rack := string(randomBytes(r))
			n.rack, b.Rack = &rack, &rack
		}
		b.NodeID, b.Host, b.Port = n.id, n.host, n.port
		ours, theirs = append(ours, n), append(theirs, b)
	}
	return ours, theirs
}

func TestProduceResponseIsWrittenAsKmsgWritesIt(t *testing.T) {
	for version := range int16(produceVersions) {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, uint64(version)))
			for range 300 {
				c, want := randomRows(r, version)
				require.Equal(t, want.AppendTo(nil), c.encode(nil))
			}
		})
	}
}

// A length in the request makes nothing be allocated for what does not come.
func TestProduceLengthBombs(t *testing.T) {
	for _, body := range [][]byte{
		{0xff, 0xff, 0, 1, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff},                                                // topics
		{0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 0x7f, 0xff, 0xff, 0xff},                         // partitions
		{0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, // records
	} {
		var c produceCall
		require.ErrorIs(t, c.decode(body, 8), ErrMalformed)
		require.LessOrEqual(t, cap(c.parts), 8)
	}
}

func FuzzProduceDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 3))
	for version := range int16(produceVersions) {
		for range 3 {
			_, body := randomProduce(r, version)
			f.Add(version, body)
		}
	}
	var c produceCall
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 0 || version >= produceVersions {
			return
		}
		c.reset()
		err := c.decode(body, version)
		if len(c.parts) > len(body) {
			t.Fatalf("%d parts of %d bytes", len(c.parts), len(body))
		}
		want := kmsg.NewPtrProduceRequest()
		want.SetVersion(version)
		if err == nil && want.ReadFrom(body) == nil { // kmsg would loop for ever on some that are refused
			sameProduce(t, want, &c)
		}
	})
}

func BenchmarkProduceDecode(b *testing.B) {
	c, body := produceOf(16, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		c.reset()
		if err := c.decode(body, 9); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProduceEncode(b *testing.B) {
	c, body := produceOf(16, 100)
	if err := c.decode(body, 9); err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = c.encode(buf[:0])
	}
}

// produceOf makes a request of version 9 for so many partitions.
func produceOf(partitions, bytes int) (*produceCall, []byte) {
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks, q.TimeoutMillis = 9, 1, math.MaxInt32
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "a-topic-of-usual-length"
	for i := range partitions {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i), make([]byte, bytes)
		topic.Partitions = append(topic.Partitions, p)
	}
	q.Topics = append(q.Topics, topic)
	return new(produceCall), q.AppendTo(nil)
}

func TestProduceCodecAllocatesNothing(t *testing.T) {
	c, body := produceOf(16, 1024)
	var buf []byte
	got := testing.AllocsPerRun(100, func() {
		c.reset()
		if err := c.decode(body, 9); err != nil {
			t.Fatal(err)
		}
		buf = c.encode(buf[:0])
	})
	require.Zero(t, got)
}
