package api_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchOf is a batch of magic 2 with one record per value.
type batchOf struct {
	values     []string
	key        string
	noKey      bool
	timestamp  int64
	attributes int16
	producer   int64 // 0: none
	epoch      int16
	sequence   int32
}

// batch makes the bytes of n records with values "0", "1", …
func batch(n int) []byte {
	var b batchOf
	for i := range n {
		b.values = append(b.values, fmt.Sprint(i))
	}
	return b.bytes()
}

func (b batchOf) bytes() []byte {
	out := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: b.attributes,
		LastOffsetDelta: int32(len(b.values) - 1), FirstTimestamp: b.timestamp, MaxTimestamp: b.timestamp,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(b.values)),
	}
	if b.producer != 0 {
		out.ProducerID, out.ProducerEpoch, out.FirstSequence = b.producer, b.epoch, b.sequence
	}
	for i, v := range b.values {
		r := kmsg.Record{OffsetDelta: int32(i), Value: []byte(v)}
		if !b.noKey {
			r.Key = []byte("k" + b.key)
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		out.Records = r.AppendTo(out.Records)
	}
	out.Length = int32(49 + len(out.Records))
	raw := out.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], castagnoli))
	return raw
}

// produce makes a request for partition 0 of a topic.
func produce(topic string, acks int16, records []byte) *kmsg.ProduceRequest {
	q := kmsg.NewPtrProduceRequest()
	q.Acks, q.TimeoutMillis = acks, 5000
	addRecords(q, topic, 0, records)
	return q
}

func addRecords(q *kmsg.ProduceRequest, topic string, index int32, records []byte) {
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = index, records
	for i := range q.Topics {
		if q.Topics[i].Topic == topic {
			q.Topics[i].Partitions = append(q.Topics[i].Partitions, p)
			return
		}
	}
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	t.Partitions = append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
}

// produced is the row of the only partition of an answer.
func produced(a *kmsg.ProduceResponse) kmsg.ProduceResponseTopicPartition {
	return a.Topics[0].Partitions[0]
}

// fetch makes a request without a session for partition 0 of a topic, that does
// not wait.
func fetch(topic string, offset int64) *kmsg.FetchRequest {
	q := kmsg.NewPtrFetchRequest()
	q.MinBytes, q.MaxBytes, q.SessionEpoch = 1, 1<<20, -1
	addPartition(q, topic, 0, offset)
	return q
}

func addPartition(q *kmsg.FetchRequest, topic string, index int32, offset int64) {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = index, offset, 1<<20
	for i := range q.Topics {
		if q.Topics[i].Topic == topic {
			q.Topics[i].Partitions = append(q.Topics[i].Partitions, p)
			return
		}
	}
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, idOf(topic)
	t.Partitions = append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
}

// fetched is the row of the only partition of an answer.
func fetched(a *kmsg.FetchResponse) kmsg.FetchResponseTopicPartition {
	return a.Topics[0].Partitions[0]
}

// offsets lists the base offsets of the batches in a record set.
func offsets(set []byte) (out []int64) {
	for len(set) >= 12 {
		size := 12 + int(binary.BigEndian.Uint32(set[8:]))
		if size > len(set) {
			return append(out, -1) // cut short
		}
		out = append(out, int64(binary.BigEndian.Uint64(set)))
		set = set[size:]
	}
	return out
}
